"""What is promised of a product's service, and how the promise was kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
from markupsafe import Markup

from dagster_project.catalog.drawing import draw_history
from dagster_project.contracts.contract import Contract, SlaProperty
from dagster_project.contracts.measured import COUNT, DAYS, FACTOR, SHARE
from dagster_project.lock import Locked
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse

STATUS = "slo_status_v1"
NOT_MEASURED = "Not measured yet: the table slo_status_v1 is in no publication of this home."
MEASUREMENTS = "slo_measurements"
HISTORY = f"select * from state.{MEASUREMENTS} where met is not null order by measured_at"
OUTCOMES = {True: ("pass", "✓ met"), False: ("fail", "✗ missed"), None: ("", "not yet known")}

WORDS = {DAYS: ("day", "days"), FACTOR: ("time", "times"), COUNT: ("column", "columns")}
"""Units as people say them, of one and of many."""

Row = dict[str, Any]

NONE_OF_THIS = "Nothing was measured of this product yet."


@dataclass(frozen=True)
class Promise:
    """One service level as a contract states it."""

    title: str
    target: str
    description: str


@dataclass(frozen=True)
class Level:
    """One service level as it was measured.

    Attributes:
        slo: what was measured, and of which table.
        target: what is promised.
        measured: the last figure.
        outcome: whether the promise holds now: pass, fail, or "" where that cannot be told yet.
        told: the outcome in a word, with a sign.
        reason: what the figure is about, or why there is none.
        attainment: share of the window in which it held.
        budget_left: what may still be missed.
        picture: a dot per measurement.
    """

    slo: str
    target: str
    measured: str
    outcome: str
    told: str
    reason: str
    attainment: str
    budget_left: str
    picture: Markup


def promises_of(contracts: Iterable[Contract]) -> tuple[Promise, ...]:
    """The service levels of some contracts; the same one of two versions once."""
    found = {
        Promise(
            f"{promise.property} of {promise.element}" if promise.element else promise.property,
            _target(promise),
            (promise.description or "").rstrip("."),
        ): None
        for contract in contracts
        for promise in contract.sla
    }
    return tuple(found)


def read_measurements(file: Path) -> list[Row] | None:
    """The rows of the published table of service levels; None where there is no such table."""
    with port(file) as connection:
        known = connection.execute(
            "select 1 from duckdb_views() where view_name = ?", [STATUS]
        ).fetchone()
        if known is None:
            return None
        return _rows(connection.execute(f"select * from {STATUS} order by product, slo, element"))


def levels_of(product: str, newest: Sequence[Row], history: Sequence[Row]) -> tuple[Level, ...]:
    """The service levels of a product, by name.

    Args:
        product: the product.
        newest: rows of the published table, each level once.
        history: measurements of all products, oldest first.
    """
    return tuple(
        Level(
            slo=f"{row['slo']} of {row['element']}",
            target=_figure(row["target"], row["unit"]),
            measured=_figure(row["measured"], row["unit"]),
            outcome=OUTCOMES[row["met"]][0],
            told=OUTCOMES[row["met"]][1],
            reason=row["reason"] or "",
            attainment=_attainment(row),
            budget_left=_share(row["error_budget_left"]),
            picture=draw_history([_told(past) for past in history if _key(past) == _key(row)]),
        )
        for row in newest
        if row["product"] == product
    )


def told(levels: Sequence[Level]) -> str:
    """How many of the levels are met."""
    judged = [level for level in levels if level.outcome]
    met = sum(level.outcome == "pass" for level in judged)
    return f"{met} of {len(judged)} met" if judged else "not measured yet"


def read_history(settings: Settings) -> list[Row]:
    """Every measurement that is kept, oldest first; none while somebody else holds the warehouse.

    The published table tells attainment; single measurements stand in the warehouse alone. They
    are a picture beside the figure, which is not worth waiting for.
    """
    if not settings.warehouse_file.exists():
        return []
    try:
        with warehouse(replace(settings, lock_timeout_seconds=0), read_only=True) as connection:
            known = connection.execute(
                "select 1 from duckdb_tables() where schema_name = 'state' and table_name = ?",
                [MEASUREMENTS],
            ).fetchone()
            return _rows(connection.execute(HISTORY)) if known else []
    except Locked:
        return []


def _rows(result: duckdb.DuckDBPyConnection) -> list[Row]:
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _key(row: Row) -> tuple[object, ...]:
    return row["product"], row["slo"], row["element"]


def _told(past: Row) -> tuple[str, bool]:
    figure = _figure(past["measured"], past["unit"])
    return f"{past['measured_at']:%Y-%m-%d}: {figure}", bool(past["met"])


def _figure(value: Any, unit: str) -> str:
    """A figure with its unit as people say it."""
    if value is None:
        return "none"
    if unit == SHARE:
        return f"{100 * float(value):,.4g}\N{NO-BREAK SPACE}%"
    one, many = WORDS.get(unit, (unit, unit))
    return f"{float(value):,.4g} {one if float(value) == 1 else many}".strip()


def _target(promise: SlaProperty) -> str:
    is_figure = isinstance(promise.value, int | float)
    return _figure(promise.value, promise.unit or "") if is_figure else str(promise.value)


def _attainment(row: Row) -> str:
    if row["attainment"] is None:
        return "none yet"
    kept = row["days_measured"] - row["days_missed"]
    return f"{_share(row['attainment'])}: {kept} of {row['days_measured']} days measured"


def _share(value: Any) -> str:
    return "none declared" if value is None else f"{float(value):.0%}"
