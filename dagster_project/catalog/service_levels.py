"""What is promised of a product's service, and how the promise was kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from dagster_project.catalog.drawing import draw_history
from dagster_project.contracts.contract import Contract
from dagster_project.warehouse import port

STATUS = "slo_status_v1"
NOT_MEASURED = "Not measured yet: the table slo_status_v1 is in no publication of this home."
NONE_OF_THIS = "Nothing was measured of this product."


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
        is_met: whether the promise holds now.
        attainment: share of the window in which it held.
        budget_left: what may still be missed.
        picture: a dot per measurement.
    """

    slo: str
    target: str
    measured: str
    is_met: bool
    attainment: str
    budget_left: str
    picture: Markup


def promises_of(contracts: Iterable[Contract]) -> tuple[Promise, ...]:
    """The service levels of some contracts; the same one of two versions once."""
    found = {
        Promise(
            f"{promise.property} of {promise.element}" if promise.element else promise.property,
            f"{promise.value} {promise.unit or ''}".strip(),
            (promise.description or "").rstrip("."),
        ): None
        for contract in contracts
        for promise in contract.sla
    }
    return tuple(found)


def read_measurements(file: Path) -> list[dict[str, Any]] | None:
    """The rows of the published table of service levels; None where there is no such table."""
    with port(file) as connection:
        known = connection.execute(
            "select 1 from duckdb_views() where view_name = ?", [STATUS]
        ).fetchone()
        if known is None:
            return None
        result = connection.execute(f"select * from {STATUS} order by all")
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def levels_of(
    product: str, newest: Sequence[dict[str, Any]], history: Sequence[dict[str, Any]]
) -> tuple[Level, ...]:
    """The service levels of a product, by name.

    Args:
        product: the product.
        newest: rows of the published table, each level once.
        history: measurements of all products, oldest first.
    """
    return tuple(
        Level(
            slo=_named(row),
            target=_figure(row["target"], row.get("unit")),
            measured=_figure(row["measured"], row.get("unit")),
            is_met=bool(row["met"]),
            attainment=_share(row.get("attainment"), row.get("window_days")),
            budget_left=_share(row.get("error_budget_left"), None),
            picture=draw_history(
                [
                    (
                        f"{past['measured_at']:%Y-%m-%d}: {_figure(past['measured'], None)}",
                        bool(past["met"]),
                    )
                    for past in history
                    if past["met"] is not None and _key(past) == _key(row)
                ]
            ),
        )
        for row in newest
        if row["product"] == product and row["met"] is not None
    )


def told(levels: Sequence[Level]) -> str:
    """How many of the levels are met."""
    met = sum(level.is_met for level in levels)
    return f"{met} of {len(levels)} met" if levels else "not measured yet"


def _key(row: dict[str, Any]) -> tuple[object, ...]:
    return row["product"], row["slo"], row.get("element")


def _named(row: dict[str, Any]) -> str:
    element = row.get("element")
    return f"{row['slo']} of {element}" if element else str(row["slo"])


def _figure(value: Any, unit: str | None) -> str:
    if value is None:
        return "none"
    return f"{float(value):,.4g}{f' {unit}' if unit else ''}"


def _share(value: Any, days: int | None) -> str:
    if value is None:
        return "none yet"
    return f"{float(value):.0%}{f' of {days} days' if days else ''}"
