"""Faults 16-23: rows that are well formed and make no sense, alone or together. One run shows them all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Product
from tests.faults.sources import Source, event, own_catalog, user

LAST = "2026-02-01"


def sound() -> Source:
    """What is billed whether or not the others are in trouble."""
    return Source("2026-01-01", LAST).workspace("sound", ("a", "b")).growth("steady", ("a", "b"), starts_on="2026-01-05")


def in_trouble() -> Source:
    source = sound()
    # 16: events for nobody, too early, too late
    source.workspace("early", starts_on="2026-01-10").workspace("late", billing_day="10")
    source.happens(event("16-unknown", "2026-01-05T10:00:00Z", "sound", "plan_changed", plan="pro", subscription_id="sub-nobody"))
    source.happens(event("16-early", "2026-01-05T10:00:00Z", "early", "plan_changed", plan="pro"))
    source.happens(event("16-cancel", "2026-01-04T10:00:00Z", "late", "canceled"))
    source.happens(event("16-late", "2026-01-12T10:00:00Z", "late", "plan_changed", plan="pro"))
    # 17: events that are refused
    source.growth("refused", ("a", "b"), starts_on="2026-01-03").workspace("trial", trial_ends_on="2026-01-10").workspace("plans")
    source.happens(event("17-member", "2026-01-05T10:00:00Z", "refused", "seats_updated", quantity="9", actor_role="member"))
    source.happens(event("17-below", "2026-01-06T10:00:00Z", "refused", "seats_updated", quantity="1"))
    source.happens(event("17-cadence", "2026-01-07T10:00:00Z", "refused", "cadence_changed", cadence="monthly"))
    source.happens(event("17-trial", "2026-01-10T10:00:00Z", "trial", "trial_extended", until="2026-01-20"))
    source.happens(event("17-plan", "2026-01-05T10:00:00Z", "plans", "plan_changed", plan="growth"))
    # 18: the same event with other content, and once more with the same
    source.workspace("twice").workspace("again").workspace("taken-1").workspace("taken-2")
    for day, plan in (("2026-01-05", "pro"), ("2026-01-06", "solo")):
        source.happens(event("18-twice", "2026-01-05T10:00:00Z", "twice", "plan_changed", plan=plan), delivered_on=day)
        source.happens(event("18-again", "2026-01-05T10:00:00Z", "again", "plan_changed", plan="pro"), delivered_on=day)
    source.happens(*(event("18-taken", "2026-01-05T10:00:00Z", ws, "canceled") for ws in ("taken-1", "taken-2")))
    # 19: subscriptions that cannot be billed
    source.workspace("no-catalog", catalog="pivotl").workspace("no-plan", plan="tema").workspace("decimals", unit_price_month="30.005")
    source.workspace("no-price", catalog="acme", plan="basic").workspace(
        "enterprise", catalog="pensero", plan="enterprise", cadence="annual"
    )
    source.workspace("overlap").subscribe("overlap", subscription_id="sub-overlap-2", starts_on="2026-01-20")
    # 20: more than is allowed
    source.growth("crowded", ("a", "b", "c"), seats="2", starts_on="2026-01-02").workspace("solo", ("a", "b"), plan="solo")
    source.growth("alias", starts_on="2026-01-02").uses("2026-01-08", "solo", "customers", "6").uses("2026-01-08", "solo", "sso", "1")
    for day in source.days:
        source.users[day].append(user("alias", "boss", kind="alias", login_enabled="true" if day < date(2026, 1, 9) else "false"))
    # 21: rosters and activity
    source.workspace("vanishing", ("a", "b")).workspace("disagrees", ("a", "b"))
    for day in source.days:
        if day >= date(2026, 1, 21):
            source.users[day].remove(source.on_roster(str(day), "vanishing", "b"))
    source.happens(event("21", "2026-01-21T10:00:00Z", "disagrees", "deactivated", user_id="b"))
    # 23: the one without the other
    for day in source.days:
        source.users[day].append(user("stray", "a"))
    for day in source.days[19:]:
        source.users[day].append(user("later", "a"))
    return source.subscribe("absent")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Product]:
    """The sound source alone, and among all that are in trouble."""
    root = tmp_path_factory.mktemp("meaning")
    catalogs = own_catalog(root / "catalogs", since="2026-02-15")
    both = {"sound": sound(), "trouble": in_trouble()}
    found = {name: Product(root / name / "home", catalogs, writes_reports=True) for name in both}
    for name, source in both.items():
        found[name].held = found[name].run(source.write(root / name / "source"), date.fromisoformat(LAST)).held
    return found


@pytest.fixture(scope="module")
def trouble(runs: dict[str, Product]) -> Product:
    return runs["trouble"]


def findings(product: Product, *workspaces: str) -> list[tuple[str, str]]:
    names = ", ".join(f"'{name}'" for name in workspaces)
    return product.table(f"select day::varchar, finding from exceptions where workspace_id in ({names}) order by all").rows()


def billed(product: Product, workspace: str) -> list[tuple]:
    columns = "invoice_on::varchar, reason, quantity, plan, amount_minor"
    return product.table(f"select {columns} from invoice_lines where workspace_id = '{workspace}' order by all").rows()


def test_the_others_are_billed_as_if_alone(runs: dict[str, Product]) -> None:
    for workspace in ("sound", "steady"):
        assert billed(runs["trouble"], workspace) == billed(runs["sound"], workspace) != []


def test_F16_events_for_an_unknown_subscription_or_outside_its_time_are_reported_and_change_nothing(trouble: Product) -> None:
    assert findings(trouble, "sound") == [("2026-01-05", "unknown_subscription")]
    assert findings(trouble, "early") == [("2026-01-05", "event_without_effect")]
    assert findings(trouble, "late") == [("2026-01-12", "event_without_effect")]
    assert billed(trouble, "early") == [("2026-01-10", "opening", 1, "team", 2768), ("2026-02-01", "opening", 1, "team", 3900)]  # 22/31
    assert billed(trouble, "late") == [("2026-01-01", "opening", 1, "team", 1132)]  # 9/31; it ends on the 10th


def test_F17_what_a_rule_forbids_is_refused_and_reported_with_its_reason(trouble: Product) -> None:
    why = dict(trouble.table("select regexp_extract(detail, '17-[a-z]+'), detail from exceptions where finding = 'event_refused'").rows())
    said = {
        "17-member": "its actor may not change",
        "17-below": "the minimum is the number of seats occupied",
        "17-cadence": "not sold at that cadence",
        "17-trial": "only on a day before it ends",
        "17-plan": "the catalogue has no such plan",
    }
    assert set(why) == set(said)
    assert all(said[event_id] in detail for event_id, detail in why.items())
    assert billed(trouble, "refused") == [("2026-01-03", "opening", 3, "growth", 180000)]
    assert billed(trouble, "trial")[0][:3] == ("2026-01-10", "opening", 1)
    assert {line[3] for line in billed(trouble, "plans")} == {"team"}


def test_F18_the_same_event_id_with_other_content_holds_every_workspace_it_names_and_with_the_same_does_nothing(trouble: Product) -> None:
    holds = trouble.table("select workspace_id, count(*) from holds where reason = 'event_contradicts' group by all order by all").rows()
    assert holds == [("taken-1", 1), ("taken-2", 1), ("twice", 2)]
    assert [line[:3] for line in billed(trouble, "again") if line[1] == "plan_switch"] == [
        ("2026-02-01", "plan_switch", -1),
        ("2026-02-01", "plan_switch", 1),
    ]
    assert findings(trouble, "again") == []


@pytest.mark.parametrize(
    ("workspace", "reason", "said"),
    [
        ("no-catalog", "unknown_plan", "catalogue pivotl is not known"),
        ("no-plan", "unknown_plan", "plan tema is not in catalogue pivotal"),
        ("decimals", "agreed_price", "unit_price_month has more decimals than USD has"),
        ("no-price", "no_price", "plan basic has no monthly price in force on 2026-01-01"),
        ("enterprise", "no_price", "plan enterprise has no annual price in force on 2026-01-01"),
        ("overlap", "subscriptions_overlap", "sub-overlap and sub-overlap-2 overlap from 2026-01-20"),
    ],
)
def test_F19_a_subscription_that_cannot_be_billed_holds_its_workspace(trouble: Product, workspace: str, reason: str, said: str) -> None:
    holds = trouble.table(f"select reason, detail, mend from holds where workspace_id = '{workspace}'").rows()
    assert {row[0] for row in holds} == {reason}
    assert said in holds[0][1]
    assert "subscriptions" in holds[0][2]
    assert billed(trouble, workspace) == []
    assert workspace in trouble.held


def test_F19_nobody_else_is_held(trouble: Product) -> None:
    others = {"taken-1", "taken-2", "twice"}
    assert set(trouble.held) == {"no-catalog", "no-plan", "decimals", "no-price", "enterprise", "overlap"} | others


def test_F20_more_than_is_agreed_or_included_is_reported_and_not_billed(trouble: Product) -> None:
    assert findings(trouble, "crowded") == [("2026-01-02", "seat_limit"), ("2026-02-01", "seat_limit")]  # in each month
    assert billed(trouble, "crowded") == [("2026-01-02", "opening", 2, "growth", 120000)]
    assert findings(trouble, "solo") == [("2026-01-01", "seat_limit"), ("2026-01-08", "beyond_plan"), ("2026-01-08", "beyond_plan"), ("2026-02-01", "seat_limit")]
    assert billed(trouble, "solo") == []
    assert findings(trouble, "alias") == [("2026-01-09", "broken_alias")]


def test_F21_a_user_who_vanishes_and_an_event_that_the_roster_denies_are_reported_and_the_roster_decides(trouble: Product) -> None:
    assert findings(trouble, "vanishing") == [("2026-01-21", "vanished")]
    assert ("2026-02-01", "seats_removed", -1, "team", -1384) in billed(trouble, "vanishing")  # 11/31
    assert findings(trouble, "disagrees") == [("2026-01-21", "activity_disagrees")]
    assert [line[1] for line in billed(trouble, "disagrees")] == ["opening", "opening"]


def test_F23_a_workspace_without_a_subscription_and_a_subscription_without_a_roster_are_reported(trouble: Product) -> None:
    assert findings(trouble, "stray") == [("2026-01-01", "no_subscription")]
    assert findings(trouble, "later") == [("2026-01-20", "no_subscription")]
    assert trouble.table("select detail from exceptions where workspace_id = 'later'").item() == "later is on rosters since 2026-01-20 and has no subscription"
    assert findings(trouble, "absent") == [("2026-01-01", "no_roster")]
    assert billed(trouble, "stray") == billed(trouble, "absent") == []


def test_every_hold_and_finding_is_in_the_reports_too(trouble: Product) -> None:
    folder = trouble.home.reports / "2026-01"
    for table in ("holds", "exceptions"):
        in_table = trouble.table(f"select count(*) from {table} where {'true' if table == 'holds' else 'month(day) = 1'}").item()
        assert pl.read_csv(folder / f"{table}.csv", infer_schema=False).height == in_table > 0


def test_F22_a_drop_of_one_workspace_is_not_hidden_by_the_growth_of_another(product: Product, tmp_path: Path, refused: Callable) -> None:
    source = Source("2026-01-01", "2026-01-02").workspace("big").workspace("growing")
    source.users[source.days[0]] += [user("big", f"u{n}") for n in range(120)]
    source.users[source.days[1]] += [user("big", f"u{n}") for n in range(80)] + [user("growing", f"u{n}") for n in range(200)]
    refused(
        product,
        source.write(tmp_path / "source"),
        source.last,
        "users of 2026-01-02: the roster of big fell from 121 to 81 seats.*--accept-drop",
    )
    assert product.run(tmp_path / "source", source.last, accept_drop=True).invoices.height == 2

def test_F22_a_drop_that_was_accepted_refuses_no_days_around_it(product: Product, tmp_path: Path) -> None:
    source = Source("2026-01-01", "2026-01-06").workspace("big")
    for n, day in enumerate(source.days):
        source.users[day] += [user("big", f"u{number}") for number in range(120 if n < 3 else 60)]
    product.run(source.write(tmp_path / "source"), source.last, accept_drop=True)
    for day in (source.days[1], source.days[4]):
        source.users[day] += [user("big", "one more")]
    product.run(source.write(tmp_path / "again"), source.last, supersede=True)
    assert product.table("select max(superseded_by is not null) from inputs").item()


def test_F23_a_billed_subscription_that_no_row_names_any_more_holds_its_workspace_and_nothing_is_billed_twice(
    billed: Product, source: Path
) -> None:
    path = source / "subscriptions.csv"
    issued = billed.lines()
    path.write_text(path.read_text().replace("sub-oak,", "sub-oak-renamed,"))
    assert billed.run(source, date(2026, 1, 20)).held == ("oak",)
    assert billed.lines().equals(issued)
    path.write_text(path.read_text().replace("sub-oak-renamed,", "sub-oak,"))
    assert billed.run(source, date(2026, 1, 20)).held == ()
