"""Rows of failing tests, and what a test says: nothing that names a person gets written.

A published customer is a keyed hash. Where a test finds that one is not, the row that shows it
holds the very name that must not spread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from dagster_project.publishing.manifest import Publication
from dagster_project.publishing.ports import Port

SAMPLE_ROWS = 20
MASKED = "[masked]"
HASHED = re.compile("[0-9a-f]{32}")
"""What `hash_customer` of sql_functions.py gives."""

KIND_OF_ERROR = re.compile(r"^\s*([A-Z][A-Za-z ]* Error)(?::| in )", re.MULTILINE)
ERRORS_OF_DBT = {"Runtime Error", "Database Error"}
ERRORS_BEFORE_ANY_ROW = {
    "Binder Error",
    "Catalog Error",
    "Compilation Error",
    "IO Error",
    "Parser Error",
    "Syntax Error",
}


@dataclass(frozen=True)
class Columns:
    """What is known of the columns that a failing row may show.

    Attributes:
        published: names of all published columns.
        personal: those that only ever hold a keyed hash.
    """

    published: frozenset[str]
    personal: frozenset[str]

    @classmethod
    def of(cls, publication: Publication, ports: Sequence[Port]) -> Columns:
        """The columns of a publication; one that is personal in a port is so in all."""
        return cls(
            frozenset(name for port in publication.ports.values() for name in port.columns),
            frozenset(name for port in ports for name in port.personal),
        )


def failing_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, columns: Columns
) -> list[dict[str, str | None]]:
    """The first failing rows of a test, as text, with every value masked that may name a person.

    A personal column is shown where it has the shape of the keyed hash. A test may give its own
    name to anything, so under a name that nobody publishes only numbers, days and hashes are shown.

    Args:
        connection: of the candidate's restricted port file.
        sql: the query whose rows are the failures.
        columns: those of the candidate.
    """
    try:
        found = connection.execute(f"from ({sql}\n) limit {SAMPLE_ROWS}")
        rows = found.fetchall()
    except duckdb.Error as error:
        return [{"error": message_without_rows("error", str(error))}]
    names = [column[0] for column in found.description]
    return [
        {
            name: _shown(name.casefold(), value, columns)
            for name, value in zip(names, row, strict=True)
        }
        for row in rows
    ]


def message_without_rows(status: str, message: str) -> str:
    """What a test says, without the text of an error that came from the rows themselves."""
    kinds = [kind for kind in KIND_OF_ERROR.findall(message) if kind not in ERRORS_OF_DBT]
    if status != "error" or (kinds and ERRORS_BEFORE_ANY_ROW.issuperset(kinds)):
        return message
    return f"{' '.join(kinds) or 'an error'} (its text may quote a row: left out)"


def _shown(name: str, value: object, columns: Columns) -> str | None:
    if value is None:
        return None
    text = str(value)
    if HASHED.fullmatch(text):
        return text
    if name in columns.personal:
        return MASKED
    is_scalar = isinstance(value, bool | int | float | Decimal | date)
    return text if is_scalar or name in columns.published else MASKED
