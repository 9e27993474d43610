"""Whether DuckDB can hold the type that a contract promises, and whether its two types agree."""

from __future__ import annotations

import re
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
    "object": ("STRUCT", "MAP", "JSON"),
    "map": ("MAP",),
}
"""How the DuckDB types begin that hold a logical type; an array is known by its end."""

A_TYPE = re.compile(r"[A-Za-z][\w ()\[\],\"']*")


def type_finding(logical: str, physical: str) -> tuple[str, str] | None:
    """What was expected instead of this pair of types and what to do; None when it is right."""
    held = duckdb_type(physical)
    if held is None:
        return "a type that DuckDB can hold", "write one, such as VARCHAR or DECIMAL(18,4)"
    starts = LOGICAL.get(logical)
    is_array = held.endswith("]")
    if starts is None or is_array == (logical == "array") and held.startswith(starts or ""):
        return None
    return f"a type that holds the logicalType {logical}", "make the two types agree"


@cache
def duckdb_type(physical: str) -> str | None:
    """DuckDB's own name of a type; None when it has no such type."""
    if not A_TYPE.fullmatch(physical):
        return None
    with memory() as connection:
        try:
            found = connection.execute(f"select typeof(cast(null as {physical}))").fetchone()
        except duckdb.Error:
            return None
    return str(found[0]) if found else None
