"""Word to people when a run fails, holds, is late or falls silent: automations of the Prefect server, made once and kept by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from prefect.automations import AutomationCore, CallWebhook, ChangeFlowRunState, EventTrigger
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events.schemas.automations import Posture
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from flows.deployments import TAG
from flows.errors import UserError, WrongUsage
from flows.serving import require_server

BLOCK = "seatledger-notify"
TELLS = "seatledger: a run failed, holds or is late"
NOTICES = "seatledger: a run fell silent"
_SILENT = timedelta(minutes=10)  # three heartbeats, which a run sends every 180 seconds
_ENDED_BADLY = ("Failed", "Crashed", "TimedOut", "Late", "Held*")
_ENDED = ("Completed", "Cancelled", "Held*", *_ENDED_BADLY)
_OURS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}

# Slack, Mattermost and Teams show `text`; the rest is for programs. The server fills it in when it happens: every value as JSON.
_TOLD = {
    "deployment": "deployment.name",
    "run": "flow_run.name",
    "state": "flow_run.state.name",
    "message": "flow_run.state.message",
    "page": "flow_run|ui_url",
}
_TEXT = (
    "(deployment.name ~ ', ' ~ flow_run.name ~ ': ' ~ flow_run.state.name ~ '. ' ~ (flow_run.state.message or '') ~ ' ' ~ "
    "(flow_run|ui_url or '')).rstrip()"  # a server without pages has no address of one
)
_PAYLOAD = "{" + ", ".join(f'"{name}": {{{{ ({value})|tojson }}}}' for name, value in {"text": _TEXT, **_TOLD}.items()) + "}"


def notify(url: str) -> None:
    """Tell a webhook of runs that fail, hold or are late, and end as crashed the ones that fall silent. Again: with the new address.

    Raises: UserError for what is no web address, or where no server is named or answers.
    """
    if not url.startswith(("http://", "https://")):
        raise WrongUsage("a notification goes to a web address that starts with https:// or http://.")  # it may hold a secret: not repeated
    require_server()
    with _asked_of_the_server() as client:
        block = Webhook(method="POST", url=url, headers={"content-type": "application/json"}).save(BLOCK, overwrite=True)
        _put(client, _teller(block))
        _put(client, _listener())


def notify_no_more() -> None:
    """Take the automations and the address away."""
    require_server()
    with _asked_of_the_server() as client:
        for name in (TELLS, NOTICES):
            for found in client.read_automations_by_name(name):
                client.delete_automation(found.id)
        try:
            Webhook.delete(BLOCK)
        except (ValueError, ObjectNotFound):
            return  # there was none


@contextmanager
def _asked_of_the_server() -> Iterator[SyncPrefectClient]:
    try:
        with get_client(sync_client=True) as client:
            yield client
    except PrefectHTTPStatusError as error:
        raise UserError(
            f"the Prefect server refused: HTTP {error.response.status_code}. Is it of the version that seatledger asks for?"
        ) from None


def _teller(block: object) -> AutomationCore:
    return AutomationCore(
        name=TELLS,
        description="Tells the webhook of the block seatledger-notify. Made by `seatledger notify`.",
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in _ENDED_BADLY},
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[CallWebhook(block_document_id=block, payload=_PAYLOAD)],
    )


def _listener() -> AutomationCore:
    """A process that was killed says nothing; its run is ended for it, and so gives its place to the next one."""
    return AutomationCore(
        name=NOTICES,
        description="Ends a run as crashed whose process has not been heard of for ten minutes. Made by `seatledger notify`.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{state}" for state in _ENDED)},
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=_SILENT,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, message="Its process fell silent. Nothing was saved that it had not finished; run it again."
            )
        ],
    )


def _put(client: SyncPrefectClient, automation: AutomationCore) -> None:
    found = client.read_automations_by_name(automation.name)
    if found:
        client.update_automation(found[0].id, automation)
    else:
        client.create_automation(automation)
