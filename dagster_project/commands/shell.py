"""What the commands share: options, consoles, and errors as one line with an exit code."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import dagster as dg
import duckdb
import typer
from rich.console import Console
from rich.text import Text

from dagster_project import pipeline, publishing, report, reproduction
from dagster_project.declaration import DeclarationError
from dagster_project.forecasting.backtest import NotEnoughHistory
from dagster_project.lock import Locked
from dagster_project.settings import Settings, load_settings
from dagster_project.stages import listening
from dagster_project.terminal import kept_for_us
from dagster_project.warehouse import HomeNotSupported

EXIT_CODES = """\
Exit codes: 0 done (rejected files and quarantined rows are in the summary, not an error);
1 a step failed; 2 the command line, a query or a declaration is wrong; 3 nothing acceptable,
or too little history to forecast; 4 the audit refused the candidate, what was published
stays; 5 another writer holds the home."""

ROWS_AT_ONCE = 10_000

console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SourceName = Annotated[
    str | None, typer.Option("--source", help="Deploy this one source instead of the declared.")
]
Today = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="The day freshness is judged against [default: the clock's]."
    ),
]


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors a person can act on into one line and the documented exit code."""
    codes: list[tuple[type[Exception], int]] = [
        (pipeline.NothingToForecast, 3),
        (NotEnoughHistory, 3),
        (publishing.AuditFailed, 4),
        (Locked, 5),
        (DeclarationError, 2),
        (HomeNotSupported, 2),
        (publishing.UnknownPublication, 2),
        (publishing.CannotRollBack, 2),
        (publishing.CurrentLinkMissing, 1),
        (publishing.ManifestDamaged, 1),
        (publishing.NothingToPublish, 3),
        (reproduction.CannotReproduce, 1),
        (pipeline.RunFailed, 1),
        (duckdb.Error, 1),
        (dg.Failure, 1),
        (RuntimeError, 1),  # dbt cannot parse the project, a model's bytes are damaged, ...
        (ValueError, 2),
    ]
    try:
        yield
    except typer.Exit:  # a RuntimeError too, but one that says its code itself
        raise
    except tuple(kind for kind, _ in codes) as error:
        code = next(code for kind, code in codes if isinstance(error, kind))
        message = Text(f"meshcast: {error}", style="red")
        errors.print(message, highlight=False, soft_wrap=True)
        raise typer.Exit(code) from error


def settings_for(source: str | None = None, today: datetime | None = None) -> Settings:
    """Settings of this invocation: the options win over the environment."""
    with exit_codes():
        return load_settings(
            sources=(source.replace("-", "_"),) if source else None,
            today=today.date() if today else None,
        )


def settings_of_home(source: str | None = None, today: datetime | None = None) -> Settings:
    """Settings of a command that works on what a home holds, so that it must not make one."""
    settings = settings_for(source, today)
    with exit_codes():
        if not settings.home_exists:
            raise ValueError(
                f"{settings.home}: expected a home of meshcast, found none. Set MESHCAST_HOME to "
                "the one you mean, or start one there: `make run` for the demo, `meshcast land` or "
                "`meshcast run` for files of your own."
            )
    return settings


@contextmanager
def showing_stages(settings: Settings, *, as_json: bool) -> Iterator[report.StageTimings]:
    """Show the stages of what runs inside, and nothing else; with JSON not even those."""
    with kept_for_us(settings.home / "last_run.log") as screen:
        timings = report.StageTimings(None if as_json else Console(file=screen))
        with timings, listening(timings):
            yield timings


def print_json(value: Any) -> None:
    """Print a value as JSON; dates and decimals become text, numbers that are none null."""
    typer.echo(json.dumps(plain(value), default=str, indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """The value without NaN and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_json_rows(columns: list[str], result: duckdb.DuckDBPyConnection) -> None:
    """Print a result as a JSON list, a row a line, without holding all of it."""
    separator = "[\n"
    while rows := result.fetchmany(ROWS_AT_ONCE):
        for row in rows:
            record = plain(dict(zip(columns, row, strict=True)))
            sys.stdout.write(separator + json.dumps(record, default=str, allow_nan=False))
            separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")
