"""What a run leaves on Prefect's pages: its summary, its holds as a table, how far it is. None of it may end a run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, create_table_artifact, update_progress_artifact

from flows.run_summary import holds_table, in_short, summary

if TYPE_CHECKING:
    from flows.home import Home
    from flows.requests import Outcome

log = logging.getLogger("seatledger.flows")


def tell(name: str, outcome: Outcome, home: Home, asked: tuple[str | None, str | None] = (None, None)) -> None:
    """Leave the run's summary, and the holds as they stand: under keys, so that each has a history."""

    def both() -> None:
        create_markdown_artifact(summary(outcome, home, asked), key=f"seatledger-{name}", description=in_short(outcome))
        create_table_artifact(holds_table(home), key="seatledger-holds", description="Workspaces that get no invoice, and what mends them.")

    _if_it_can_be(both)


class BarOnThePage:
    """A bar of Prefect's page that is full when the last stage has ended."""

    def __init__(self, stages: int, step: Callable[..., Any]) -> None:
        self._stages, self._step, self._ended = stages, step, 0
        self._artifact: Any = None

    def step(self, stage: Callable[..., Any], *arguments: Any) -> Any:
        """Make the step, and move the bar on."""
        if self._artifact is None:
            self._artifact = _if_it_can_be(lambda: create_progress_artifact(0.0, description=_words(stage)))
        value = self._step(stage, *arguments)
        self._ended += 1
        _if_it_can_be(
            lambda: update_progress_artifact(self._artifact, 100.0 * self._ended / self._stages, description=f"{_words(stage)}: done")
        )
        return value


def _words(stage: Callable[..., Any]) -> str:
    return stage.__name__.replace("_", " ")


def _if_it_can_be(leave: Callable[[], Any]) -> Any:
    """What could not be shown is logged: an unreachable server has nothing to say about invoices."""
    try:
        return leave()
    except Exception as error:
        log.warning("the run's page could not be written: %s", type(error).__name__)
        return None
