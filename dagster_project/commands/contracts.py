"""`meshcast contracts`: one declaration, held against everything that follows from it."""

from __future__ import annotations

import typer

from dagster_project.commands.shell import console, exit_codes, settings_for
from dagster_project.contracts.dbt_models import model_files
from dagster_project.contracts.document import Problem
from dagster_project.contracts.drift import drifted, left_over
from dagster_project.contracts.product import find_products, read_products
from dagster_project.contracts.release import release, release_problems
from dagster_project.settings import DATA_PRODUCTS, DBT_PROJECT

app = typer.Typer(
    help="What the data products promise, and what follows from it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog="Example: meshcast contracts sync")
def sync() -> None:
    """Write the dbt YAML of every published model from the contracts in data_products."""
    with exit_codes():
        files = model_files(read_products(DATA_PRODUCTS, DBT_PROJECT))
        old = left_over(files, DBT_PROJECT)
        written = 0
        for path, text in files.items():
            file = DBT_PROJECT / path
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
                written += 1
        for file in old:
            file.unlink()
        console.print(
            f"{len(files)} generated files: {written} written, {len(files) - written} unchanged, "
            f"{len(old)} removed"
        )


@app.command(epilog="Example: meshcast contracts check")
def check() -> None:
    """Hold everything that follows from the contracts against them; exit 1 on any difference."""
    with exit_codes():
        products, problems = find_products(DATA_PRODUCTS, DBT_PROJECT)
        if not problems:
            problems = drifted(model_files(products), DBT_PROJECT)
            problems += release_problems(products, settings_for().today)
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


def _tell(problems: list[Problem]) -> None:
    if problems:
        for problem in sorted(set(problems), key=lambda one: (one.file, one.line, one.field)):
            console.print(str(problem), soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(1)
