"""The command `meshcast`: thin commands over the pipeline, the publications and the register."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import dagster as dg
import duckdb
import typer

from dagster_project import pipeline, publishing, report, reproduction, status, summary
from dagster_project.assets.evidence import score_table
from dagster_project.assets.training import backtest_newest
from dagster_project.commands import contracts, expectations, policies
from dagster_project.commands.catalog import catalog
from dagster_project.commands.forget import forget
from dagster_project.commands.shell import (
    EXIT_CODES,
    Json,
    SourceName,
    Today,
    console,
    errors,
    exit_codes,
    print_json,
    print_json_rows,
    settings_for,
    settings_of_home,
    showing_stages,
)
from dagster_project.demo import write_landing
from dagster_project.interrupted import end_interrupted_runs
from dagster_project.landing import register_landed
from dagster_project.settings import CHECKOUT
from dagster_project.warehouse import port, warehouse

ROWS_SHOWN = 1_000
"""Rows of a query that are printed as a table; more is for --json or the Parquet files."""

app = typer.Typer(
    name="meshcast",
    help="Sales events in, tested data products and forecasts out.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(contracts.app, name="contracts")
app.add_typer(policies.app, name="policies")
app.add_typer(expectations.app)


class Slice(StrEnum):
    """What backtest scores can be broken down by."""

    overall = "overall"
    horizon_week = "horizon_week"
    store = "store"
    category = "category"
    volume = "volume"


@app.command(epilog="Example: meshcast run --today 2018-01-01")
def run(
    source: SourceName = None,
    today: Today = None,
    retrain: Annotated[bool, typer.Option(help="Train a challenger now.")] = False,
    as_json: Json = False,
) -> None:
    """Run everything: register, clean, test, train when due, forecast, audit, publish."""
    settings = settings_for(source, today)
    with exit_codes():
        with showing_stages(settings, as_json=as_json) as timings:
            result = pipeline.run_pipeline(settings, retrain=retrain)
        page = summary.summarise(settings, result, timings.seconds, timings.elapsed)
        if as_json:
            print_json(dataclasses.asdict(page))
        else:
            report.print_summary(console, page)


@app.command(epilog="Example: meshcast land complete-journey --until 2017-12-30")
def land(
    name: Annotated[
        str | None,
        typer.Argument(help="complete-journey: write the demo's files first. Else: register only."),
    ] = None,
    source: SourceName = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last trading day to write.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Register what lies in the landing folders, after writing the demo's files if it is named."""
    settings = settings_for(source)
    with exit_codes():
        if name is not None:
            if name.replace("_", "-") != "complete-journey":
                raise ValueError(
                    f"land: expected the demo's name complete-journey, found {name!r}. Other data: "
                    f"drop its files into {settings.landing}/<source>/<entity>/ and run "
                    "`meshcast land` without a name."
                )
            write_landing(settings.landing, until=until.date() if until else None)
        with pipeline.run_lock(settings, "meshcast land"), warehouse(settings) as connection:
            seen_at = datetime.now(UTC)
            landed = register_landed(settings, connection, seen_at=seen_at)
            sales_lines = summary.sales_lines_landed(connection, seen_at)
        if as_json:
            print_json({**dataclasses.asdict(landed), "sales_lines_new": sales_lines})
        else:
            report.print_landing(console, settings, landed, sales_lines)


@app.command(epilog="Example: meshcast backtest --by horizon_week")
def backtest(
    by: Annotated[Slice, typer.Option(help="What to break the scores down by.")] = Slice.overall,
    as_json: Json = False,
) -> None:
    """Backtest and judge today's model on what the warehouse holds; the champion stays."""
    settings = settings_of_home()
    with exit_codes(), pipeline.run_lock(settings, "meshcast backtest"):
        if status.data_through(settings) is None:
            raise pipeline.NothingToForecast(
                f"backtest: expected accepted sales in {settings.warehouse_file}, found none. Run "
                "`meshcast run` first."
            )
        with showing_stages(settings, as_json=as_json):
            backtest, verdict = backtest_newest(settings)
        table = score_table(backtest.scores, by.value)
        if as_json:
            reasons = [dataclasses.asdict(reason) for reason in verdict.reasons]
            print_json({"scores": table.to_dict("records"), "gate": reasons})
        else:
            report.print_backtest(console, table, verdict)


@app.command(epilog="Example: meshcast publications")
def publications(as_json: Json = False) -> None:
    """List what has been published, the newest first."""
    settings = settings_of_home()
    with exit_codes():
        listed = publishing.publications(settings)
        if as_json:
            print_json([dataclasses.asdict(publication) for publication in listed])
        else:
            report.print_publications(console, settings, listed)
            for erasure in publishing.erasures(settings):
                console.print(erasure.told, soft_wrap=True, highlight=False)


@app.command(epilog="Example: meshcast rollback --to 3 --reason 'prices were wrong'")
def rollback(
    to: Annotated[int, typer.Option(help="The publication that is to be current again.")],
    reason: Annotated[str, typer.Option(help="Why, for the manifest.")] = "not given",
) -> None:
    """Make an earlier publication current again, as a new one, and pause automatic publication."""
    settings = settings_of_home()
    with exit_codes(), pipeline.run_lock(settings, "meshcast rollback"):
        publication = publishing.rollback(
            settings, to=to, reason=reason, published_at=datetime.now(UTC)
        )
        console.print(
            f"Publication {publication.number} carries what {to} carried. Automatic publication is "
            "paused until `meshcast resume`."
        )


@app.command(epilog="Example: meshcast resume")
def resume() -> None:
    """Let runs publish again after a rollback."""
    settings = settings_of_home()
    with exit_codes():
        publishing.resume(settings)
        console.print("Automatic publication is on.")


@app.command(epilog="Example: meshcast reproduce 3")
def reproduce(
    number: Annotated[int, typer.Argument(help="The publication to build again.")],
    as_json: Json = False,
) -> None:
    """Build a publication again from the files and model it names, and compare hashes."""
    settings = settings_of_home()
    with exit_codes():
        with showing_stages(settings, as_json=as_json):
            result = reproduction.reproduce(settings, number)
        if as_json:
            print_json(dataclasses.asdict(result))
        else:
            report.print_reproduction(console, result)
        if not result.is_identical:
            raise typer.Exit(1)


@app.command(
    epilog='Example: meshcast query "select store_id, sum(units_mean) from sales_forecast_v1 '
    'group by all"'
)
def query(
    sql: Annotated[str, typer.Argument(help="A query on the published views.")],
    as_json: Json = False,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Also the restricted ports, such as sales_events.")
    ] = False,
) -> None:
    """Query what is published, read-only, also while a run writes."""
    settings = settings_of_home()
    with exit_codes():
        file = publishing.reader_file(settings, restricted=restricted)
        if not file.exists():
            raise pipeline.RunFailed(
                f"query: expected a publication in {settings.published}, found none. Run `meshcast "
                "run` first, or set MESHCAST_HOME to the home that has one."
            )
        with port(file) as connection:
            try:
                result = connection.execute(sql)
                columns = [column[0] for column in result.description or []]
                if as_json:
                    print_json_rows(columns, result)
                    return
                rows = result.fetchmany(ROWS_SHOWN + 1)
            except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
                raise ValueError(f"query: {error}{restricted_hint(sql, restricted)}") from error
        report.print_rows(console, columns, rows[:ROWS_SHOWN])
        if len(rows) > ROWS_SHOWN:
            errors.print(
                f"only the first {ROWS_SHOWN:,} rows are shown: add a limit, use --json, or read "
                f"the Parquet files in {settings.published / 'current'}",
                soft_wrap=True,
            )


def restricted_hint(sql: str, restricted: bool) -> str:
    """How to reach the restricted ports that a query names; empty when it names none."""
    named = [port.relation for port in publishing.read_ports() if port.is_restricted]
    missed = [relation for relation in named if relation in sql and not restricted]
    return f"\n{', '.join(missed)}: a restricted port, add --restricted" if missed else ""


app.command(epilog="Example: meshcast forget 2375")(forget)


@app.command("status", epilog="Example: meshcast status --today 2018-01-01")
def show_status(source: SourceName = None, today: Today = None, as_json: Json = False) -> None:
    """Show the home: its data, champion, publication, freshness, and what needs a hand."""
    settings = settings_of_home(source, today)
    with exit_codes():
        state = status.read_status(settings)
        if as_json:
            print_json(dataclasses.asdict(state))
        else:
            report.print_status(console, state)


app.command(epilog="Example: meshcast catalog")(catalog)


@app.command(epilog="Example: meshcast relink")
def relink() -> None:
    """Point the published ports at this home again after it was moved or copied."""
    settings = settings_of_home()
    with exit_codes(), pipeline.run_lock(settings, "meshcast relink"):
        mended = publishing.relink(settings)
        console.print(f"{len(mended)} publications now point into {settings.published}")


@app.command(epilog="Example: meshcast ui --port 3001")
def ui(
    source: SourceName = None,
    today: Today = None,
    ui_port: Annotated[int, typer.Option("--port", help="Port of the web server.")] = 3000,
) -> None:
    """Start Dagster (web server and daemon) with this deployment loaded."""
    settings = settings_for(source, today)
    with exit_codes():
        if not port_is_free(ui_port):
            raise ValueError(
                f"port {ui_port}: expected a free one, found something listening there. Stop it, "
                f"or choose another: meshcast ui --port {ui_port + 1}"
            )
        pipeline.prepare_dagster_home(settings)
        with dg.DagsterInstance.get() as instance:
            end_interrupted_runs(instance)
    if today is not None:  # without one each run asks the clock, also weeks from now
        os.environ["MESHCAST_TODAY"] = settings.today.isoformat()
    console.print(f"Dagster: http://127.0.0.1:{ui_port} (stop it with Ctrl-C)")
    dagster = Path(sys.executable).parent / "dagster"
    arguments = ["dev", "--module-name", "dagster_project.definitions", "--port", str(ui_port)]
    os.environ["PYTHONWARNINGS"] = "ignore:Function `dev_command` is superseded"
    os.chdir(CHECKOUT)
    os.execv(dagster, [str(dagster), *arguments])


def port_is_free(number: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", number)) != 0
