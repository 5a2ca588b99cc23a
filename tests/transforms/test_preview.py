"""The next invoice as it stands: the real computation on rosters that stay, and what a change would do to it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from flows.facts import facts_of_workspace
from tests.properties.in_memory import MemoryLedger, bill_in_memory, catalogs_of, facts_of
from tests.reference.random_sources import random_facts
from tests.reference.slow_ledger import Facts as PlainFacts
from tests.reference.slow_ledger import each_day
from tests.seldom import seldom_but
from tests.story import Bills, Story, priced
from transforms.billing import position_from_facts
from transforms.preview import Ask, Preview, events_from_ask, preview_from_facts, projected_roster_months
from transforms.roster_months import roster_month_from_rows


def previewed(plain: PlainFacts, last: date, ledger: MemoryLedger, subscription_id: str, ask: Ask | None = None) -> Preview:
    facts = facts_of(plain, last, last, ledger.opening_on)
    return preview_from_facts(facts, ledger.billed(), subscription_id, catalogs_of(plain), ask=ask)


def preview_of(bills: Bills, ask: Ask | None = None) -> Preview:
    return previewed(bills.plain, bills.through, bills.ledger, "sub", ask)


def told_of(found: Preview) -> list[str]:
    """Each way's invoices as text: `2026-05-01: opening 2 = 78.00`."""
    ways = [found.now, found.changed] if found.changed else [found.now]
    return [
        "; ".join(
            f"{on}: {reason} {quantity} = {amount / 100:.2f}"
            for on, reason, quantity, amount in way.lines.select("invoice_on", "reason", "quantity", "amount_minor").iter_rows()
        )
        for way in ways
    ]


def as_if_nothing_moved(plain: PlainFacts, last: date, until: date) -> PlainFacts:
    """What comes after the last known day stays as on it; nothing more is delivered."""
    rosters = {day: rows for day, rows in plain.rosters.items() if day <= last}
    rosters |= dict.fromkeys(each_day(last + timedelta(days=1), until), plain.rosters[last])
    return replace(plain, rosters=rosters, events=[event for event in plain.events if event["delivered_on"] <= last])


def copy_of(ledger: MemoryLedger) -> MemoryLedger:
    return replace(ledger, lines=[*ledger.lines], invoices=[*ledger.invoices], dates=[*ledger.dates])


@pytest.mark.parametrize("until", ["9999-12-31", "2999-12-31"])
def test_a_trial_that_ends_beyond_what_anyone_looks_at_has_no_next_invoice(until: str) -> None:
    story = Story("pivotal", "2026-04-01", "2026-04-20").subscription("team", trial=until).user("a")
    assert told_of(preview_of(story.bill())) == [""]
    story = Story("pivotal", "2026-04-01", "2026-04-20").subscription("team").user("a")
    bills = story.event("2026-04-10", "trial_extended", until=until).bill()
    assert told_of(preview_of(bills)) == ["2026-05-01: opening 1 = 39.00"]


def ask_of(rng: random.Random, plans: list[str], last: date) -> Ask:
    """Something that an owner might ask, on a day about the last known one."""
    on, cadence = last + timedelta(days=rng.randint(-5, 40)), rng.choice(["monthly", "annual"])
    wishes = [{"seats": rng.randint(0, 12)}, {"plan": rng.choice(plans), "seats": rng.choice([None, 9])}, {"cadence": cadence}]
    return Ask(on, **rng.choice([*wishes, {"seats": rng.randint(2, 12), "cadence": cadence}]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [702, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(703, 712))])
def test_days_that_stay_the_same_and_a_real_run_give_exactly_the_invoice_that_was_previewed(seed: int) -> None:
    plain, rng, compared = random_facts(seed), random.Random(seed), 0
    days, catalogs = sorted(plain.rosters), catalogs_of(plain)
    last = days[len(days) * 2 // 3]
    ledger = bill_in_memory(plain, days[len(days) // 2], MemoryLedger(), checked=False)
    known = facts_of(plain, last, last, ledger.opening_on)
    for subscription in plain.subscriptions:
        name = subscription["subscription_id"]
        ask = ask_of(rng, list(catalogs[subscription["catalog"]].plans), last)
        found = preview_from_facts(facts_of_workspace(known, subscription["workspace_id"]), ledger.billed(), name, catalogs, ask=ask)
        if found.through is None:
            continue
        until = max(found.through, last)
        asked = [event | {"delivered_on": last} for event in events_from_ask(ask, known, name, catalogs).to_dicts()]
        for way, events in ((found.now, []), (found.changed, asked)):
            stays = as_if_nothing_moved(plain, last, until)
            real = bill_in_memory(replace(stays, events=[*stays.events, *events]), until, copy_of(ledger), known=last, checked=False)
            for issued, shown in ((real.billing.lines, way.lines), (real.billing.invoices, way.invoices)):
                of_days = pl.col("invoice_on").is_between(ask.on, found.through)
                assert shown.rows() == issued.filter((pl.col("subscription_id") == name) & of_days).rows()
                compared += shown.height
    assert compared


@pytest.mark.parametrize("seed", seldom_but([710], range(710, 713)))
def test_a_workspace_computed_alone_owes_what_it_owes_among_all(seed: int) -> None:
    plain = random_facts(seed)
    last, catalogs = max(plain.rosters), catalogs_of(plain)
    every = position_from_facts(facts_of(plain, last, last), catalogs)
    for workspace in {subscription["workspace_id"] for subscription in plain.subscriptions}:
        alone = position_from_facts(facts_of_workspace(facts_of(plain, last, last), workspace), catalogs)
        for name in ("charges", "holds"):
            ours, theirs = (getattr(position, name).filter(workspace_id=workspace) for position in (alone, every))
            assert ours.rows() == theirs.rows()


@pytest.mark.parametrize(("last", "until"), [("2026-01-31", "2026-03-02"), ("2026-02-10", "2026-02-20"), ("2026-02-28", "2026-02-28")])
def test_projected_months_are_those_of_rosters_that_repeat_the_last_known_day(last: str, until: str) -> None:
    last, until = date.fromisoformat(last), date.fromisoformat(until)
    columns = ["workspace_id", "user_id", "kind", "status", "login_enabled"]

    def roster(day: date) -> pl.DataFrame:
        rows = [("w", "a", "teammate", "active", True), ("w", "b", "teammate", "pending" if day < date(2026, 1, 20) else "active", True)]
        return pl.DataFrame(rows if day.day % 2 else rows[:1], schema=columns, orient="row")

    def months(known: date, through: date) -> dict[date, list]:
        by_month: dict[date, list] = {}
        for day in each_day(date(2026, 1, 5), through):
            rows = roster(min(day, known)).with_columns(day=pl.lit(day), last_active_on=pl.lit(None, pl.Date))
            by_month.setdefault(day.replace(day=1), []).append(rows)
        return {month: roster_month_from_rows(pl.concat(days)).sort(pl.all()) for month, days in by_month.items()}

    found = {month: frame.sort(pl.all()) for month, frame in projected_roster_months(months(last, last).items(), last, until)}
    wanted = months(last, until)
    assert found.keys() == wanted.keys()
    for month, frame in wanted.items():
        assert found[month].rows() == frame.rows()


# --- which invoice is the next --------------------------------------------------------------------------------------------

APRIL = ("2026-04-01", "2026-04-20")


def test_in_a_monthly_term_it_is_that_of_the_next_terms_first_day() -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a").user("b", "2026-04-16").bill()
    assert told_of(preview_of(bills)) == ["2026-05-01: seats_added 1 = 19.50; 2026-05-01: opening 2 = 78.00"]


def test_in_a_trial_it_is_that_of_the_activation() -> None:
    bills = Story("pivotal", *APRIL).subscription("team", trial="2026-04-28", billing_day="anniversary").user("a").bill()
    assert told_of(preview_of(bills)) == ["2026-04-28: opening 1 = 39.00"]


def test_in_an_annual_term_it_is_the_next_date_with_something_to_bill() -> None:
    story = Story("pivotal", *APRIL).subscription("team", cadence="annual", billing_day="anniversary").user("a")
    assert told_of(preview_of(story.bill())) == ["2027-04-01: opening 1 = 384.00"]
    story = story.user("b", "2026-04-16")
    assert told_of(preview_of(story.bill())) == ["2026-05-01: seats_added 1 = 368.22"]  # 350/365 of 384.00


def test_where_changes_inside_an_annual_term_wait_for_renewal_so_does_the_next_invoice() -> None:
    story = Story("pivotal", *APRIL, annual_adjustments="renewal").subscription("team", cadence="annual", billing_day="anniversary")
    bills = story.user("a").user("b", "2026-04-16").bill()
    assert told_of(preview_of(bills)) == ["2027-04-01: seats_added 1 = 368.22; 2027-04-01: opening 2 = 768.00"]


def test_an_invoice_that_is_due_already_comes_first_and_needs_no_assumed_day() -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-10").subscription("team").user("a")
    bills = story.bill("2026-04-10")
    found = previewed(story.facts(), date(2026, 5, 10), bills.ledger, "sub")
    assert (found.through, told_of(found)) == (date(2026, 5, 1), ["2026-05-01: opening 1 = 39.00"])


@pytest.mark.parametrize("ends", ["free", "canceled"])
def test_on_a_free_plan_and_after_the_end_there_is_no_next_invoice(ends: str) -> None:
    story = Story("pivotal", "2026-04-01", "2026-05-10").subscription("solo" if ends == "free" else "team").user("a")
    if ends == "canceled":
        story = story.event("2026-04-10", "canceled")
    found = preview_of(story.bill())
    assert (found.through, told_of(found)) == (None, [""])


def test_a_cancelled_term_still_bills_what_moved_in_it_on_its_closing_date() -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a").user("b", "2026-04-16").event("2026-04-18", "canceled").bill()
    found = preview_of(bills)
    assert told_of(found) == ["2026-05-01: seats_added 1 = 19.50"]
    assert found.now.dates["occasion"].to_list() == ["closing"]


# --- what a change would do -----------------------------------------------------------------------------------------------


def test_more_seats_asked_for_land_on_the_next_invoice_date_and_change_nothing_else() -> None:
    bills = Story("pensero", "2026-03-15", "2026-05-31").subscription("growth", seats=3, billing_day="anniversary").user("a").bill()
    found = preview_of(bills, Ask(date(2026, 6, 1), seats=5))
    assert told_of(found) == ["", "2026-06-15: seats_added 2 = 943.56"]  # 2 × 600.00 × 287/365
    assert found.through == date(2026, 6, 15)


def test_a_change_that_really_happens_gives_the_invoice_that_was_previewed() -> None:
    story = Story("pensero", "2026-03-15", "2026-06-15").subscription("growth", seats=3, billing_day="anniversary").user("a")
    found = preview_of(story.bill("2026-05-31"), Ask(date(2026, 6, 1), seats=5))
    real = story.event("2026-06-01", "seats_updated", quantity=5).bill(after=story.bill("2026-05-31"))
    assert found.changed.lines.rows() == real.ledger.billing.lines.rows()
    assert found.changed.invoices.rows() == real.ledger.billing.invoices.rows()


def test_fewer_seats_than_are_held_are_refused_with_the_rule_and_the_seats_held() -> None:
    bills = (
        Story("pensero", "2026-03-15", "2026-05-31").subscription("growth", seats=3, billing_day="anniversary").user("a").user("b").bill()
    )
    (refused,) = preview_of(bills, Ask(date(2026, 6, 1), seats=1)).changed.refusals.rows()
    assert refused == ("seats_updated", "§4", "the minimum is the number of seats occupied that day", 2)


def test_a_plan_not_sold_at_the_running_cadence_is_refused() -> None:
    plans = {"only-yearly": {"basis": "active", "entitlements": [], "prices": [priced(year="100.00")]}}
    bills = Story("pivotal", *APRIL, plans=plans).subscription("team").user("a").bill()
    (refused,) = preview_of(bills, Ask(date(2026, 4, 21), plan="only-yearly")).changed.refusals.rows()
    assert refused[:3] == ("plan_changed", "T6", "the plan is not sold at the running cadence")


def test_a_move_to_a_free_plan_shows_the_closing_invoice_beside_the_one_that_would_have_come() -> None:
    bills = Story("pivotal", *APRIL).subscription("team").user("a").bill()
    assert told_of(preview_of(bills, Ask(date(2026, 4, 21), plan="solo"))) == [
        "2026-05-01: opening 1 = 39.00",
        "2026-04-21: plan_switch -1 = -13.00",  # 10/30 of 39.00
    ]


def test_another_cadence_is_compared_where_it_begins_to_differ() -> None:
    bills = Story("pivotal", "2026-04-01", "2026-04-30").subscription("team").user("a").bill()
    found = preview_of(bills, Ask(date(2026, 5, 1), cadence="annual"))  # on a term's first day: for the next one (T5)
    assert told_of(found) == [
        "2026-05-01: opening 1 = 39.00; 2026-06-01: opening 1 = 39.00",
        "2026-05-01: opening 1 = 39.00; 2026-06-01: opening 1 = 384.00",
    ]


def test_a_day_of_another_time_zone_is_that_zones_day() -> None:
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        bills = Story("pivotal", *APRIL, timezone=zone).subscription("team").user("a").bill()
        found = preview_of(bills, Ask(date(2026, 4, 21), plan="pro"))
        assert told_of(found)[1].startswith("2026-05-01: plan_switch -1 = -13.00; 2026-05-01: plan_switch 1 = 26.33")


def test_who_may_ask_is_read_from_the_catalogue() -> None:
    bills = Story("pivotal", *APRIL, change_roles=["admin"]).subscription("team").user("a").bill()
    assert preview_of(bills, Ask(date(2026, 4, 21), plan="pro")).changed.refusals.is_empty()
    bills = Story("pivotal", *APRIL, change_roles=[]).subscription("team").user("a").bill()
    assert preview_of(bills, Ask(date(2026, 4, 21), plan="pro")).changed.refusals["rule"].to_list() == ["I7"]
