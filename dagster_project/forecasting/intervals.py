"""Prediction intervals from the errors of past origins: split conformal, pooled in strata.

An error is measured in units of a spread: e = (y - f) / s. With s = f, as for the model, this is
the ratio y / f - 1; for the baseline, which is often 0, s is the level of the series. The interval
is f + q s with q the empirical quantile of e in the stratum (volume band of the forecast x horizon
block), taken at the rank that conformal prediction needs for n errors (Vovk et al., 2005; Romano
et al., 2019). In series that mostly sell nothing the lower bound is 0 and covers more than it says;
there only the upper bound is exact.

A ratio may also be taken to a power of the row, e = (y / f)^(1 / p) - 1 (`dispersion`): what is
harder to forecast than others of its size is then pooled with them all the same.

Quantiles are kept at the levels 1/120 to 119/120: the values a sample path may take (`paths`). The
five published ones are five of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.metrics import Codes, Numbers

QUANTILES: dict[str, float] = {
    "units_p025": 0.025,
    "units_p10": 0.1,
    "units_p50": 0.5,
    "units_p90": 0.9,
    "units_p975": 0.975,
}
PATHS = 119
"""Sample paths of a forecast. 119 + 1 is a multiple of 40, so every published level is k / 120 and
needs no interpolation; 119 past days are 17 whole weeks. See docs/decisions/0013."""

MEDIAN = PATHS // 2
BEYOND = PATHS + 1
"""Ranks that go on beyond the lowest and the highest quantile, in a straight line: each step is
1/60 of the distance between that quantile and the median."""

LEVELS = np.arange(1, PATHS + 1) / (PATHS + 1)
PUBLISHED = np.array([round(level * (PATHS + 1)) - 1 for level in QUANTILES.values()])
"""Positions of the published quantiles among LEVELS."""


Levels = tuple[Codes, Codes]
"""Ranks of each level, shape (kinds, PATHS), ascending within 1 - BEYOND to PATHS + BEYOND, and the
kind of each row, shape (n,)."""


@dataclass(frozen=True)
class Strata:
    """How errors are pooled.

    Attributes:
        volume_bands: bands of equally many errors by size of the forecast.
        horizon_block_days: length of a horizon block.
        min_errors: fewest errors of a stratum; below, its whole band counts, then all errors.
            39 is the least that can tell a 97.5 % quantile.
    """

    volume_bands: int = 10
    horizon_block_days: int = 7
    min_errors: int = 200


class NoErrors(ValueError):
    """There is no past error to make an interval from."""


@dataclass(frozen=True)
class IntervalTable:
    """Quantiles of past errors per stratum, fallbacks resolved.

    Attributes:
        band_edges: ascending inner edges of the volume bands, shape (bands - 1,).
        horizon_block_days: length of a horizon block.
        quantiles: error quantiles, shape (bands, blocks, levels), ascending along the last axis.
    """

    band_edges: Numbers
    horizon_block_days: int
    quantiles: npt.NDArray[np.float64]


def errors_of(
    actual: Numbers, forecast: Numbers, spread: Numbers, power: Numbers | float = 1.0
) -> Numbers:
    """Error of each row, shape (n,), null where the actual is null or the spread 0.

    Args:
        actual: units sold.
        forecast: units forecast.
        spread: units that an error is measured in.
        power: of the ratio; another than 1 only where the spread is the forecast.
    """
    ratio = np.full(len(actual), np.nan)
    np.divide(actual - forecast, spread, out=ratio, where=spread > 0)
    return np.asarray((1 + ratio) ** (1 / power) - 1, dtype=np.float64)


def fit_intervals(
    errors: Numbers, forecast: Numbers, horizon_days: Codes, strata: Strata
) -> IntervalTable:
    """Pool past errors in strata and keep their quantiles.

    Args:
        errors: from `errors_of`, shape (n,); null is skipped.
        forecast: units forecast.
        horizon_days: days ahead, from 1.
        strata: how to pool.

    Raises:
        NoErrors: every error is null.
    """
    usable = ~np.isnan(errors)
    if not usable.any():
        raise NoErrors(
            "intervals: expected past forecasts with known actuals, found none. Land the sales of "
            "days that were forecast, or wait until they come."
        )
    errors, forecast = errors[usable], forecast[usable]
    inner = np.arange(1, strata.volume_bands) / strata.volume_bands
    edges = np.unique(np.quantile(forecast, inner)) if len(inner) else np.zeros(0)
    band = np.searchsorted(edges, forecast, side="right")
    block = (horizon_days[usable] - 1) // strata.horizon_block_days
    shape = (len(edges) + 1, int(block.max()) + 1)
    quantiles = np.empty((*shape, len(LEVELS)))
    pooled = conformal_quantiles(errors)
    for row in range(shape[0]):
        in_band = band == row
        parent = conformal_quantiles(errors[in_band], strata.min_errors, pooled)
        for column in range(shape[1]):
            chosen = errors[in_band & (block == column)]
            quantiles[row, column] = conformal_quantiles(chosen, strata.min_errors, parent)
    return IntervalTable(edges, strata.horizon_block_days, quantiles)


def conformal_quantiles(
    errors: Numbers, min_errors: int = 1, parent: Numbers | None = None
) -> Numbers:
    """Quantiles at LEVELS with the finite-sample correction of conformal prediction.

    Level a >= 1/2 is the ceil((n + 1) a)-th smallest error, below the floor((n + 1) a)-th; where
    n is too small for that rank, the extreme error stands in.

    Args:
        errors: errors of a stratum, shape (n,).
        min_errors: below it, `parent` is returned.
        parent: quantiles of the wider stratum.
    """
    count = len(errors)
    if parent is not None and count < min_errors:
        return parent
    exact = (count + 1) * LEVELS
    # 1e-9: 0.9 x 10 is 9.000000000000002 in floating point, and must stay rank 9.
    rank = np.where(LEVELS >= 0.5, np.ceil(exact - 1e-9), np.floor(exact + 1e-9))
    return np.sort(errors)[np.clip(rank.astype(np.int64), 1, count) - 1]


def quantile_frame(
    table: IntervalTable,
    forecast: Numbers,
    spread: Numbers,
    horizon_days: Codes,
    power: Numbers | float = 1.0,
    levels: Levels | None = None,
) -> pd.DataFrame:
    """Quantiles of units per row, ascending and at least 0.

    Args:
        table: fitted strata.
        forecast: units forecast, shape (n,).
        spread: units that errors are measured in; 0 gives the forecast itself.
        horizon_days: days ahead; beyond the longest calibrated block its last one counts.
        power: of the ratio, as in `errors_of`.
        levels: ranks that levels have, as adapted; None is each level's own.

    Returns:
        One column for each name in QUANTILES, shape (n, 5).
    """
    quantiles, row = error_quantiles(table, stratum_of(table, forecast, horizon_days), levels)
    errors = quantiles[:, PUBLISHED][row]
    ratios = (1 + errors) ** np.asarray(power)[..., None] - 1
    units = forecast[:, None] + ratios * spread[:, None]
    return pd.DataFrame(np.maximum(units, 0.0), columns=list(QUANTILES))


def mean_errors(table: IntervalTable, forecast: Numbers, horizon_days: Codes) -> Numbers:
    """Mean absolute error of each row's stratum, shape (n,): that of its absolute quantiles."""
    means = np.abs(table.quantiles).mean(axis=-1).ravel()
    return np.asarray(means[stratum_of(table, forecast, horizon_days)], dtype=np.float64)


def error_quantiles(
    table: IntervalTable, stratum: Codes, levels: Levels | None
) -> tuple[Numbers, Codes]:
    """Error quantiles at all levels, those of rows that are alike once.

    Args:
        table: fitted strata.
        stratum: of each row (`stratum_of`).
        levels: ranks that levels have; None is each level's own.

    Returns:
        Quantiles, shape (m, PATHS), ascending along the last axis, and the place of each row's.
    """
    flat = table.quantiles.reshape(-1, PATHS)
    if levels is None:
        return flat, stratum
    ranks, kind = levels
    pairs, row = np.unique(stratum * len(ranks) + kind, return_inverse=True)
    stratum, kind = pairs // len(ranks), pairs % len(ranks)
    places = ranks[kind] + BEYOND - 1
    return np.take_along_axis(_extended(flat)[stratum], places, axis=1), row.astype(np.int64)


def pit_ranks(table: IntervalTable, errors: Numbers, stratum: Codes) -> tuple[Codes, Codes]:
    """Between which ranks of its stratum each error lies, as `metrics.pit_bounds` counts.

    Rank 0 to 1 is below the lowest quantile, PATHS to PATHS + 1 above the highest; an error farther
    out lies between the ranks that go on in a straight line there.

    Args:
        table: fitted strata.
        errors: from `errors_of`, none null, shape (n,).
        stratum: of each row.
    """
    below, above = np.empty(len(errors), np.int64), np.empty(len(errors), np.int64)
    order = np.argsort(stratum, kind="stable")
    extended = _extended(table.quantiles.reshape(-1, PATHS))
    for chosen in np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1):
        if not len(chosen):
            continue
        line, found = extended[stratum[chosen[0]]], errors[chosen]
        low = np.searchsorted(line, found, side="left") - BEYOND
        high = np.searchsorted(line, found, side="right") - BEYOND + 1
        # An error equal to the lowest quantile, as on a day without a sale, is not farther out.
        low = np.where(found == line[BEYOND], np.maximum(low, 0), low)
        high = np.where(found == line[BEYOND + PATHS - 1], np.minimum(high, PATHS + 1), high)
        below[chosen], above[chosen] = low, high
    return below, above


def _extended(quantiles: Numbers) -> Numbers:
    """Quantiles with BEYOND more on each side, shape (m, PATHS + 2 BEYOND), ascending."""
    step = np.arange(1, BEYOND + 1) * 2 / (PATHS + 1)
    lowest, median, highest = (quantiles[:, [place]] for place in (0, MEDIAN, -1))
    # -1 is no sale at all where errors are ratios, and nothing sells less.
    under = np.maximum(lowest - step[::-1] * (median - lowest), np.minimum(lowest, -1.0))
    return np.concatenate([under, quantiles, highest + step * (highest - median)], axis=1)


def stratum_of(table: IntervalTable, forecast: Numbers, horizon_days: Codes) -> Codes:
    """Stratum of each row: its place among bands x blocks, row by row of the table.

    Args:
        table: fitted strata.
        forecast: units forecast, shape (n,).
        horizon_days: days ahead; beyond the longest calibrated block its last one counts.
    """
    blocks = table.quantiles.shape[1]
    band = np.searchsorted(table.band_edges, forecast, side="right")
    block = np.minimum((horizon_days - 1) // table.horizon_block_days, blocks - 1)
    stratum: Codes = (band * blocks + block).astype(np.int64)
    return stratum
