"""Every contract promises at least what any consumer has to know before relying on it."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.contracts.contract import Contract
from dagster_project.contracts.policies.violation import Evidence, Policy, Violation
from dagster_project.contracts.table import Table

NAME = "required_objectives_are_promised"

OF_EVERY_CONTRACT = ("freshness",)
OF_EVERY_TABLE = ("availability", "queryLatencyP95")

# What tells only how others do (their observability port) has no lines to lose and no history.
OF_DATA = ("retention", "completeness", "volume", "duplicateRate", "quarantineRate")
OF_TABLES_OF_DATA = ("schemaStability",)

OF_FORECASTS = (
    "horizonCompleteness",
    "errorAgainstSeasonalNaive",
    "bias",
    "intervalCoverage80",
    "intervalCoverage95",
)

# A table with all of these is a forecast that is believed now.
FORECAST_COLUMNS = frozenset({"forecast_version", "horizon_days", "units_mean", "units_paths"})


def _violations(evidence: Evidence) -> Iterator[Violation]:
    observed = {port.name for product in evidence.products for port in product.management}
    for product in evidence.products:
        for contract in product.contracts:
            tells_of_others = {table.relation for table in contract.tables} <= observed
            yield from _of_contract(contract, is_data=not tells_of_others)


def _of_contract(contract: Contract, *, is_data: bool) -> Iterator[Violation]:
    required = OF_EVERY_CONTRACT + (OF_DATA if is_data else ())
    if any(_is_forecast(table) for table in contract.tables):
        required += OF_FORECASTS
    promised = {promise.property for promise in contract.sla}
    for name in required:
        if name not in promised:
            yield _missing(contract, name, contract.file.name)
    for table in contract.tables:
        of_table = {
            promise.property
            for promise in contract.sla
            if (promise.element or "").partition(".")[0] == table.relation
        }
        for name in OF_EVERY_TABLE + (OF_TABLES_OF_DATA if is_data else ()):
            if name not in of_table:
                yield _missing(contract, name, f"{contract.file.name}, {table.relation}")


def _is_forecast(table: Table) -> bool:
    return {column.name for column in table.columns} >= FORECAST_COLUMNS


def _missing(contract: Contract, name: str, place: str) -> Violation:
    return Violation(
        policy=NAME,
        product=contract.product,
        object=place,
        expected=f"a promise of {name} under slaProperties",
        found="none",
        remedy="promise it, with a value, a unit and the table it is about",
    )


REQUIRED_OBJECTIVES_ARE_PROMISED = Policy(
    NAME,
    "Each contract promises freshness, completeness, volume, rates and retention; each table "
    "availability, latency and a stable schema; forecasts their quality.",
    _violations,
)
