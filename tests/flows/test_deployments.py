"""What is deployed: one definition for prefect.yaml and `serve`; which day a run means; what it tells, and how it says it."""

from __future__ import annotations

import inspect
import re
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from flows.deployments import AT_ONCE, DEPLOYMENTS, ENTRYPOINTS, Site, placeholders, site_from_environment, site_of_command
from flows.errors import Unanswered, UserError, is_passing, why_failed
from flows.home import Home
from flows.run_summary import holds_table, how_it_ended, in_short, summary
from tests.conftest import ROOT, Product
from tests.flows.small_source import small_source, users_file, users_of, write_users

PREFECT_YAML = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
JAN, MAR = date(2026, 1, 31), date(2026, 3, 5)


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["SOURCE", "HOME", "CATALOGS", "TIMEZONE", "LAKE", "CLUSTER", "REPORTS_URL"] + [d.key.upper() for d in DEPLOYMENTS]:
        monkeypatch.delenv(f"SEATLEDGER_{name}", raising=False)


def test_prefect_yaml_says_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, entrypoint, words, tags, schedule, time zone, parameters and limit, with the build step's values in their places."""
    monkeypatch.setenv("SEATLEDGER_SOURCE", "/data/source")
    site, values = site_from_environment({"SEATLEDGER_SOURCE": "/data/source"}).settled(), placeholders()
    (step,) = PREFECT_YAML["build"]
    assert step == {"flows.deployments.placeholders": {"id": "seatledger"}}

    def filled(value: object) -> object:
        found = re.fullmatch(r"\{\{ seatledger\.(\w+) \}\}", str(value))
        return values[found[1]] if found else value

    said = {deployment["name"]: deployment for deployment in PREFECT_YAML["deployments"]}
    assert list(said) == [deployment.name for deployment in DEPLOYMENTS]
    for deployment in DEPLOYMENTS:
        of_yaml = said[deployment.name]
        (schedule,) = of_yaml["schedules"]
        assert of_yaml["entrypoint"] == f"{ENTRYPOINTS}.{deployment.flow}"
        assert (of_yaml["description"], of_yaml["tags"]) == (deployment.description, deployment.tags)
        assert (filled(schedule["cron"]), filled(schedule["timezone"]), schedule["slug"]) == (deployment.cron, "UTC", deployment.name)
        assert {name: filled(value) for name, value in of_yaml["parameters"].items()} == site.parameters(deployment)
        assert of_yaml["concurrency_limit"] == AT_ONCE
        assert of_yaml["work_pool"]["name"] == "seatledger"
    shown = re.findall(r'\{\{ seatledger\.(\w+_cron) \}\}" +# (.+)', (ROOT / "prefect.yaml").read_text())
    assert dict(shown) == {deployment.key: deployment.cron for deployment in DEPLOYMENTS}


def test_serve_puts_the_same_deployments_in_place() -> None:
    from flows.serving import served

    site = site_of_command("/data/source", Path("/data/books"), None, "Europe/Paris", ("daily-ingest=30 4 * * *",))
    for deployment, put in zip(DEPLOYMENTS, served(site), strict=True):
        (schedule,) = put.schedules
        assert (put.name, put.entrypoint) == (deployment.name, f"{ENTRYPOINTS}.{deployment.flow}")
        assert (put.description, put.tags, put.parameters) == (deployment.description, deployment.tags, site.parameters(deployment))
        cron = "30 4 * * *" if deployment.name == "daily-ingest" else deployment.cron
        assert (schedule.schedule.cron, schedule.schedule.timezone) == (cron, "Europe/Paris")
        assert (put.concurrency_limit, put.concurrency_options.collision_strategy) == (1, "ENQUEUE")


def test_every_parameter_of_a_deployment_is_one_of_its_flow_and_every_one_is_described() -> None:
    from flows import operated

    site = Site("/data/source", "/data/books").settled()
    for deployment in DEPLOYMENTS:
        flow = getattr(operated, deployment.flow)
        form = flow.parameters.model_dump()
        assert set(site.parameters(deployment)) <= set(form["properties"])
        assert set(form["required"]) <= set(site.parameters(deployment))
        assert all(re.search(r"\w\.$", parameter["description"]) for parameter in form["properties"].values())
        assert flow.timeout_seconds and not flow.retries
        assert "Args:" in inspect.getdoc(flow.fn)


def test_where_things_are_is_settled_before_anything_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    site = site_of_command("source", Path("books"), None, None, ())
    assert (site.source, site.home, site.timezone) == (f"{tmp_path}/source", f"{tmp_path}/books", "UTC")
    assert site_of_command("s3://bucket/rosters", Path("books"), None, None, ()).source == "s3://bucket/rosters"
    far = site_of_command("s3://bucket/rosters", Path("books"), None, None, (), "s3://bucket/lake", "tcp://scheduler:8786")
    assert [far.parameters(d).get("lake") == "s3://bucket/lake" for d in DEPLOYMENTS] == [True, False, False, False]
    assert all(far.parameters(d)["cluster"] == "tcp://scheduler:8786" for d in DEPLOYMENTS)
    with pytest.raises(UserError, match=r"no SOURCE is named\. Set SEATLEDGER_SOURCE"):
        site_from_environment({}).settled()
    with pytest.raises(UserError, match=r"--cron 'weekly=0 0 \* \* 0': there is no deployment 'weekly'. The names: daily-ingest,"):
        site_of_command("source", Path("books"), None, None, ("weekly=0 0 * * 0",))


def test_where_catalogues_are_in_several_time_zones_one_has_to_be_named(tmp_path: Path) -> None:
    shipped = (ROOT / "data" / "catalogs" / "pivotal.toml").read_text()
    (tmp_path / "pivotal.toml").write_text(shipped.replace('timezone = "UTC"', 'timezone = "Asia/Tokyo"'))
    with pytest.raises(UserError, match=r"the catalogues are in Asia/Tokyo and UTC\. Name the time zone"):
        Site("/data/source", "/data/books", str(tmp_path)).settled()
    assert Site("/data/source", "/data/books", str(tmp_path), "Asia/Tokyo").settled().timezone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("scheduled", "zone", "day", "month"),
    [
        ("2026-06-02T05:00:00+00:00", "UTC", date(2026, 6, 1), date(2026, 5, 1)),
        ("2026-06-01T02:00:00+00:00", "America/New_York", date(2026, 5, 30), date(2026, 4, 1)),  # there it is still 31 May
        ("2026-05-31T20:00:00+00:00", "Asia/Tokyo", date(2026, 5, 31), date(2026, 5, 1)),  # there it is 1 June
        ("2026-03-29T01:30:00+00:00", "Europe/Paris", date(2026, 3, 28), date(2026, 2, 1)),  # the hour that is not there
        ("2026-01-01T00:00:00+00:00", "UTC", date(2025, 12, 31), date(2025, 12, 1)),
    ],
)
def test_the_day_and_the_month_are_those_before_the_scheduled_time_where_the_schedule_is(
    monkeypatch: pytest.MonkeyPatch, scheduled: str, zone: str, day: date, month: date
) -> None:
    from flows import operated

    monkeypatch.setattr(operated, "flow_run", SimpleNamespace(scheduled_start_time=datetime.fromisoformat(scheduled)))
    assert operated._day_before(zone, None) == day
    assert operated._month_before(zone, None) == month


def test_a_home_that_is_no_whole_path_is_refused_for_a_worker_runs_elsewhere() -> None:
    from flows import operated

    with pytest.raises(UserError, match=r"home: 'warehouse' is no whole path\. A worker runs in a folder of its own"):
        operated._setting("warehouse", None)


def test_a_patient_run_waits_for_the_one_before_it(tmp_path: Path) -> None:
    with (
        Home(tmp_path / "home").locked(),
        pytest.raises(UserError, match="another run"),
        Home(tmp_path / "home", patience=0.2).locked(),
    ):
        raise AssertionError
    with Home(tmp_path / "home", patience=0.2).locked():
        pass


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (OSError(5, "Input/output error"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (Unanswered("s3://bucket: cannot be read: the store says SLOW_DOWN."), True),
        (UserError("users/date=2026-01-02/users.csv: came before with other content."), False),  # a refusal is for people
        (FileNotFoundError(2, "No such file"), False),
        (PermissionError(13, "Permission denied"), False),
        (ValueError("x"), False),
        (None, False),
    ],
)
def test_only_what_the_world_may_take_back_is_tried_again(error: Exception | None, may_pass: bool) -> None:
    assert is_passing(error) is may_pass


def test_why_a_run_failed_is_a_sentence_without_what_a_library_repeats() -> None:
    assert why_failed(UserError("nowhere: is no folder.")) == "nowhere: is no folder."
    assert why_failed(OSError(28, "No space left on device", "ledger.duckdb")).startswith("ledger.duckdb: No space left on device. Nothing")
    assert why_failed(ValueError("could not parse 'ada@example.com'")).startswith("ValueError: a fault of the program.")


@pytest.fixture
def billed(product: Product, tmp_path: Path) -> tuple[Product, Path]:
    source = small_source(tmp_path / "source")
    product.run(source, JAN)
    return product, source


def test_the_page_of_a_run_has_what_was_billed_and_the_change_since_the_run_before(billed: tuple[Product, Path]) -> None:
    product, source = billed
    product.ingest(source)
    would = product.bill(MAR, dry_run=True)
    assert in_short(would) == "Would bill through 2026-03-05: 3 invoices, 5 lines."
    shown = summary(would, product.home)
    outcome = product.bill(MAR)
    assert in_short(outcome) == "Billed through 2026-03-05: 3 invoices, 5 lines."
    assert how_it_ended(outcome) is None
    page = summary(outcome, product.home)
    assert shown == page  # a dry run shows what the run then does
    assert "| pensero | 1 | 572.06 | 572.06 | USD |" in page  # 1121.10 - 549.04
    assert "| pensero | growth | 2 | 572.06 | 1,800.00 | −1,227.94 | USD |" in page
    assert "| pivotal | team | 3 | 254.13 | 78.00 | +176.13 | USD |" in page  # 20.13 + 117.00 + 117.00, less 2 x 39.00
    assert "The run before: run-000001, through 2026-01-31." in page
    assert summary(product.bill(MAR), product.home) == "No invoice date was due that had not been billed.\n"


def test_a_run_of_one_catalogue_is_compared_with_the_one_before_of_the_same(billed: tuple[Product, Path]) -> None:
    product, source = billed
    product.ingest(source)
    page = summary(product.bill(MAR, catalog="pivotal"), product.home, (None, "pivotal"))
    assert "| pivotal | team | 3 | 254.13 | USD |" in page  # the run before billed all of them
    assert "run before" not in page


def test_what_is_held_is_named_with_its_place_and_mend_and_nothing_in_it_is_markup(product: Product, tmp_path: Path) -> None:
    source, day = small_source(tmp_path / "source"), date(2026, 1, 20)
    hostile = "<img src=x>|[a](javascript:1)\x1b[31m"
    path = users_file(source, day)
    path.write_text(path.read_text().replace("oak,b,teammate", "oak,b,colleague"))
    strange = f'"{hostile}",q,colleague,member,active,true,Name q,q@example.com,'
    write_users(source, day + timedelta(days=1), [*users_of(day + timedelta(days=1)), strange])
    outcome = product.run(source, JAN)
    assert how_it_ended(outcome) == "Held 2 workspaces"
    page = summary(outcome, product.home)
    assert "users/date=2026-01-20/users.csv, row 2" in page
    assert "correct the row and deliver the file again" in page
    assert "Name q" not in page and "@example.com" not in page
    assert "\x1b" not in page
    assert r"\<img src=x\>\|\[a\](javascript:1)" in page
    assert not re.search(r"(?<!\\)[<\[]", page)
    assert "oak" in {row["workspace"] for row in holds_table(product.home)}
    assert holds_table(Home(tmp_path / "nothing")) == [{"workspace": "nothing is held"}]


def test_the_months_page_is_a_link_where_a_browser_can_open_it_and_a_file_where_not(
    with_reports: None, billed: tuple[Product, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    product, source = billed
    outcome = product.run(source, MAR)
    folder = product.home.reports / "2026-03"
    (folder / "index.html").unlink(missing_ok=True)
    assert "2026-03" not in summary(outcome, product.home).partition("## The month's page")[2]
    (folder / "index.html").write_text("<p>")
    assert f"- 2026-03: `{folder}/index.html`" in summary(outcome, product.home)
    monkeypatch.setenv("SEATLEDGER_REPORTS_URL", "https://finance.example/reports/")
    assert "- [2026-03](<https://finance.example/reports/2026-03/index.html>)" in summary(outcome, product.home)
