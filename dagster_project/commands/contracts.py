"""`meshcast contracts`: one declaration, held against everything that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from dagster_project.assets.ports import port_drift
from dagster_project.commands.shell import console, exit_codes, settings_for
from dagster_project.contracts.contract import Contract, find_contracts
from dagster_project.contracts.dbt_models import model_files
from dagster_project.contracts.document import Problem
from dagster_project.contracts.drift import drifted, left_over
from dagster_project.contracts.input_contract import (
    INPUT_PRODUCT,
    input_contract_files,
    input_drifted,
    input_left_over,
)
from dagster_project.contracts.lifetime import lifetime_problems
from dagster_project.contracts.measured import unmeasured
from dagster_project.contracts.product import find_products, read_products
from dagster_project.contracts.release import release, release_problems
from dagster_project.settings import DATA_PRODUCTS, DBT_PROJECT
from dagster_project.sources import read_sources

app = typer.Typer(
    help="What the data products promise, and what follows from it.",
    epilog="Example: meshcast contracts check",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog="Example: meshcast contracts sync")
def sync() -> None:
    """Write what follows from declarations: dbt's YAML of published models, input contracts."""
    with exit_codes():
        inputs = input_files(find_contracts(DATA_PRODUCTS)[0])
        old = input_left_over(inputs, DATA_PRODUCTS)
        written = _write({DATA_PRODUCTS / path: text for path, text in inputs.items()})
        files = model_files(read_products(DATA_PRODUCTS, DBT_PROJECT))  # its ports name the inputs
        old += left_over(files, DBT_PROJECT)
        written += _write({DBT_PROJECT / path: text for path, text in files.items()})
        for file in old:
            file.unlink()
        count = len(files) + len(inputs)
        console.print(
            f"{count} generated files: {written} written, {count - written} unchanged, "
            f"{len(old)} removed"
        )


@app.command(epilog="Example: meshcast contracts check")
def check() -> None:
    """Hold everything that follows from the contracts against them; exit 1 on any difference."""
    with exit_codes():
        products, problems = find_products(DATA_PRODUCTS, DBT_PROJECT)
        today = settings_for().today
        contracts = find_contracts(DATA_PRODUCTS)[0]  # those that say what they mean
        is_readable = not problems
        problems += lifetime_problems(contracts, today)
        problems += unmeasured(contracts)
        if is_readable:
            problems += drifted(model_files(products), DBT_PROJECT)
            problems += release_problems(products, today)
            problems += port_drift(contracts)
            problems += input_drifted(input_files(contracts), DATA_PRODUCTS)
        _tell(problems)
        console.print(
            f"{len(products)} data products: every promise and what follows from it agree"
        )


@app.command("release", epilog="Example: meshcast contracts release")
def release_contracts() -> None:
    """Keep the contracts as what consumers are promised from now on; what changes is held to it."""
    with exit_codes():
        products = read_products(DATA_PRODUCTS, DBT_PROJECT)
        _tell(release_problems(products, settings_for().today))
        copied = release(products)
        for contract in copied:
            console.print(f"released {contract.id} {contract.version}")
        if not copied:
            console.print("nothing to release: no contract changed since its last release")


def input_files(contracts: Sequence[Contract]) -> dict[Path, str]:
    """The contracts of what landing accepts, kept by the product that takes the lines."""
    owner = next((one.owner for one in contracts if one.product == INPUT_PRODUCT), None)
    sources = read_sources(DBT_PROJECT) if owner else {}
    return input_contract_files(sources.values(), owner or "")


def _write(texts: Mapping[Path, str]) -> int:
    """Write files whose text is another than what they hold; return how many."""
    written = 0
    for file, text in texts.items():
        file.parent.mkdir(exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            written += 1
    return written


def _tell(problems: list[Problem]) -> None:
    if problems:
        for problem in sorted(set(problems), key=lambda one: (one.file, one.line, one.field)):
            console.print(str(problem), soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(1)
