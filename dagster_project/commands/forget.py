"""`meshcast forget`: take a person out of a home."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Annotated

import typer

from dagster_project import erasure, pipeline
from dagster_project.commands.shell import (
    Json,
    console,
    exit_codes,
    print_json,
    settings_of_home,
    showing_stages,
)


def forget(
    customer: Annotated[
        str, typer.Argument(help="The customer's number, as it stands in the landed files.")
    ],
    as_json: Json = False,
) -> None:
    """Take a person out of landing, warehouse, publications and logs; their lines stay nameless."""
    settings = settings_of_home()
    with exit_codes(), pipeline.run_lock(settings, "meshcast forget"):
        with showing_stages(settings, as_json=as_json):
            result = erasure.forget(settings, customer, now=datetime.now(UTC))
        if as_json:
            print_json(dataclasses.asdict(result))
            return
        console.print(f"Forgotten: {result.erasure.told}.", soft_wrap=True)
        for path in result.unreadable:
            console.print(
                f"  look yourself: landing/{path} is read by nothing and may hold the number; "
                "correct or remove it",
                style="yellow",
                markup=False,
                soft_wrap=True,
            )
        console.print(
            "Backups and copies that others made of the restricted ports are not reached: erase "
            "them there, too.",
            soft_wrap=True,
        )
