"""`meshcast expectations`: what consumers rely on, held against contracts and publication."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dagster_project import publishing, report
from dagster_project.commands.shell import (
    Json,
    Today,
    console,
    errors,
    exit_codes,
    print_json,
    settings_for,
)
from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.expectations import Expectations, read_expectations, read_files
from dagster_project.publishing import ExpectationResult

app = typer.Typer(
    name="expectations",
    help="What consumers rely on, as the files say that they commit beside our contracts.",
    epilog="Example: meshcast expectations check",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def expectations() -> None:
    """What consumers rely on, as the files say that they commit beside our contracts."""


@app.command(epilog="Example: meshcast expectations check examples/replenishment/expectations/*")
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Expectation files to try, instead of those that are committed."),
    ] = None,
    today: Today = None,
    as_json: Json = False,
) -> None:
    """Hold the expectation files against the contracts, and against what is published."""
    settings = settings_for(today=today)
    with exit_codes():
        readable, bad = read_files(files) if files else read_expectations()
        results = publishing.check_promises(readable, read_contracts())
        file = publishing.reader_file(settings, restricted=True)
        is_published = file.exists()
        if is_published:
            results += publishing.check_expectations(file, readable, bad, settings.today)
        else:
            results += publishing.bad_file_results(bad)
        if as_json:
            print_json([dataclasses.asdict(result) for result in results])
        else:
            _print(readable, results)
        if not is_published:
            errors.print("Nothing is published here: only the contracts were asked.")
        if any(result.status in ("fail", "error") for result in results):
            raise typer.Exit(1)
        if bad:
            raise typer.Exit(2)


def _print(readable: Sequence[Expectations], results: list[ExpectationResult]) -> None:
    """A row for each broken expectation, then a line for each consumer."""
    broken = [result for result in results if result.status != "pass"]
    if broken:
        report.print_rows(
            console,
            ["consumer", "where", "what", "status", "found"],
            [(item.consumer, item.where, item.rule, item.status, item.message) for item in broken],
        )
    for item in readable:
        own = [result for result in results if result.file == item.file]
        kept = sum(result.status == "pass" for result in own)
        console.print(
            f"{item.consumer} ({item.owner}), {', '.join(use.table for use in item.uses)}: "
            f"{kept} of {len(own)} expectations kept",
            highlight=False,
            soft_wrap=True,
        )
    if not readable:
        console.print("No file says what a consumer relies on: docs/consumers.md says how.")
