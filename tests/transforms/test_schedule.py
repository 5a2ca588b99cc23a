"""Terms tile the paid days, whatever is asked (rule T2), and invoice dates are theirs (rule I1)."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.catalog import catalog_from_toml
from transforms.renewals import Renewals, Spell
from transforms.schedule import Agreement, ContractEvent, Schedule, schedule_from_story
from transforms.unasked import schedule_unasked

PIVOTAL = catalog_from_toml(tomllib.loads((Path(__file__).parents[2] / "data/catalogs/pivotal.toml").read_text()), "pivotal.toml")
START, HORIZON = date(2023, 11, 30), date(2026, 3, 1)

days = st.integers(0, 800).map(lambda n: START + timedelta(days=n))
cadences = st.sampled_from(["monthly", "annual"])


@st.composite
def stories(draw: st.DrawFn) -> tuple[Agreement, list[ContractEvent]]:
    starts_on = START + timedelta(days=draw(st.integers(0, 100)))
    trial = draw(st.none() | st.integers(1, 40).map(lambda n: starts_on + timedelta(days=n)))
    plan = draw(st.sampled_from(["solo", "team", "pro"]))
    agreement = Agreement("pivotal", plan, draw(cadences), draw(st.none() | st.integers(1, 31)), starts_on, trial)
    events = []
    for on in sorted(draw(st.lists(days, max_size=8))):
        event = draw(
            st.sampled_from(
                ["plan_changed", "cadence_changed", "trial_extended", "canceled"]
                if draw(st.booleans())
                else ["plan_changed", "cadence_changed"]
            )
        )
        wish = draw(cadences) if event == "cadence_changed" else draw(st.none() | cadences)
        until = on + timedelta(days=draw(st.integers(-5, 30)))
        events.append(ContractEvent(on, event, "owner", None, draw(st.sampled_from(["solo", "team", "pro"])), wish, until, None))
    return agreement, events


def played(story: tuple[Agreement, list[ContractEvent]], horizon: date = HORIZON, renewals: Renewals | None = None) -> Schedule:
    """A story's schedule with its renewals written out."""
    renewals = renewals or Renewals({"pivotal": PIVOTAL}, horizon)
    schedule = schedule_from_story(*story, PIVOTAL, renewals)
    renewed = [renewals.known[number] for number in schedule.renewals]
    spells = [Spell(schedule.plan, t.term_from, t.term_until if t.term_until <= horizon else None, t.term_from) for t, _ in renewed]
    return schedule._replace(
        spells=(*schedule.spells, *spells),
        terms=(*schedule.terms, *(one.term for one in renewed)),
        invoice_dates=(*schedule.invoice_dates, *(d for one in renewed for d in one.invoice_dates)),
        renewals=(),
    )


@settings(max_examples=300, deadline=None)
@given(stories())
def test_terms_tile_the_paid_days_without_gap_or_overlap(story: tuple[Agreement, list[ContractEvent]]) -> None:
    schedule = played(story)
    paid = {
        s.spell_from + timedelta(days=n)
        for s in schedule.spells
        if s.term_from
        for n in range(((s.spell_until or HORIZON + timedelta(days=1)) - s.spell_from).days)
    }
    in_terms = [t.term_from + timedelta(days=n) for t in schedule.terms for n in range((t.ended_on - t.term_from).days)]
    assert len(in_terms) == len(set(in_terms))
    assert {day for day in in_terms if day <= HORIZON} == {day for day in paid if day <= HORIZON}
    assert all(
        (s.term_from is None) == (PIVOTAL.plans[s.plan].free or s.spell_from < (schedule.trial_until or s.spell_from))
        for s in schedule.spells
    )


@settings(max_examples=300, deadline=None)
@given(stories())
def test_every_term_is_invoiced_on_its_first_day_and_dates_never_repeat(story: tuple[Agreement, list[ContractEvent]]) -> None:
    schedule = played(story)
    dates = [d.invoice_on for d in schedule.invoice_dates]
    assert dates == sorted(set(dates))
    assert {t.term_from for t in schedule.terms} <= set(dates)
    whole = [t for t in schedule.terms if (t.term_until - t.term_from).days == t.period_days]
    assert all(t.period_days in (365, 366) for t in whole if t.cadence == "annual")
    assert all(28 <= t.period_days <= 31 for t in schedule.terms if t.cadence == "monthly")


@settings(max_examples=200, deadline=None)
@given(stories(), st.integers(0, 800))
def test_the_past_does_not_depend_on_the_horizon(story: tuple[Agreement, list[ContractEvent]], n: int) -> None:
    early = START + timedelta(days=n)
    now, later = (played(story, horizon) for horizon in (early, HORIZON))
    assert [d for d in later.invoice_dates if d.invoice_on <= early] == list(now.invoice_dates)
    assert [t.term_from for t in later.terms if t.term_from <= early] == [t.term_from for t in now.terms]


@settings(max_examples=300, deadline=None)
@given(stories(), days)
def test_what_is_renewed_unasked_is_what_comes_of_it_day_by_day(story: tuple[Agreement, list[ContractEvent]], horizon: date) -> None:
    """An event without effect on the last day of all keeps a story from being renewed by others' terms until then."""
    agreement, events = story
    refused = ContractEvent(horizon, "canceled", "nobody", None, None, None, None, None)
    slowly = played((agreement, [*(e for e in events if e.on <= horizon), refused]), horizon)
    assert slowly._replace(refusals=()) == played(story, horizon)._replace(refusals=())


@settings(max_examples=100, deadline=None)
@given(st.lists(stories(), min_size=2, max_size=6))
def test_renewals_shared_with_others_are_those_one_would_have_alone(several: list[tuple[Agreement, list[ContractEvent]]]) -> None:
    shared = Renewals({"pivotal": PIVOTAL}, HORIZON)
    assert [played(story, renewals=shared) for story in several] == [played(story) for story in several]
    assert len({(one.term, one.invoice_dates) for one in shared.known}) == len(shared.known)


PENSERO = catalog_from_toml(tomllib.loads((Path(__file__).parents[2] / "data/catalogs/pensero.toml").read_text()), "pensero.toml")


@settings(max_examples=300, deadline=None)
@given(stories(), st.booleans(), st.integers(-20, 60), days)
def test_a_story_of_no_events_is_told_as_playing_it_day_by_day_tells_it(
    story: tuple[Agreement, list[ContractEvent]], is_free: bool, trial_days: int, horizon: date
) -> None:
    agreement = story[0]._replace(trial_ends_on=story[0].starts_on + timedelta(days=trial_days))
    agreement = agreement._replace(catalog="pensero", plan="starter") if is_free else agreement
    catalog = PENSERO if is_free else PIVOTAL
    renewals = Renewals({"pivotal": PIVOTAL, "pensero": PENSERO}, horizon)
    assert schedule_unasked(agreement, catalog, renewals) == schedule_from_story(agreement, [], catalog, renewals)
