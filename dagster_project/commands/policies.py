"""`meshcast policies`: hold every data product against the policies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from dagster_project.commands.shell import (
    Json,
    console,
    errors,
    exit_codes,
    print_json,
    settings_for,
)
from dagster_project.contracts.declared_lineage import read_declared_lineage
from dagster_project.contracts.dry_build import dry_build
from dagster_project.contracts.policies import POLICIES, Evidence, violations
from dagster_project.contracts.policies.gathering import gather
from dagster_project.contracts.product import read_products

app = typer.Typer(
    help="Hold every data product against the policies.",
    epilog="Example: meshcast policies check",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list", epilog="Example: meshcast policies list")
def list_policies(as_json: Json = False) -> None:
    """Name the policies and say what each asks for."""
    if as_json:
        print_json([{"policy": each.name, "asks_for": each.description} for each in POLICIES])
        return
    for policy in POLICIES:
        console.print(f"{policy.name}: {policy.description}", highlight=False, soft_wrap=True)


@app.command("check", epilog="Example: meshcast policies check --json")
def check_policies(as_json: Json = False) -> None:
    """Apply every policy to every product; exit code 1 when one is broken.

    Needs no home: the models are built in a temporary one, without a line of data, to follow
    every column from the landed files to the ports and to the model.
    """
    with exit_codes(), evidence_of_checkout() as evidence:
        found = violations(evidence)
    if as_json:
        print_json([asdict(violation) for violation in found])
    for violation in () if as_json else found:
        errors.print(str(violation), highlight=False, markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
    if not as_json:
        console.print(
            f"{len(POLICIES)} policies hold for {len(evidence.products)} products; the origin of "
            f"{len(evidence.lineage.steps):,} columns is known",
            highlight=False,
            soft_wrap=True,
        )


@contextmanager
def evidence_of_checkout() -> Iterator[Evidence]:
    """What the policies look at; the project is built in a home that is removed again."""
    products, declared = read_products(), read_declared_lineage()  # before what takes its time
    with TemporaryDirectory(prefix="meshcast-policies-") as folder:
        yield gather(products, declared, dry_build(replace(settings_for(), home=Path(folder))))
