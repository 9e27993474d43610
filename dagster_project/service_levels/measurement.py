"""A measurement: one promise, the figure that was found, and whether it was kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime

from dagster_project.contracts.contract import Contract, SlaProperty
from dagster_project.contracts.measured import MEASURED
from dagster_project.service_levels.figures import Figure

WINDOW_DAYS = 28


@dataclass(frozen=True)
class Measurement:
    """One row of state.slo_measurements, in the order of its columns.

    Attributes:
        product: the data product.
        slo: the promised property, such as freshness.
        element: the table or `table.column` it is about, or the contract's id.
        severity: error or warn, from the contract.
        target: the promised value.
        unit: what target and measured count.
        measured: the figure; None when it cannot be told yet.
        met: whether the promise is kept; None where measured is.
        reason: what the figure is about, or why there is none.
        window_days: days that the figure, or its attainment, looks back.
        error_budget: share of these days on which the promise may be missed; None: none declared.
        measured_on: the day that is today for the deployment.
        measured_at: the moment of the measurement.
        publication: what was measured.
    """

    product: str
    slo: str
    element: str
    severity: str
    target: float
    unit: str
    measured: float | None
    met: bool | None
    reason: str | None
    window_days: int
    error_budget: float | None
    measured_on: date
    measured_at: datetime
    publication: int

    @property
    def name(self) -> str:
        """What is measured, in few words."""
        return f"{self.slo} of {self.element}"

    def told(self) -> str:
        """The figure beside what is promised, as a sentence for people."""
        promised = f"{MEASURED[self.slo].limit} {self.target:g} {self.unit} promised"
        note = f" ({self.reason})" if self.reason else ""
        if self.measured is None:
            return f"not measured yet, {promised}{note}"
        return f"{self.measured:.4g} {self.unit}, {promised}{note}"


def judge(
    contract: Contract,
    promise: SlaProperty,
    figure: Figure,
    *,
    today: date,
    measured_at: datetime,
    publication: int,
) -> Measurement:
    """Hold a figure against what the contract promises."""
    rule = MEASURED[promise.property]
    target = float(promise.value)
    value = figure.value
    met = None if value is None else rule.is_met(value, target)
    budget = contract.promised("errorBudget")
    return Measurement(
        product=contract.product,
        slo=promise.property,
        element=promise.element or contract.id,
        severity=promise.severity,
        target=target,
        unit=rule.unit,
        measured=target if value is not None and math.isinf(value) else value,
        met=met,
        reason=figure.note,
        window_days=WINDOW_DAYS,
        error_budget=None if budget is None else float(budget.value),
        measured_on=today,
        measured_at=measured_at,
        publication=publication,
    )
