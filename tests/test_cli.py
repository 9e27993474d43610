"""The command line: every command explains itself, ends with its exit code, prints its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from rich.console import Console
from typer.testing import CliRunner, Result

from dagster_project import pipeline, publishing, report, status
from dagster_project.cli import EXIT_CODES, ROWS_SHOWN, app
from dagster_project.forecasting.backtest import NotEnoughHistory
from dagster_project.lock import Locked
from dagster_project.settings import DATA_PRODUCTS
from dagster_project.stages import listening, stage
from tests.command_line import CUTOFF_ON, land_invented, meshcast, settings_of
from tests.invented import FIRST_DAY

Run = Callable[..., Result]

HOLD_THE_WAREHOUSE = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""

HOLD_THE_HOME = """
import sys
from datetime import date
from pathlib import Path
from dagster_project.pipeline import run_lock
from dagster_project.settings import Settings
with run_lock(Settings(home=Path(sys.argv[1]), today=date(2018, 1, 1)), "meshcast run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Invoke a command in this process, with the environment's homes and sources out of the way."""

    def invoke(home: Path, *arguments: str) -> Result:
        monkeypatch.setenv("MESHCAST_HOME", str(home))
        monkeypatch.setenv("MESHCAST_LOCK_TIMEOUT_SECONDS", "0.3")
        for name in ("MESHCAST_SOURCES", "MESHCAST_TODAY"):
            monkeypatch.delenv(name, raising=False)
        return CliRunner().invoke(app, arguments)

    return invoke


# What these groups do, they do on the checkout.
OF_NO_HOME = {"contracts", "expectations", "policies"}


def commands() -> dict[str, Any]:
    """The commands as typer's own click knows them."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def strict_json(text: str) -> Any:
    """What JSON.parse takes; Python's own parser also takes NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_and_an_example_of_itself(name: str) -> None:
    command = commands()[name]
    assert command.help
    assert (command.epilog or "").startswith(f"Example: meshcast {name}")
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"


def test_the_help_tells_the_exit_codes() -> None:
    shown = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert " ".join(EXIT_CODES.split()) in shown
    assert {code for code in "012345" if f"{code} " in EXIT_CODES} == set("012345")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "--today", "yesterday"], 2),
        (["run", "--source", "unheard-of"], 2),
        (["land", "somebody-elses-data"], 2),
        (["rollback", "--to", "7"], 2),
        (["reproduce", "7"], 2),
        (["backtest", "--by", "colour"], 2),
        (["query", "selekt 1"], 2),
        (["query", "select units from sales_forecast_v1"], 2),
        (["query", "select 'many'::integer as n"], 2),
    ],
)
def test_what_cannot_be_done_ends_in_one_message_and_its_exit_code(
    run: Run, published_home: Path, arguments: list[str], code: int
) -> None:
    ended = run(published_home, *arguments)
    assert ended.exit_code == code, ended.output
    assert "Traceback" not in ended.output
    assert isinstance(ended.exception, SystemExit)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (pipeline.NothingToForecast("no sales line was accepted"), 3),
        (publishing.NothingToPublish("no forecast has been made"), 3),
        (publishing.AuditFailed([], Path("failed/2")), 4),
        (Locked("waited 60 s for process 7"), 5),
        (pipeline.RunFailed("ingest: 1 model failed"), 1),
        (RuntimeError("dbt parse failed: unexpected '}'"), 1),
        (NotEnoughHistory("backtest: expected 6 origins"), 3),
    ],
)
def test_a_run_that_ends_early_says_why_in_its_exit_code(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pipeline, "run_pipeline", fail)
    ended = run(tmp_path, "run")
    assert ended.exit_code == code
    assert str(error) in ended.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["publications", "--json"],
        ["status", "--json"],
        ["query", "--json", "select * from sales_forecast_v1 limit 2"],
        ["query", "--json", "select 'nan'::double as none, 1.50::decimal(9, 2) as price"],
        ["land", "--json"],
        ["backtest", "--json", "--by", "category"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_json_on_standard_output_is_nothing_but_json(home: Path, arguments: list[str]) -> None:
    strict_json(meshcast(home, *arguments).stdout)


def test_every_command_that_takes_json_is_shown_to_print_it(
    published_page: dict[str, Any],
) -> None:
    takes_json = {
        name
        for name, command in commands().items()
        if any("--json" in parameter.opts for parameter in command.params)
    }
    # The published home's page, test_reproduction, tests/catalog, test_erasure.
    elsewhere = {"run", "reproduce", "catalog", "forget"}
    assert takes_json == {"publications", "status", "query", "land", "backtest"} | elsewhere
    assert published_page["publication"] == 1


def test_a_query_reads_what_is_published_and_no_more(run: Run, published_home: Path) -> None:
    counted = run(published_home, "query", "--json", "select count(*) as n from daily_sales_v1")
    assert strict_json(counted.stdout)[0]["n"] > 0
    shown = run(published_home, "query", "select store_id from sales_forecast_v1 limit 1")
    assert shown.stdout.split()[0] == "store_id"
    assert len(shown.stdout.split()) == 2
    events = "select count(sold_at) as lines, max(sold_on) as newest from sales_events_v1"
    hinted = run(published_home, "query", events)
    assert hinted.exit_code == 2
    assert "sales_events_v1: a restricted port, add --restricted" in hinted.output
    restricted = run(published_home, "query", "--restricted", "--json", events)
    assert strict_json(restricted.stdout)[0]["newest"].startswith(str(CUTOFF_ON))
    refused = run(published_home, "query", "create table mine as select 1")
    assert refused.exit_code == 2
    assert "read-only" in refused.output
    mistyped = run(published_home, "query", "select * form sales_forecast_v1")
    assert mistyped.stderr.startswith("meshcast: query: Parser Error")
    assert 'syntax error at or near "sales_forecast_v1"' in mistyped.stderr


def attention(run: Run, home: Path, *arguments: str) -> list[str]:
    """What `meshcast status` says needs attention."""
    ended = run(home, "status", "--json", *arguments)
    assert ended.exit_code == 0, ended.output
    return list(strict_json(ended.stdout)["needs_attention"])


def test_the_status_tells_what_is_live_and_what_needs_a_hand(run: Run, home: Path) -> None:
    state = strict_json(run(home, "status", "--today", "2017-10-15", "--json").stdout)
    assert state["data_through"] == f"{CUTOFF_ON} (2 days ago)"
    assert state["publication"].startswith("1 of ")
    assert state["champion"].startswith(f"{CUTOFF_ON}-")
    assert state["needs_attention"] == []

    (home / "landing" / "complete_journey" / "sales_events" / "2017-10-14.parquet").write_text("x")
    assert run(home, "land").exit_code == 0
    (rejected,) = attention(run, home, "--today", "2017-10-15")
    assert "1 files were rejected" in rejected
    assert "needs attention" in run(home, "status").stdout
    assert "nothing has landed" in attention(run, home, "--source", "online-retail")[0]


def test_the_status_holds_the_forecast_against_the_freshness_its_contract_promises(
    run: Run, published_home: Path
) -> None:
    contract = DATA_PRODUCTS / "sales_forecast" / "contract_v1.odcs.yaml"
    (promised,) = (
        promise["value"]
        for promise in yaml.safe_load(contract.read_text())["slaProperties"]
        if promise["property"] == "freshness"
    )
    fresh, late = (CUTOFF_ON + timedelta(days=promised + more) for more in (0, 1))
    assert attention(run, published_home, "--today", str(fresh)) == []
    (stale,) = attention(run, published_home, "--today", str(late))
    assert f"the forecast is stale: its sales end on {CUTOFF_ON}, 3 days before {late}" in stale


def test_the_status_of_an_empty_home_says_that_nothing_has_landed_or_is_published(
    run: Run, tmp_path: Path
) -> None:
    assert run(tmp_path, "land").exit_code == 0
    state = strict_json(run(tmp_path, "status", "--json").stdout)
    assert (state["publication"], state["champion"]) == (None, None)
    landed, published = state["needs_attention"]
    assert f"nothing has landed: put files into {tmp_path}/landing/" in landed
    assert "nothing is published" in published
    assert "Nothing is published yet" in run(tmp_path, "publications").stdout
    asked = run(tmp_path, "query", "select 1")
    assert asked.exit_code == 1
    assert "expected a publication" in asked.output
    judged = run(tmp_path, "backtest")
    assert judged.exit_code == 3
    assert "expected accepted sales" in judged.output


@dg.job
def ingest() -> None:
    @dg.op
    def landing() -> None:
        raise ValueError("the disk is full\nand more")

    landing()


def test_the_status_says_that_the_last_run_failed_and_why(run: Run, home: Path) -> None:
    with dg.DagsterInstance.from_config(str(settings_of(home).dagster_home)) as instance:
        ingest.execute_in_process(instance=instance, raise_on_error=False)
    (failed,) = attention(run, home, "--today", "2017-10-15")
    assert "the last run failed, its job ingest: the disk is full. Mend it" in failed


def test_the_status_says_that_the_last_run_was_killed(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.from_config(str(settings_of(home).dagster_home)) as instance:
        instance.create_run_for_job(ingest, status=dg.DagsterRunStatus.STARTED)
    assert attention(run, home, "--today", "2017-10-15") == []
    monkeypatch.setattr(status, "has_lost_its_process", lambda *_: True)
    (killed,) = attention(run, home, "--today", "2017-10-15")
    assert "the last run was killed in its job ingest" in killed


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("some.module.NotEnoughHistory: backtest: expected 6", "backtest: expected 6"),
        (
            f"dbt: the command\n\n{pipeline.DBT_REPORT}\n\n Failure in test a\n b",
            "Failure in test a",
        ),
        ("no class", "no class"),
    ],
)
def test_the_status_tells_the_first_line_of_an_error(message: str, told: str) -> None:
    assert status.first_line(message) == told


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["publications"],
        ["query", "select 1"],
        ["backtest"],
        ["rollback", "--to", "1"],
        ["resume"],
        ["reproduce", "1"],
        ["relink"],
        ["catalog"],
        ["forget", "1"],
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_mistyped_home_is_told_and_nothing_is_made_there(
    run: Run, tmp_path: Path, arguments: list[str]
) -> None:
    ended = run(tmp_path / "mistyped", *arguments)
    assert ended.exit_code == 2
    assert f"{tmp_path}/mistyped: expected a home of meshcast, found none" in ended.stderr
    assert "MESHCAST_HOME" in ended.stderr
    assert list(tmp_path.iterdir()) == []
    assert run(tmp_path, *arguments).exit_code == 2  # a folder, but no home
    assert list(tmp_path.iterdir()) == []


def test_only_commands_that_fill_a_home_make_one() -> None:
    tried = test_a_mistyped_home_is_told_and_nothing_is_made_there.pytestmark[0].args[1]
    assert (
        set(commands()) - {arguments[0] for arguments in tried}
        == {"run", "land", "ui"} | OF_NO_HOME
    )


def test_a_setting_that_does_not_parse_ends_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHCAST_HOME", str(tmp_path))
    monkeypatch.setenv("MESHCAST_TODAY", "yesterday")
    ended = CliRunner().invoke(app, ["status"])
    assert ended.exit_code == 2
    assert "MESHCAST_TODAY: expected a date as YYYY-MM-DD, found 'yesterday'" in ended.stderr


def test_landing_counts_sales_lines_apart_from_rows_of_other_entities(
    run: Run, tmp_path: Path
) -> None:
    land_invented(tmp_path / "home", tmp_path / "source_data", until=FIRST_DAY)
    landed = strict_json(run(tmp_path / "home", "land", "--json").stdout)
    folder = tmp_path / "home" / "landing" / "complete_journey"
    rows = {
        entity.name: sum(pq.read_metadata(file).num_rows for file in entity.iterdir())
        for entity in folder.iterdir()
    }
    lines = rows.pop("sales_events")
    assert landed["sales_lines_new"] == lines
    assert landed["rows_new"] == lines + sum(rows.values())
    (folder / "sales_events" / f"{FIRST_DAY}-again.parquet").write_bytes(
        next((folder / "sales_events").iterdir()).read_bytes()
    )
    told = " ".join(run(tmp_path / "home", "land").stdout.split())
    assert f"1 new files registered, with {lines:,} sales lines and 0 rows of other" in told


def test_a_query_prints_the_first_rows_of_many_and_says_so_and_json_has_them_all(
    run: Run, published_home: Path
) -> None:
    shown = run(published_home, "query", "select range as n from range(250000)")
    assert len(shown.stdout.splitlines()) == 1 + ROWS_SHOWN
    assert "only the first 1,000 rows are shown" in shown.stderr
    everything = strict_json(
        run(published_home, "query", "--json", "select range as n from range(25000)").stdout
    )
    assert [row["n"] for row in everything] == list(range(25000))
    assert strict_json(run(published_home, "query", "--json", "select 1 where false").stdout) == []


def test_publications_are_listed_with_what_they_were_made_from(
    run: Run, published_home: Path, published_page: dict[str, Any]
) -> None:
    (listed,) = strict_json(run(published_home, "publications", "--json").stdout)
    assert listed["number"] == 1
    assert listed["cutoff_on"] == str(CUTOFF_ON)
    assert listed["model_version"] == published_page["model_version"]
    assert "1 (current)" in run(published_home, "publications").stdout


@contextmanager
def held_by_another_process(code: str, path: Path) -> Iterator[int]:
    """Run code in a process until the block ends; yield its id."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder.pid
        finally:
            holder.communicate()


def test_a_second_run_waits_and_is_told_who_holds_the_home(run: Run, tmp_path: Path) -> None:
    with held_by_another_process(HOLD_THE_HOME, tmp_path) as pid:
        ended = run(tmp_path, "land")
    assert ended.exit_code == 5
    told = " ".join(ended.output.split())
    assert f"process {pid}" in told
    assert "meshcast run" in told
    assert run(tmp_path, "land").exit_code == 0


def test_a_second_writer_of_the_warehouse_is_told_who_has_it_open(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path, "land").exit_code == 0
    warehouse_file = settings_of(tmp_path).warehouse_file
    with held_by_another_process(HOLD_THE_WAREHOUSE, warehouse_file) as pid:
        ended = run(tmp_path, "land")
    assert ended.exit_code == 5
    told = " ".join(ended.output.split())
    assert f"process {pid}" in told
    assert Path(sys.executable).name in told


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_is_cut_however_narrow_the_terminal(width: int, is_terminal: bool) -> None:
    path = "/a/long/way/to/the/published/folder/of/some/home/published/sales.duckdb"
    screen = StringIO()
    console = Console(file=screen, width=width, force_terminal=is_terminal, color_system=None)
    report.print_rows(console, ["where", "units_mean"], [[path, 1234567.875]])
    shown = screen.getvalue()
    assert "…" not in shown
    if is_terminal:
        assert max(len(line) for line in shown.splitlines()) <= width
    else:
        assert path in shown
        assert "1234567.875" in shown


def test_a_stage_that_fails_is_shown_as_failed() -> None:
    screen = StringIO()
    console = Console(file=screen, width=80)
    with (
        pytest.raises(RuntimeError, match="no disk"),
        report.StageTimings(console) as timings,
        listening(timings),
    ):
        with stage("land") as tell:
            tell("3 files")
        with stage("train"):
            raise RuntimeError("no disk")
    lines = screen.getvalue().splitlines()
    assert lines[0].startswith("done   land")
    assert lines[0].endswith("3 files")
    assert lines[1].startswith("FAILED train")
    assert list(timings.seconds) == ["land", "train"]


def test_what_libraries_print_during_a_run_goes_into_a_file(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from dagster_project.terminal import kept_for_us\n"
        "with kept_for_us(Path('last_run.log')) as screen:\n"
        "    os.system('echo chatter'); print('more chatter'); print('stage', file=screen)\n"
        "print('page')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == ["stage", "page"]
    assert (tmp_path / "last_run.log").read_text().splitlines() == ["chatter", "more chatter"]
