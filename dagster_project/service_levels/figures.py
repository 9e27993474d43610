"""The figures behind the service levels, as pure functions of what was read.

A figure that cannot be told is None and says why: it is no zero, and no promise is missed by it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

USUAL_AT_LEAST = 4
"""Days or publications that make a usual volume; the median of fewer is chance."""

JUDGED_DAYS = 7
"""Target days with actuals before a served forecast is judged: fewer hold no whole week."""


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Attributes:
        value: the figure; None when it cannot be told yet.
        note: why it cannot, or what the figure is about.
    """

    value: float | None
    note: str | None = None


def freshness(newest: date | datetime | None, today: date) -> Figure:
    """Days from the newest value to today."""
    if newest is None:
        return Figure(None, "the table has no row yet")
    day = newest.date() if isinstance(newest, datetime) else newest
    return Figure(float((today - day).days), f"its newest value is of {day}")


def share_found(expected: Collection[object], found: Collection[object], what: str) -> Figure:
    """Share of what was expected that was found: |expected and found| / |expected|."""
    wanted = set(expected)
    if not wanted:
        return Figure(None, f"no {what} were expected")
    missing = sorted(str(item) for item in wanted - set(found))
    note = f"missing of {len(wanted):,} {what}: {len(missing):,}"
    return Figure(
        1 - len(missing) / len(wanted), note + (f", first {missing[0]}" if missing else "")
    )


def share(part: float | None, whole: float | None, what: str) -> Figure:
    """A part of a whole, such as rows that repeat a key of all rows."""
    if not whole:
        return Figure(None, f"there are no {what}")
    return Figure((part or 0) / whole, f"{part or 0:,.0f} of {whole:,.0f} {what}")


def volume(newest: float, usual: Sequence[float], what: str) -> Figure:
    """How many times more or less than usual: max(n / m, m / n) with m the median; 1 is usual."""
    if len(usual) < USUAL_AT_LEAST:
        return Figure(
            None, f"usual is the median of at least {USUAL_AT_LEAST} {what}, so far {len(usual)}"
        )
    median = statistics.median(usual)
    note = f"{newest:,.0f} rows, usually {median:,.0f} ({len(usual)} {what})"
    if median == newest:
        return Figure(1.0, note)
    low, high = sorted((newest, median))
    return Figure(high / low if low > 0 else high + 1, note)


def columns_lost(before: Mapping[str, str] | None, now: Mapping[str, str]) -> Figure:
    """Columns that a table of the same major version has lost, or whose type has changed."""
    if before is None:
        return Figure(None, "it has not been published before")
    lost = [name for name, kind in before.items() if now.get(name) != kind]
    return Figure(float(len(lost)), f"lost or of another type: {', '.join(lost)}" if lost else None)


def retention(superseded_on: Mapping[int, date], kept: Collection[int], today: date) -> Figure:
    """Days for which every superseded publication is still kept; infinite while all are.

    Args:
        superseded_on: the day on which the next publication came, by number.
        kept: numbers that can be read.
        today: the day that is judged.
    """
    lost = [(day, number) for number, day in superseded_on.items() if number not in set(kept)]
    if not lost:
        return Figure(math.inf, "no publication was removed")
    day, number = max(lost)
    return Figure(float((today - day).days), f"publication {number}, until {day}, is gone")


def p95(milliseconds: Sequence[float]) -> float:
    """The 95 % quantile by nearest rank: of fewer than 20 times the slowest."""
    ordered = sorted(milliseconds)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


@dataclass(frozen=True)
class ForecastOutcome:
    """Sums over the days that came true since a forecast of them was published.

    Attributes:
        days: target days with actuals.
        rows: forecasts of a series and such a day that were published before it.
        units: sum of the actuals y.
        error: sum |f - y| with f the published mean.
        naive_error: sum |n - y| with n the units of the last same weekday known at the cutoff.
        difference: sum (f - y).
        inside_80: rows with units_p10 <= y <= units_p90.
        inside_95: rows with units_p025 <= y <= units_p975.
    """

    days: int
    rows: int
    units: float
    error: float
    naive_error: float
    difference: float
    inside_80: int
    inside_95: int

    def error_against_naive(self) -> Figure:
        """Error of what was published per error of the seasonal naive baseline: WAPE / WAPE."""
        return self._judged(self.error, self.naive_error, "units of error of the seasonal naive")

    def bias(self) -> Figure:
        """Relative bias: sum (f - y) / sum y; above zero is too much."""
        return self._judged(self.difference, self.units, "units sold")

    def coverage(self, level: int) -> Figure:
        """Share of days inside the 80 or 95 % interval, bounds included."""
        inside = {80: self.inside_80, 95: self.inside_95}[level]
        return self._judged(inside, self.rows, "forecasts of a day")

    def _judged(self, part: float, whole: float, what: str) -> Figure:
        if self.days < JUDGED_DAYS:
            return Figure(
                None,
                f"judged from {JUDGED_DAYS} days with actuals on, so far {self.days} since the "
                "forecasts were published",
            )
        found = share(part, whole, what)
        return Figure(found.value, f"{found.note}, on {self.days} days")
