"""Measures of forecast accuracy: each one a formula, its source and one expression.

Arrays are one-dimensional and aligned, without nulls. A measure that is undefined (nothing sold,
nothing scored) is NaN, never zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def wape(actual: Numbers, forecast: Numbers) -> float:
    """Weighted absolute percentage error: sum |y - f| / sum |y| (Kolassa and Schuetz, 2007)."""
    return _ratio(float(np.abs(actual - forecast).sum()), float(np.abs(actual).sum()))


def wape_of_totals(actual: Numbers, forecast: Numbers, total: Codes) -> float:
    """WAPE after summing both sides by total: sum_t |Y_t - F_t| / sum_t |Y_t|.

    Args:
        actual: units sold.
        forecast: units forecast.
        total: code 0, 1, … of the total (here category and day) that a row belongs to.
    """
    actuals = np.bincount(total, weights=actual).astype(np.float64)
    return wape(actuals, np.bincount(total, weights=forecast).astype(np.float64))


def bias(actual: Numbers, forecast: Numbers) -> float:
    """Relative bias: sum (f - y) / sum y; above zero is too much (Hyndman and Athanasopoulos)."""
    return _ratio(float((forecast - actual).sum()), float(actual.sum()))


def rmsse(actual: Numbers, forecast: Numbers, scale: Numbers, series: Codes) -> float:
    """Root mean squared scaled error, mean over series of sqrt(mean (y - f)^2 / scale).

    The measure of the M5 competition (Makridakis et al., 2022) without its weights. `scale` is
    the series' mean squared day-to-day difference, known at the cutoff; the product takes it over
    the last 364 days.

    Args:
        actual: units sold.
        forecast: units forecast.
        scale: the same number on each row of a series; series with null or 0 are left out
            (see `series_without_scale`).
        series: code 0, 1, … of the series that a row belongs to.
    """
    counted = scale > 0
    squared = (actual[counted] - forecast[counted]) ** 2 / scale[counted]
    rows = np.bincount(series[counted])
    sums = np.bincount(series[counted], weights=squared)
    scored = rows > 0
    return _mean(np.sqrt(sums[scored] / rows[scored]))


def series_without_scale(scale: Numbers, series: Codes) -> int:
    """Number of series that RMSSE leaves out because their scale is null or 0."""
    return len(np.unique(series[~(scale > 0)]))


def pinball(actual: Numbers, quantile: Numbers, level: float) -> float:
    """Pinball loss: mean max(a (y - q), (a - 1) (y - q)), in units (Koenker and Bassett, 1978)."""
    return _mean(np.maximum(level * (actual - quantile), (level - 1) * (actual - quantile)))


def coverage(actual: Numbers, lower: Numbers, upper: Numbers) -> float:
    """Share of days on which lower <= y <= upper, bounds included."""
    return _mean(((lower <= actual) & (actual <= upper)).astype(np.float64))


def exceedance(actual: Numbers, upper: Numbers) -> float:
    """Share of days on which y > upper: at most 1 - level where the upper bound keeps its word."""
    return _mean((actual > upper).astype(np.float64))


def pit_bounds(
    actual: Numbers, quantiles: npt.NDArray[np.floating[Any]]
) -> tuple[Numbers, Numbers]:
    """Between which levels the randomised probability integral transform of each y lies.

    Of n quantiles at k / (n + 1), the level below is that of the highest quantile under y, the one
    above that of the lowest over y; 0 and 1 beyond the ends (Czado, Gneiting and Held, 2009). On
    days with as likely as not no sale they are far apart.

    Args:
        actual: units sold, shape (rows,); null gives no meaning.
        quantiles: quantiles of each row, in any order, such as its sample paths, shape (rows, n).
    """
    steps = quantiles.shape[1] + 1
    below = (quantiles < actual[:, None]).sum(axis=1) / steps
    return below, 1 - (quantiles > actual[:, None]).sum(axis=1) / steps


def pit_coverage(below: Numbers, above: Numbers, level: float) -> float:
    """Share of the randomised PIT that lies in the central interval of a level.

    The transform is uniform between its bounds, so its expected share needs no draw. It is `level`
    for a calibrated forecast, also where most days sell exactly nothing and `coverage` is more.

    Args:
        below: lower bounds (`pit_bounds`).
        above: upper bounds.
        level: share that the interval is to cover, such as 0.8.
    """
    inside = np.minimum(above, (1 + level) / 2) - np.maximum(below, (1 - level) / 2)
    return _mean(np.maximum(inside, 0.0) / (above - below))


def relative_width(actual: Numbers, lower: Numbers, upper: Numbers) -> float:
    """Width of intervals per unit sold: sum (upper - lower) / sum y."""
    return _ratio(float((upper - lower).sum()), float(actual.sum()))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else float("nan")
