"""Levels of the intervals, adapted day by day to what came true since they were learnt.

Adaptive conformal inference (Gibbs and Candès, 2021): an interval table stays as it was learnt, but
which of its quantiles stands for a level moves. After each day with known sales, of all levels a

    theta(a) <- theta(a) + step (a - share of the day's forecasts with y <= quantile at theta(a))

so an upper bound that was exceeded too often rises, and a lower one on its own (asymmetric). Many
series sell on a day: the share is that of all forecasts of a stratum, and one with few of them
moves less. Each row belongs to one stratum of each kind, and its levels move by the sum of theirs.

A day without a sale lies, by the randomised probability integral transform, anywhere below the
first quantile above 0: its part in each share is an expectation, nothing is drawn. The quantiles
are ranks of errors that happened; beyond the outermost they go on in a straight line, as far as
BEYOND ranks. Quantiles of a row are sorted, so they never cross, and one of 0 units stays 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.frames import days
from dagster_project.forecasting.intervals import BEYOND, PATHS, Levels
from dagster_project.forecasting.metrics import Codes, Numbers

NOMINAL = np.arange(1, PATHS + 1, dtype=np.float64)
"""Ranks that the levels 1/120 to 119/120 have before anything is known."""

ALL = "all"


@dataclass(frozen=True)
class AdaptationRules:
    """How fast levels move.

    Attributes:
        steps: of each kind of stratum (a column of the rows, or `all`): the share of a day's
            miscoverage that is added to the level.
        few_rows: rows a day with which a stratum moves by half of its step.
    """

    steps: Mapping[str, float] = field(default_factory=lambda: {ALL: 0.005})
    few_rows: float = 20.0


@dataclass(frozen=True)
class Adaptation:
    """How many ranks each level of a stratum has moved.

    Attributes:
        shifts: kind -> value of its column as text -> ranks that each level has moved by, shape
            (PATHS,); what is not there has not moved.
    """

    shifts: dict[str, dict[str, Numbers]]

    def ranks_of(self, rows: pd.DataFrame) -> Levels:
        """The rank in the interval table that each level of a row has, ascending.

        Returns:
            Ranks of each combination of strata, shape (combinations, PATHS), from 1 - BEYOND to
            PATHS + BEYOND, and the combination of each row, shape (rows,).
        """
        values = {kind: np.unique(_text(rows, kind), return_inverse=True) for kind in self.shifts}
        shifts = {kind: _stacked(self.shifts[kind], found) for kind, (found, _) in values.items()}
        strata = {kind: code for kind, (_, code) in values.items()}
        first, which = _combinations(strata)
        levels = _levels(shifts, {kind: code[first] for kind, code in strata.items()})
        return np.rint(levels).astype(np.int64), which


def adapt(
    adaptation: Adaptation,
    rows: pd.DataFrame,
    ranks: tuple[Codes, Codes],
    rules: AdaptationRules,
) -> Adaptation:
    """Move the levels by what came true, one day after the other.

    Args:
        adaptation: where the levels stand.
        rows: forecasts whose day has come: `target_on` and the column of each kind of stratum.
        ranks: between which ranks of its interval table each actual lies (`intervals.pit_ranks`),
            two arrays of shape (rows,).
        rules: how fast.

    Returns:
        Where they stand then; the same rows in any order give the same.
    """
    values = {kind: np.unique(_text(rows, kind), return_inverse=True) for kind in rules.steps}
    shifts = {
        kind: _stacked(adaptation.shifts.get(kind, {}), found)
        for kind, (found, _) in values.items()
    }
    for chosen in _by_day(rows):
        strata = {kind: code[chosen] for kind, (_, code) in values.items()}
        _move(shifts, strata, (ranks[0][chosen], ranks[1][chosen]), rules)
    moved = {
        kind: adaptation.shifts.get(kind, {}) | dict(zip(found.tolist(), shifts[kind], strict=True))
        for kind, (found, _) in values.items()
    }
    return Adaptation({kind: dict(sorted(shift.items())) for kind, shift in moved.items()})


def _move(
    shifts: dict[str, Numbers],
    strata: dict[str, Codes],
    ranks: tuple[Codes, Codes],
    rules: AdaptationRules,
) -> None:
    """One day: change the shifts of the strata that have forecasts of it."""
    first, cell = _combinations(strata)
    place = _levels(shifts, {kind: code[first] for kind, code in strata.items()}) + BEYOND
    counts = _cumulative(*ranks, cell, len(first))
    whole = place.astype(np.int64)
    row = np.arange(len(first))[:, None]
    under = counts[row, whole] + (place - whole) * (counts[row, whole + 1] - counts[row, whole])
    sizes = np.bincount(cell, minlength=len(first)).astype(np.float64)
    missing = NOMINAL / (PATHS + 1) * sizes[:, None] - under
    for kind, code in strata.items():
        found, own = np.unique(code[first], return_inverse=True)
        total = np.zeros((len(found), PATHS))
        np.add.at(total, own, missing)
        size = np.bincount(own, weights=sizes)[:, None]
        shifts[kind][found] += rules.steps[kind] * (PATHS + 1) * total / (size + rules.few_rows)


def _cumulative(below: Codes, above: Codes, cell: Codes, cells: int) -> Numbers:
    """Expected number of actuals at or under each rank from -BEYOND to PATHS + 1 + BEYOND."""
    width = PATHS + 2 + 2 * BEYOND
    low, high = below + BEYOND, above + BEYOND
    steps = np.zeros((cells, width))
    np.add.at(steps, (cell, low + 1), 1 / (high - low))
    inside = high + 1 < width
    np.add.at(steps, (cell[inside], high[inside] + 1), -1 / (high - low)[inside])
    return np.cumsum(np.cumsum(steps, axis=1), axis=1)


def _combinations(strata: Mapping[str, Codes]) -> tuple[Codes, Codes]:
    """The first row of each combination of strata, and the combination of each row."""
    joint = np.zeros(len(next(iter(strata.values()))), dtype=np.int64)
    for code in strata.values():
        joint = joint * (int(code.max(initial=0)) + 1) + code
    _, first, which = np.unique(joint, return_index=True, return_inverse=True)
    return first.astype(np.int64), which.astype(np.int64)


def _levels(shifts: Mapping[str, Numbers], strata: Mapping[str, Codes]) -> Numbers:
    """Each level of rows of these strata as a rank, ascending, shape (rows, PATHS)."""
    moved = NOMINAL + sum(shifts[kind][code] for kind, code in strata.items())
    return np.clip(np.sort(moved, axis=1), 1 - BEYOND, PATHS + BEYOND)


def _stacked(shifts: Mapping[str, Numbers], values: npt.NDArray[np.object_]) -> Numbers:
    """The shifts of some values, 0 where there are none, shape (values, PATHS)."""
    return np.array([shifts.get(value, np.zeros(PATHS)) for value in values.tolist()])


def _by_day(rows: pd.DataFrame) -> Iterator[Codes]:
    """Positions of the rows of each day, ascending."""
    day = days(rows["target_on"])
    order = np.argsort(day, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(day[order])) + 1) if len(order) else ()


def _text(rows: pd.DataFrame, kind: str) -> npt.NDArray[np.object_]:
    if kind == ALL:
        return np.full(len(rows), ALL, dtype=object)
    values = rows[kind].astype(object)
    return values.where(values.notna(), "").astype(str).to_numpy(dtype=object)
