"""What finance would read of the sample's five months, checked by hand."""

from __future__ import annotations

from tests.conftest import Product
from tests.story import told


def rows(sample: Product, sql: str) -> list[str]:
    return [" ".join("-" if cell is None else str(cell) for cell in row) for row in sample.table(sql).rows()]


def test_recurring_revenue_of_the_sample_from_january_to_may(sample: Product) -> None:
    sums = ", ".join(f"sum({name})" for name in ("opening", "new", "expansion", "contraction", "churn", "reactivation", "closing"))
    assert rows(sample, f"select month, {sums} from mrr_movements_v group by month order by month") == told("""
        2026-01-01  195.00 1998.00  39.00    0.00    0.00 0.00 2232.00   # opens with cafe-zuerich, 5 × 39.00, taken over
        2026-02-01 2232.00  156.00 240.00 -234.00    0.00 0.00 2394.00   # lumen-studio's trial is over: 4 × 39.00
        2026-03-01 2394.00  195.00 304.00 -223.00    0.00 0.00 2670.00   # 239.00 of it: lumen-studio, 4 on team to 5 on pro
        2026-04-01 2670.00    0.00 258.00 -240.00 -117.00 0.00 2571.00   # kite-and-company ends; 3.00 less by cafe-zuerich's year
        2026-05-01 2571.00  300.00 239.00    0.00 -158.00 0.00 2952.00   # tea-and-tests buys 6 × 50.00; lumen-studio is free again
    """)


def test_idle_seats_of_the_sample(sample: Product) -> None:
    idle = "workspace_id, idle_seats, never_active_seats, idle_cost"
    assert rows(sample, f"select {idle} from seat_usage_monthly_v where month = '2026-01-01' and idle_seats > 0 order by 1") == told("""
        acme-robotics       1 1 0.00     # Fritz, who never logs in; of 8 held on 7 agreed, 7 are used
        harbor-lights       1 0 39.00    # Yara, not since November
        polaris-observatory 1 1 45.00    # Anneke: an agreed 540.00 / 12
    """)


def test_every_term_of_the_sample_agrees_with_its_seats(sample: Product) -> None:
    assert rows(
        sample, "select state, count(*), min(difference_minor), max(difference_minor) from reconciliation group by 1 order by 1"
    ) == told("""
        running        6 -1 1
        settled       16 -1 0
        to be invoiced 1  0 0     # harbor-lights: Astrid, since 13 May, is on the invoice of 1 June
    """)
    harbor = "select seat_days, seat_days_back_billed, expected, billed from reconciliation_v where subscription_id = 'sub-harbor' and term_from = '2026-03-01'"
    # 157 seat-days held and Tomás's 21 from 5 to 26 March, at 39.00 / 31
    assert rows(sample, harbor) == ["157 21 223.94 223.94"]


def test_the_books_of_the_sample_hold_what_was_issued(sample: Product) -> None:
    held = "select account, sum(debit) - sum(credit) from journal_entries_v group by account order by account"
    due, credit = (
        sample.table("select sum(amount_due) from invoices_v").item(),
        sample.table("select sum(change) from credit_ledger_v").item(),
    )
    balances = dict(sample.table(held).rows())
    assert balances["Accounts receivable"] == due
    assert balances["Customer credit"] == -credit
    assert -balances["Deferred revenue"] == sample.table("select sum(deferred) from revenue_schedule_v where month = '2026-05-01'").item()
    assert sum(balances.values()) == 0


def test_why_lumen_studio_pays_more_in_april(sample: Product) -> None:
    why = "previous_due, amount_due, seats, plan, price, days, term, corrections, credits"
    # plan: 4 × 40.00 × 20/31 for the switch of 12 March, and 5 × 40.00 for April: 103.22 + 200.00
    assert rows(sample, f"select {why} from invoice_changes_v where invoice_number = 'PIV-2026-000015'") == [
        "156.00 552.97 93.75 303.22 0.00 0.00 0.00 0.00 0.00"
    ]


def test_what_needs_a_word_in_the_sample(sample: Product) -> None:
    assert rows(sample, "select workspace_id, words from plan_compliance where month = '2026-01-01' order by 1, 2") == told("""
        acme-robotics more seats than allowed on 6 days: up to 8 of 7 on plan growth
        hedgehog-press 7 customers are used; plan solo allows 5
        hedgehog-press no seat to spare on 31 days: 1 of 1 on plan solo
        lumen-studio the trial of plan team ends on 2026-02-17, with 4 seats held
    """)
