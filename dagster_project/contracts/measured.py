"""What a service level can promise: each property is measured, or it is no promise.

The registry says of each property what its value means. The figures themselves are computed in
`dagster_project.service_levels`, which a test holds to this list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dagster_project.contracts.contract import Column, Contract, SlaProperty
from dagster_project.contracts.document import Problem, read_document

AT_MOST, AT_LEAST, WITHIN = "at most", "at least", "within"
OF_CONTRACT, OF_TABLE, OF_COLUMN = "contract", "table", "column"

FORECAST = ("forecast_version", "cutoff_on", "target_on", "store_id", "product_id", "units_mean")
SHARE, COUNT, DAYS, MILLISECONDS, FACTOR = "share", "columns", "d", "ms", "factor"


@dataclass(frozen=True)
class MeasuredProperty:
    """How a property is read.

    Attributes:
        unit: what its value counts.
        limit: `at most`, `at least`, or `within`: its absolute value is at most the target.
        of: what its element names: a table, `table.column`, or nothing: the whole contract.
        needs: columns that the table of its element has to have.
        types: logical types of the column that its element may name; empty: any.
        names: columns that it may name whatever their type.
    """

    unit: str
    limit: str
    of: str
    needs: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def can_be_measured_on(self, column: Column) -> bool:
        """Whether its element may name a column."""
        return column.logical_type in self.types or column.name in self.names

    def is_met(self, measured: float, target: float) -> bool:
        """Whether a figure keeps a promise."""
        if self.limit == AT_LEAST:
            return measured >= target
        return (abs(measured) if self.limit == WITHIN else measured) <= target


MEASURED = {
    "freshness": MeasuredProperty(DAYS, AT_MOST, OF_COLUMN, types=("date", "timestamp")),
    "retention": MeasuredProperty(DAYS, AT_LEAST, OF_CONTRACT),
    "completeness": MeasuredProperty(
        SHARE, AT_LEAST, OF_COLUMN, types=("date",), names=("store_id",)
    ),
    "volume": MeasuredProperty(FACTOR, AT_MOST, OF_TABLE),
    "duplicateRate": MeasuredProperty(SHARE, AT_MOST, OF_TABLE),
    "quarantineRate": MeasuredProperty(SHARE, AT_MOST, OF_TABLE),
    "schemaStability": MeasuredProperty(COUNT, AT_MOST, OF_TABLE),
    "availability": MeasuredProperty(SHARE, AT_LEAST, OF_TABLE),
    "queryLatencyP95": MeasuredProperty(MILLISECONDS, AT_MOST, OF_TABLE),
    "horizonCompleteness": MeasuredProperty(SHARE, AT_LEAST, OF_TABLE, (*FORECAST, "horizon_days")),
    "errorAgainstSeasonalNaive": MeasuredProperty(FACTOR, AT_MOST, OF_TABLE, FORECAST),
    "bias": MeasuredProperty(SHARE, WITHIN, OF_TABLE, FORECAST),
    "intervalCoverage80": MeasuredProperty(
        SHARE, AT_LEAST, OF_TABLE, (*FORECAST, "units_p10", "units_p90")
    ),
    "intervalCoverage95": MeasuredProperty(
        SHARE, AT_LEAST, OF_TABLE, (*FORECAST, "units_p025", "units_p975")
    ),
    "errorBudget": MeasuredProperty(SHARE, AT_MOST, OF_CONTRACT),
}
"""Every property that may stand under slaProperties; docs/operation.md says what each counts."""


ENFORCED = ("endOfLife",)
"""Kept by refusing to build (contracts/lifetime.py): a day that has passed, and no figure."""


def measured_promises(contract: Contract) -> tuple[SlaProperty, ...]:
    """The promises of a contract that a figure stands behind, in their order."""
    return tuple(promise for promise in contract.sla if promise.property not in ENFORCED)


def unmeasured(contracts: Iterable[Contract]) -> list[Problem]:
    """A problem for each promise that no measurement stands behind; empty when all are measured."""
    return [
        Problem(
            contract.file,
            _line(contract, position),
            f"slaProperties[{promise.property}]",
            finding,
            ("slaProperties", position),
        )
        for contract in contracts
        for position, promise in enumerate(contract.sla)
        if promise.property not in ENFORCED
        for finding in _problems(promise, contract)
    ]


def _line(contract: Contract, position: int) -> int:
    document = read_document(contract.file)
    return 1 if isinstance(document, Problem) else document.lines[("slaProperties", position)]


def _problems(promise: SlaProperty, contract: Contract) -> Iterator[str]:
    rule = MEASURED.get(promise.property)
    if rule is None:
        yield (
            f"expected a property that is measured ({', '.join(MEASURED)}), found "
            f"{promise.property!r}. Promise one of them, or write its measurement into "
            "dagster_project/service_levels and its meaning into contracts/measured.py."
        )
        return
    if promise.unit != rule.unit:
        yield f"expected the unit {rule.unit}, found {promise.unit!r}. Write unit: {rule.unit}."
    if isinstance(promise.value, bool) or not isinstance(promise.value, int | float):
        yield f"expected a number as value, found {promise.value!r}. Write what is promised."
    yield from _element_problems(promise, rule, contract)


def _element_problems(
    promise: SlaProperty, rule: MeasuredProperty, contract: Contract
) -> Iterator[str]:
    if rule.of == OF_CONTRACT:
        if promise.element:
            yield f"expected no element, found {promise.element!r}. It is about all tables."
        return
    relation, _, column = (promise.element or "").partition(".")
    tables = {table.relation: table for table in contract.tables}
    if relation not in tables:
        yield (
            f"expected the element to name a table of the contract ({', '.join(tables)}), found "
            f"{promise.element!r}. Write it as {rule.of}."
        )
        return
    columns = tables[relation].columns
    usable = [item.name for item in columns if rule.can_be_measured_on(item)]
    if rule.of == OF_COLUMN and column not in usable:
        yield (
            f"expected the element {relation}.<column> with one of {', '.join(usable)}, found "
            f"{promise.element!r}. Name the column that it is measured on."
        )
    if rule.of == OF_TABLE and column:
        yield f"expected the table {relation} as element, found {promise.element!r}."
    names = [item.name for item in columns]
    if missing := [name for name in rule.needs if name not in names]:
        yield (
            f"expected a table with {', '.join(rule.needs)}, which it is measured on, found "
            f"{relation} without {', '.join(missing)}. Promise it of a forecast."
        )
