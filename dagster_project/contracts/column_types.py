"""Whether DuckDB can hold the type that a contract promises, and whether its two types agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import duckdb

from dagster_project.warehouse import memory

LOGICAL = {
    "string": ("VARCHAR", "UUID", "ENUM"),
    "integer": tuple(
        sign + size
        for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
        for sign in ("", "U")
    ),
    "number": ("DECIMAL", "FLOAT", "DOUBLE"),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
    "timestamp": ("TIMESTAMP",),
    "time": ("TIME",),
    "array": (),  # of anything
    "vector": (),  # of a fixed length
    "object": ("STRUCT", "MAP", "JSON"),
    "map": ("MAP",),
}
"""How the DuckDB types begin that hold a logical type; an array is known by its end."""

A_TYPE = re.compile(r"[A-Za-z][\w ()\[\],\"']*")

PORTABLE = (
    (re.compile(r"TIMESTAMP WITH TIME ZONE"), "TIMESTAMP_TZ"),
    (re.compile(r"FLOAT\[(\d+)\]"), r"VECTOR(\1)"),
)
"""DuckDB's types of which `datacontract test` makes no table by DuckDB's name, with the one that it
knows: contracts write that one, so that readers can run the tool on them as they are."""

PORTABLE_NAMES = (
    (re.compile(r"TIMESTAMP_TZ", re.IGNORECASE), "TIMESTAMP WITH TIME ZONE"),
    (re.compile(r"VECTOR\((\d+)\)", re.IGNORECASE), r"FLOAT[\1]"),
)
"""The same names, with what DuckDB calls them."""


def type_finding(logical: str, physical: str) -> tuple[str, str] | None:
    """What was expected instead of this pair of types and what to do; None when it is right."""
    held = duckdb_type(physical)
    if held is None:
        return "a type that DuckDB can hold", "write one, such as VARCHAR or DECIMAL(18,4)"
    starts = LOGICAL.get(logical)
    is_array, is_said = held.endswith("]"), logical in ("array", "vector")
    if not (starts is None or is_array == is_said and held.startswith(starts or "")):
        return f"a type that holds the logicalType {logical}", "make the two types agree"
    portable = _renamed(held, PORTABLE)
    if portable not in (held, physical.upper()):
        return (
            f"{portable}, the name of {held} by which `datacontract test` can read it as Parquet",
            f"write physicalType: {portable}",
        )
    return None


@cache
def duckdb_type(physical: str) -> str | None:
    """DuckDB's own name of a type as contracts write it; None when it has no such type."""
    if not A_TYPE.fullmatch(physical):
        return None
    name = _renamed(physical, PORTABLE_NAMES)
    with memory() as connection:
        try:
            found = connection.execute(f"select typeof(cast(null as {name}))").fetchone()
        except duckdb.Error:
            return None
    return str(found[0]) if found else None


def _renamed(name: str, names: Sequence[tuple[re.Pattern[str], str]]) -> str:
    for pattern, other in names:
        if found := pattern.fullmatch(name):
            return found.expand(other)
    return name
