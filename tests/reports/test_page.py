"""The month's page before any browser sees it: its figures add up, its bytes are the same each time, its size has a bound."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import duckdb

from flows.finance_tables import reports_in_order
from flows.page import issued_of_month, page_of_month
from flows.page_rendering import PAGE, json_block
from flows.page_words import signed
from flows.pipeline import run_report
from flows.requests import ReportRequest
from flows.verify import verify
from tests.conftest import ROOT, SAMPLE, Product
from tests.flows.small_source import small_source
from tests.reports.books import Books
from tests.story import told
from transforms.money_text import readable_money

MAY = date(2026, 5, 1)


def asked(finance: duckdb.DuckDBPyConnection, question: str, month: date) -> list[dict]:
    answer = finance.execute((PAGE / f"{question}.sql").read_text(encoding="utf-8"), {"month": month})
    return [dict(zip([column[0] for column in answer.description], row, strict=True)) for row in answer.fetchall()]


def what_does_not_add_up(finance: duckdb.DuckDBPyConnection) -> list[tuple]:
    """Every currency and month whose bridge, movements or deferred revenue do not lead from the first figure to the last."""
    wrong = []
    for (month,) in finance.execute("select distinct month from seat_usage_monthly order by 1").fetchall():
        steps = asked(finance, "due_bridge", month)
        for c in asked(finance, "due", month):
            causes = sum(step["minor"] for step in steps if step["currency"] == c["currency"])
            wrong += [("due", month, c)] * (c["due_before_minor"] + causes != c["due_minor"])
        for c in asked(finance, "recurring", month):
            moved = ("opening", "new", "reactivation", "expansion", "contraction", "churn")
            wrong += [("recurring", month, c)] * (sum(c[f"{name}_minor"] for name in moved) != c["closing_minor"])
        to_come = asked(finance, "deferred_months", month)
        for c in asked(finance, "deferred", month):
            rolled = c["opening_minor"] + c["invoiced_minor"] - c["recognised_minor"]
            later = sum(m["recognised_minor"] for m in to_come if m["currency"] == c["currency"])
            wrong += [("deferred", month, c)] * ({rolled, later} != {c["closing_minor"]})
    return wrong


def test_the_bridge_of_the_sample_from_april_to_may_by_hand(sample: Product) -> None:
    with duckdb.connect(str(sample.home.finance), read_only=True) as finance:
        assert what_does_not_add_up(finance) == []
        steps = [f"{step['label'].replace(' ', '-')} {step['minor']}" for step in asked(finance, "due_bridge", MAY)]
    assert steps == told("""
        First-invoices 360000    # tea-and-tests
        Seats          405628    # 1380.82 acme, 993.70 atelier, 366.12 cafe, 1602.23 polaris, -373.39 lumen, 88.06 harbor, -1.26 hedgehog
        Plan           -10322    # lumen-studio's switch of March is gone: 100.65 - 203.87
        Term-openings -192000    # cafe-zuerich's year, opened in April
        Credits       -320941    # -1380.82 acme, -923.19 atelier, -905.40 polaris
        Not-invoiced    -3120    # kite-and-company ended in April
    """)  # and lumen-studio's second invoice of May is due 0


def two_invoices(first: str, second: str, **other) -> list[str]:
    """What the bridge of March says of an invoice of 10.00 and one of 12.00 on these dates."""
    books = Books().line("a", first, ("2026-01-01", "2026-02-01"), 1000).invoice(first)
    books.line("b", second, ("2026-03-01", "2026-04-01"), 1200, **other).invoice(second, **other)
    for report in reports_in_order():
        books.finance.execute(report.read_text(encoding="utf-8"))
    return [f"{step['label']} {step['minor']}" for step in asked(books.finance, "due_bridge", date(2026, 3, 1))]


def test_an_invoice_counts_whole_where_there_is_none_to_compare_it_with() -> None:
    assert two_invoices("2026-02-01", "2026-03-01") == ["Price 200"]
    assert two_invoices("2026-01-01", "2026-03-01") == ["Invoiced again 1200"]
    assert two_invoices("2026-02-01", "2026-04-01") == ["Not invoiced -1000"]
    assert two_invoices("2026-03-01", "2026-03-20") == ["First invoices 1000", "Further invoices 1200"]
    assert two_invoices("2026-02-01", "2026-02-20") == ["Further invoices -1000", "Not invoiced -1200"]
    assert two_invoices("2026-02-01", "2026-03-01", currency="JPY") == ["Invoiced again 1200", "Not invoiced -1000"]  # two currencies


def test_what_is_not_invoiced_because_it_is_held_is_told_apart() -> None:
    books = Books().line("a", "2026-02-01", ("2026-02-01", "2026-03-01"), 1000).invoice("2026-02-01")
    books.given("holds", "workspace_id | reason\nws | broken_row")
    for report in reports_in_order():
        books.finance.execute(report.read_text(encoding="utf-8"))
    assert [(step["label"], step["minor"]) for step in asked(books.finance, "due_bridge", date(2026, 3, 1))] == [("Held", -1000)]


def test_a_hold_that_came_in_a_later_month_is_no_reason_of_an_earlier_one() -> None:
    for since, label in (("2026-03-31", "Held"), ("2026-01-05", "Held"), ("2026-04-01", "Not invoiced")):
        books = Books().line("a", "2026-02-01", ("2026-02-01", "2026-03-01"), 1000).invoice("2026-02-01")
        books.given("holds", f"workspace_id | reason | since_on\nws | broken_row | {since}")
        books.report("invoice_changes", "*")
        assert [step["label"] for step in asked(books.finance, "due_bridge", date(2026, 3, 1))] == [label]


def test_the_same_database_gives_the_same_bytes_and_report_writes_them_again(sample: Product, tmp_path: Path) -> None:
    written = {path: path.read_bytes() for path in sorted(sample.home.reports.glob("*/index.html"))}
    assert [path.parent.name for path in written] == [f"2026-0{month}" for month in range(1, 6)]
    run_report(ReportRequest(MAY, tmp_path), sample.setting)
    assert (tmp_path / "2026-05" / "index.html").read_bytes() == written[sample.home.reports / "2026-05" / "index.html"]
    assert all(len(content) < 400_000 for content in written.values())


def test_the_first_month_has_no_bridge_from_a_month_that_nobody_knows(sample: Product) -> None:
    january, february = ((sample.home.reports / month / "index.html").read_text(encoding="utf-8") for month in ("2026-01", "2026-02"))
    assert "Due on 5 invoices." in january
    assert ("December 2025" in january, 'data-chart="due"' in january) == (False, False)
    assert ("January 2026" in february, 'data-chart="due"' in february) == (True, True)


def test_of_many_holds_the_first_are_shown_and_all_are_counted() -> None:
    books = Books().seats("2026-03-01", "1")
    books.finance.execute(
        "insert into holds by name select 'w' || n % 300 as workspace_id, 'broken_row' as reason, 'x' as detail, 'do' as mend from range(600) r(n)"
    )
    for report in reports_in_order():
        books.finance.execute(report.read_text(encoding="utf-8"))
    page = page_of_month(books.finance, date(2026, 3, 1)).decode()
    assert "300 workspaces are held" in page
    assert "200 of 600 reasons are shown." in page


def test_no_users_name_or_address_is_on_it(sample: Product) -> None:
    people = (SAMPLE / "users" / "date=2026-05-31" / "users.csv").read_text(encoding="utf-8").splitlines()[1:]
    pages = "".join(path.read_text(encoding="utf-8") for path in sample.home.reports.glob("*/index.html"))
    told = {cell for row in people for cell in row.split(",")[6:8] if cell}
    assert len(told) > 50
    assert [cell for cell in told if cell in pages] == []
    assert not re.search(r"[\w.]+@[\w.]+\.\w", pages.split("*/", 1)[0].split("<body>")[1])


def test_a_user_id_that_is_an_address_is_hidden_in_what_was_found() -> None:
    books = Books().seats("2026-03-01", "1")
    books.report("seat_usage_monthly", "*")
    finance = books.finance
    detail = "no longer on the roster: 2 users, ann@example.com, b"
    finance.execute("insert into exceptions values ('G5', 'vanished', 'warning', 'ws', null, '2026-03-01', ?, null, null)", [detail])
    assert asked(finance, "findings", date(2026, 3, 1))[0]["detail"] == "no longer on the roster: 2 users, (address) b"


def test_every_kind_of_finding_is_explained() -> None:
    code = "".join((ROOT / "transforms" / f"{name}.py").read_text(encoding="utf-8") for name in ("findings", "disagreements", "contract_events"))
    listed = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8").split("### exceptions")[1].split("`severity`")[0]
    kinds = set(re.findall(r"`(\w+)`", listed)) - {"finding", "detail"}
    assert all(f'"{kind}"' in code for kind in kinds)
    explained = set(re.findall(r"^    \('(\w+)'", (PAGE / "findings.sql").read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == kinds


MANY = """
insert into invoices select 'i' || n, format('INV-{:06d}', n), 's' || n, 'w' || n, 'vendor', if(n % 4 = 0, 'JPY', 'USD'), '2026-03-01', 40, n, 0, 0, n, 0, 'run-000001'
from range(20000) r(n);
insert into invoice_lines by name select format('INV-{:06d}-{:03d}', n, l) as line_id, 'i' || n as invoice_id, format('INV-{:06d}', n) as invoice_number, 's' || n as subscription_id,
    'w' || n as workspace_id, 'vendor' as catalog, if(n % 4 = 0, 'JPY', 'USD') as currency, date '2026-03-01' as invoice_on, date '2026-03-01' as term_from,
    date '2026-04-01' as term_until, 'monthly' as cadence, 'team' as plan, 'opening' as reason, date '2026-03-01' as moved_on, date '2026-03-01' as service_from,
    date '2026-04-01' as service_until, 1 as quantity, 0 as quantity_billed_before, 31 as days, 31 as period_days, n as unit_price_minor, n as amount_minor, false as is_correction,
    repeat('<', 400) as description
from range(20000) r(n), range(1, 41) t(l) where n > 15000;
insert into subscriptions by name select 's' || n as subscription_id, 'w' || n as workspace_id, repeat('<&', 5000) as workspace_name, 'vendor' as catalog from range(20000) r(n);
"""


def test_of_many_invoices_it_has_the_largest_of_each_currency_says_so_and_stays_under_five_megabytes() -> None:
    books = Books().seats("2026-03-01", "31x1", spell="2026-03-01")
    books.finance.execute(MANY)
    for report in reports_in_order():
        books.finance.execute(report.read_text(encoding="utf-8"))
    page = page_of_month(books.finance, date(2026, 3, 1)).decode()
    assert len(page) < 5_000_000
    assert "the 1,000 largest and most changed of 20,000 invoices" in page
    invoices = json.loads(issued_of_month(books.finance, date(2026, 3, 1)).block.split(">", 1)[1].removesuffix("</script>"))
    usd, yen = ([i["number"] for i in invoices if i["currency"] == currency] for currency in ("USD", "JPY"))
    assert (len(usd), len(yen)) == (500, 500)
    assert (usd[0], yen[0]) == ("INV-019999", "INV-019996")
    assert 0 < sum(len(i["lines"]) for i in invoices) <= 10_000
    assert {i["count"] for i in invoices} == {40}  # what is not shown is said


def test_verify_notices_a_page_with_another_amount(tmp_path: Path) -> None:
    product = Product(tmp_path / "home", writes_reports=True)
    product.run(SAMPLE, date(2026, 1, 31))
    page = product.home.reports / "2026-01" / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace('"due":"234.00"', '"due":"23.40"'), encoding="utf-8")
    (check,) = [check for check in verify(product.home, product.setting.catalogs) if check.problems]
    assert (check.name, check.problems) == ("reports_agree", [("2026-01/index.html", "has other invoices than are published")])


def test_amounts_are_written_with_the_decimals_of_their_currency_and_exactly() -> None:
    assert [readable_money(minor, 2) for minor in (0, 5, -5, 123456789)] == ["0.00", "0.05", "−0.05", "1,234,567.89"]
    assert readable_money(10**18 + 1, 2) == "10,000,000,000,000,000.01"
    assert (readable_money(-1234, 0), readable_money(1234, 3), signed(1, 4)) == ("−1,234", "1.234", "+0.0001")
    assert (signed(0, 2), signed(-100, 2)) == ("–", "−1.00")


def test_no_text_ends_the_block_that_it_is_in() -> None:
    texts = ["</script>", "<!--", "]]>", "&lt;", "\u2028"]
    block = json_block("names", texts)
    inside = block.removeprefix('<script type="application/json" id="names">').removesuffix("</script>")
    assert not re.search("[<>&]", inside)
    assert json.loads(inside) == texts


def test_the_chart_library_is_whole_and_carries_its_licences() -> None:
    library = (PAGE / "plot.js").read_text(encoding="utf-8")
    asked_for = re.search(r"@observablehq/plot@([\d.]+)", (PAGE / "plot.entry.js").read_text(encoding="utf-8"))[1]
    assert library.startswith(f"/*!\n@observablehq/plot {asked_for}: Copyright")
    assert "Permission to use, copy, modify, and/or distribute this software" in library
    for name in ("plot.js", "page.js"):
        text = (PAGE / name).read_text(encoding="utf-8")
        assert not re.search(r"</script|<!--|\beval\(|new Function|https?://(?!www\.(w3|apache)\.org)", text), name


def test_what_a_held_workspace_is_worth_is_said_not_to_be_in_recurring_revenue(product: Product, tmp_path: Path) -> None:
    """A slip in a plan's name took a paying customer out of every month, and the page said only how much more there was."""
    source = small_source(tmp_path / "source")
    product.writes_reports = True
    product.run(source, date(2026, 2, 12))
    page = product.home.reports / "2026-02" / "index.html"
    assert "held workspace" not in page.read_text(encoding="utf-8")
    rows = (source / "subscriptions.csv").read_text()
    (source / "subscriptions.csv").write_text(rows.replace("pensero,growth", "pensero,grwoth"))
    product.run(source, date(2026, 2, 20))
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert "What 1 held workspace is worth is not in it, nor in months before: what it has agreed is not known until the data is mended." in text
