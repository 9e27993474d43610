"""A few rows of a port, as a person reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.catalog.access import Place
from dagster_project.warehouse import port

ROWS = 5
LONGEST_LIST = 3
RESTRICTED = (
    "No rows are shown: this port is restricted, and these pages can be read by everybody who can "
    "read the open ports. Ask the owner for the role."
)
EMPTY = "The table has no rows yet."


@dataclass(frozen=True)
class Sample:
    """The first rows of a port.

    Attributes:
        names: its columns.
        rows: values as text; None is null.
        why_none: why there are no rows.
    """

    names: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    why_none: str = ""


def read_sample(file: Path, place: Place) -> Sample:
    """Read the first rows of a port from the file readers use; of a restricted one none.

    Args:
        file: the open port file of the publication.
        place: the port.
    """
    if place.is_restricted:
        return Sample(why_none=RESTRICTED)
    with port(file) as connection:
        result = connection.execute(f'select * from "{place.relation}" limit {ROWS}')
        names = [column[0] for column in result.description or []]
        rows = result.fetchall()
    return Sample(
        names=tuple(names),
        rows=tuple(tuple(shown(value) for value in row) for row in rows),
        why_none="" if rows else EMPTY,
    )


def shown(value: Any) -> str | None:
    """A value as text, a long list by its beginning."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        first = ", ".join(str(shown(item)) for item in value[:LONGEST_LIST])
        more = f", … {len(value)} values" if len(value) > LONGEST_LIST else ""
        return f"[{first}{more}]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
