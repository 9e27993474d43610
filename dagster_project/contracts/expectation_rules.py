"""The rules of a consumer's expectation file, each as a query for the rows that break it.

A rule speaks of one table and of columns that the file declares, so that it reads one table once
and a column it needs can be missed by name. Each is a mapping with one of these keys:

    not_null: [a, b]                                    no row lacks one of them
    unique: [a, b]                                      one row per combination
    between: {column: a, lowest: 0, highest: 9}         where there is a value, it lies there
    min_rows: 1                                         the table has so many rows
    reaches: {column: a, at_least: 14, per: [b, c]}     the highest of each group is that high
    fresh: {column: a, within_days: 3}                  the newest day is that near to today
    holds: a <= b                                       true for every row; null is not true
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import sqlglot
from sqlglot import exp

from dagster_project.declaration import Field

SEVERITIES = ("error", "warn")
RULES = ("not_null", "unique", "between", "min_rows", "reaches", "fresh", "holds")


@dataclass(frozen=True)
class Rule:
    """Something that must hold of a table's rows.

    Attributes:
        name: in words, such as `not_null units_p50`.
        columns: the columns it reads.
        severity: `error` keeps a candidate that breaks it from readers; `warn` tells.
        query: gives the SQL for the rows that break it in a table on a day.
        told: of its columns the one whose value says what was found instead, or None.
    """

    name: str
    columns: tuple[str, ...]
    severity: str
    query: Callable[[str, date], str]
    told: str | None = None


def read_rule(declared: Field, columns: Mapping[str, str], severity: str) -> Rule:
    """Read one rule of a table.

    Args:
        declared: the rule's mapping.
        columns: those the file declares for the table.
        severity: of a rule that names none.

    Raises:
        DeclarationError: it is none of the rules, or names a column that is not declared.
    """
    kinds = [key for key in declared.only((*RULES, "name", "severity")) if key in RULES]
    if len(kinds) != 1:
        declared.fail(f"one of {', '.join(RULES)}", "write one rule for each `-`")
    (kind,) = kinds
    argument = declared.child(kind)
    used, said, query = READERS[kind](argument)
    for name in used:
        if name not in columns:
            argument.fail(
                f"columns that stand in `columns`, which are {', '.join(columns)}",
                f"declare {name} there with its type, or correct its name",
            )
    return Rule(
        name=declared.child("name").text(default=f"{kind} {said}"),
        columns=used,
        severity=declared.child("severity").text(default=severity, one_of=SEVERITIES),
        query=query,
        told=TOLD.get(kind),
    )


Reading = tuple[tuple[str, ...], str, Callable[[str, date], str]]
"""The columns a rule reads, its argument in words, and its query."""


def _not_null(declared: Field) -> Reading:
    columns = _some(declared)
    missing = " or ".join(f"{_quoted(name)} is null" for name in columns)
    return columns, ", ".join(columns), _rows_where(columns, missing)


def _unique(declared: Field) -> Reading:
    columns = _some(declared)
    listed = ", ".join(_quoted(name) for name in columns)

    def query(table: str, _: date) -> str:
        return (
            f"select {listed}, count(*) as rows_found from {_quoted(table)} "
            "group by all having count(*) > 1"
        )

    return columns, ", ".join(columns), query


def _between(declared: Field) -> Reading:
    declared.only(("column", "lowest", "highest"))
    column = declared.child("column").text()
    lowest, highest = (_number(declared.child(name)) for name in ("lowest", "highest"))
    if lowest > highest:
        declared.fail("a lowest that is not above the highest", "swap the two")
    outside = f"not ({_quoted(column)} between {lowest} and {highest})"
    return (column,), f"{column} {lowest} to {highest}", _rows_where((column,), outside)


def _min_rows(declared: Field) -> Reading:
    least = declared.whole_number(default=0, at_least=1)

    def query(table: str, _: date) -> str:
        return f"select count(*) as rows_found from {_quoted(table)} having count(*) < {least}"

    return (), str(least), query


def _reaches(declared: Field) -> Reading:
    declared.only(("column", "at_least", "per"))
    column, per = declared.child("column").text(), declared.child("per").texts()
    least = _number(declared.child("at_least"))
    groups = "".join(f"{_quoted(name)}, " for name in per)
    highest = f"max({_quoted(column)})"

    def query(table: str, _: date) -> str:
        return (
            f"select {groups}{highest} as highest from {_quoted(table)} "
            f"{'group by all ' if per else ''}having coalesce({highest} < {least}, true)"
        )

    return (column, *per), f"{column} {least}{' per ' if per else ''}{', '.join(per)}", query


def _fresh(declared: Field) -> Reading:
    declared.only(("column", "within_days"))
    column = declared.child("column").text()
    days = declared.child("within_days").whole_number(default=0, at_least=1)
    newest = f"max({_quoted(column)})"

    def query(table: str, today: date) -> str:
        return (
            f"select {newest} as newest from {_quoted(table)} having "
            f"coalesce(date '{today}' - cast({newest} as date) > {days}, true)"
        )

    return (column,), f"{column} within {days} days", query


def _holds(declared: Field) -> Reading:
    text = declared.text()
    expected = "a condition on the columns of one row, such as a <= b"
    try:
        parsed = sqlglot.parse(f"({text}\n)", dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        declared.fail(expected, "correct the SQL")
    condition = parsed[0] if len(parsed) == 1 else None
    if not isinstance(condition, exp.Paren):  # more than what stands between our brackets
        declared.fail(expected, "write one condition")
    if next(condition.find_all(exp.Query, exp.AggFunc, exp.Window), None):
        declared.fail(expected, "leave out sub-queries and sums over rows")
    columns = tuple(dict.fromkeys(column.name for column in condition.find_all(exp.Column)))
    if not columns:
        declared.fail(expected, "name a column")
    return columns, " ".join(text.split()), _rows_where(columns, f"not coalesce(({text}\n), false)")


TOLD = {
    "unique": "rows_found",
    "min_rows": "rows_found",
    "reaches": "highest",
    "fresh": "newest",
}

READERS: Mapping[str, Callable[[Field], Reading]] = {
    "not_null": _not_null,
    "unique": _unique,
    "between": _between,
    "min_rows": _min_rows,
    "reaches": _reaches,
    "fresh": _fresh,
    "holds": _holds,
}


def _rows_where(columns: tuple[str, ...], condition: str) -> Callable[[str, date], str]:
    listed = ", ".join(_quoted(name) for name in columns)
    return lambda table, _: f"select {listed} from {_quoted(table)} where {condition}"


def _some(declared: Field) -> tuple[str, ...]:
    columns = declared.texts()
    if not columns:
        declared.fail("a list of columns", "write them as [a, b]")
    return columns


def _number(declared: Field) -> float:
    value = declared.value
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        declared.fail("a number", "write it as 14, say")
    return value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
