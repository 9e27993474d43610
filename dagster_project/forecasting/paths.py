"""Sample paths: possible futures of all series together, so that sums keep their intervals.

A path gives each series and target day one quantile of its own forecast. Which one, a past day
says: path s, h days ahead, takes the rank that the series' error of past day s + h has among its
errors of PATHS past days. The days are the same for every series and follow each other, so what
went wrong together, and day after day, does so in a path: a Schaake shuffle (Clark et al., 2004)
whose past days lie on a circle, as in the circular block bootstrap (Politis and Romano, 1992).

PATHS days hold only four horizons: too few to tell how wrong the level of everything can be for a
whole horizon. So a path also has a luck of its own, the same on all its rows: the normal score of
each rank is mixed with the path's and ranked again, a one-factor Gaussian copula (Li, 2000). The
quantiles of a row stay as they are; only what rows have in common grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.frames import SERIES, days
from dagster_project.forecasting.intervals import (
    LEVELS,
    PATHS,
    IntervalTable,
    Levels,
    error_quantiles,
    stratum_of,
)
from dagster_project.forecasting.metrics import Codes, Numbers

Paths = npt.NDArray[np.float32]
Ranks = npt.NDArray[np.uint8]

STEPS_PER_UNIT = 256
"""Paths are multiples of 1/256 units: binary fractions, whose sums are exact in any order, so that
a total is the same however it is summed, with any number of threads."""

COMMON = 0.1
"""Weight of a path's own luck in the normal score of each of its ranks, from 0 to 1. Chosen on the
demo's four origins, where the 80 % intervals of the overall total of a day then covered .64 at 0,
.71 at 0.05, .80 at 0.1 and .86 at 0.15; those of categories .83, .83, .84 and .85."""

MIN_DAYS_SHARE = 0.5
"""Share of the past days on which a series has an error of its own, at least; with less it takes
the ranks of another series of its category."""


@dataclass(frozen=True)
class PastRanks:
    """The order of each series' errors over the same past days.

    Attributes:
        product_id: product of each series, text, shape (series,), sorted with store_id.
        store_id: store of each series, text.
        ranks: rank of the error of each past day, 0 is the lowest, shape (series, PATHS); each row
            is a permutation of 0 to PATHS - 1.
    """

    product_id: npt.NDArray[np.str_]
    store_id: npt.NDArray[np.str_]
    ranks: Ranks


def fit_ranks(past: pd.DataFrame, errors: Numbers, *, seed: int) -> PastRanks:
    """Rank the errors of each series over the latest days on which anything was known.

    Fewer than PATHS days are repeated. Equal errors, such as those of days without a sale, stand
    in random order: none of them came first. A day whose error is not known gets a random rank.
    Of a day that was forecast at several origins, the forecast of the latest counts.

    Args:
        past: rows with `product_id`, `store_id`, `target_on`, `horizon_days`.
        errors: error of each row in units of its spread, null where not known.
        seed: of the random orders.
    """
    known = ~np.isnan(errors)
    kept, errors = past.loc[known, [*SERIES, "target_on", "horizon_days"]], errors[known]
    day = days(kept["target_on"])
    circle = np.unique(day)[-PATHS:]
    recent = day >= circle[0]
    kept, errors, day = kept[recent], errors[recent], day[recent]
    grouped = kept.groupby(SERIES, observed=True, sort=True)
    series, column = grouped.ngroup().to_numpy(), np.searchsorted(circle, day)
    table = np.full((grouped.ngroups, len(circle)), np.nan)
    horizon = kept["horizon_days"].to_numpy(dtype=np.int64)
    for ahead in np.unique(horizon)[::-1]:  # the nearest last, so that it stays
        chosen = horizon == ahead
        table[series[chosen], column[chosen]] = errors[chosen]
    share = (~np.isnan(table)).mean(axis=1)
    enough = share >= min(MIN_DAYS_SHARE, share.max())
    keys = grouped.size().index[enough]
    return PastRanks(
        keys.get_level_values(0).to_numpy().astype(np.str_),
        keys.get_level_values(1).to_numpy().astype(np.str_),
        _ranks(table[enough][:, np.arange(PATHS) % len(circle)], np.random.default_rng(seed)),
    )


def ranks_of(past: PastRanks, rows: pd.DataFrame, *, common: float = COMMON) -> Ranks:
    """The rank that each path takes on each row, shape (n, PATHS).

    A series that is not known takes the ranks of one of its category, chosen by a hash of its key,
    or where there is none of any series.

    Args:
        past: fitted ranks.
        rows: rows with `product_id`, `store_id`, `category`, `horizon_days`.
        common: weight of each path's own luck, 0 is none; see COMMON.
    """
    series = _position(past, rows)
    # The circle twice in a row: path s, h days ahead, is at s + h, never beyond the end.
    twice = np.concatenate([past.ranks, past.ranks], axis=1)
    first = rows["horizon_days"].to_numpy(dtype=np.int64) % PATHS
    ranks = np.empty((len(rows), PATHS), dtype=np.uint8)
    for start in np.unique(first):
        chosen = np.flatnonzero(first == start)
        ranks[chosen] = _mixed(twice[:, start : start + PATHS], common)[series[chosen]]
    return ranks


def draw_paths(
    table: IntervalTable,
    forecast: Numbers,
    spread: Numbers,
    horizon_days: Codes,
    ranks: Ranks,
    power: Numbers | float = 1.0,
    levels: Levels | None = None,
) -> Paths:
    """Units of each path on each row: at least 0, multiples of 1 / STEPS_PER_UNIT.

    Sorted, the paths of a row are its quantiles at LEVELS, rounded.

    Args:
        table: fitted strata.
        forecast: units forecast, shape (n,).
        spread: units that errors are measured in; 0 gives the forecast itself.
        horizon_days: days ahead.
        ranks: which quantile each path takes, shape (n, PATHS).
        power: of the ratio, as in `intervals.errors_of`.
        levels: ranks that levels have, as in `intervals.quantile_frame`.
    """
    stratum = stratum_of(table, forecast, horizon_days)
    quantiles, row = error_quantiles(table, stratum, levels)
    first = (row * PATHS).astype(np.int32)
    paths = np.take(quantiles.ravel().astype(np.float32), first[:, None] + ranks)
    if np.any(power != 1):
        paths += 1
        np.power(paths, np.asarray(power, dtype=np.float32)[..., None], out=paths)
        paths -= 1
    paths *= (spread * STEPS_PER_UNIT).astype(np.float32)[:, None]
    paths += (forecast * STEPS_PER_UNIT).astype(np.float32)[:, None]
    np.rint(np.maximum(paths, 0, out=paths), out=paths)
    paths /= STEPS_PER_UNIT
    return paths


def sum_paths(paths: Paths, total: Codes) -> Numbers:
    """Sum the rows of each total path by path.

    Args:
        paths: shape (n, PATHS).
        total: code 0, 1, … of the total that each row belongs to, every code at least once.

    Returns:
        Shape (totals, PATHS).
    """
    order = np.argsort(total, kind="stable")
    starts = np.searchsorted(total[order], np.arange(total.max() + 1 if len(total) else 0))
    return np.add.reduceat(paths[order], starts, axis=0, dtype=np.float64)


def central_interval(summed: Numbers, level: float) -> tuple[Numbers, Numbers]:
    """Lower and upper bound of the central interval of each total.

    As conformal quantiles are: of n paths the floor((n + 1)(1 - level) / 2)-th lowest and highest.

    Args:
        summed: shape (totals, PATHS).
        level: share that the interval is to cover, such as 0.8.
    """
    rank = max(1, int((PATHS + 1) * (1 - level) / 2 + 1e-9))  # 1e-9: as in conformal_quantiles
    ordered = np.sort(summed, axis=1)
    return ordered[:, rank - 1], ordered[:, PATHS - rank]


def _ranks(errors: Numbers, chance: np.random.Generator) -> Ranks:
    """Ranks within each row from 0; ties and nulls are put in random order."""
    order = np.lexsort((chance.random(errors.shape), errors), axis=1)  # nulls come last
    place = np.empty(errors.shape)
    np.put_along_axis(place, order, np.arange(errors.shape[1])[None, :] + 0.5, axis=1)
    unknown = np.isnan(errors)
    place /= (~unknown).sum(axis=1, keepdims=True)
    place[unknown] = chance.random(int(unknown.sum()))
    return np.argsort(np.argsort(place, axis=1), axis=1).astype(np.uint8)


def _mixed(ranks: Ranks, common: float) -> Ranks:
    """Mix each rank's normal score with its path's own, and rank each row again."""
    if not common:
        return ranks
    path = np.arange(PATHS)
    order = np.sort(_mixed_scores(common)[ranks, path], axis=1) & 127
    mixed = np.empty_like(ranks)
    np.put_along_axis(mixed, order, path.astype(np.uint8)[None, :], axis=1)
    return mixed


@cache
def _mixed_scores(common: float) -> npt.NDArray[np.int32]:
    """The mixed score of each rank on each path, with the path in its last seven bits.

    Score and path in one integer: it sorts ten times as fast as indices do, and without ties.
    """
    path = np.arange(PATHS)
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    # Neighbouring days are alike, so neighbouring paths must not be alike in luck: 74 / 119 is
    # about the golden ratio, whose multiples spread evenly, and has no common divisor.
    luck = normal[path * 74 % PATHS]
    score = np.sqrt(1 - common**2) * normal[:, None] + common * luck
    key: npt.NDArray[np.int32] = ((score - score.min()) * 2**20).astype(np.int32) << 7
    return key | path.astype(np.int32)


def _position(past: PastRanks, rows: pd.DataFrame) -> Codes:
    """The row of `past.ranks` that each row takes its ranks from."""
    known = pd.MultiIndex.from_arrays([past.product_id, past.store_id])
    position = known.get_indexer(
        pd.MultiIndex.from_arrays([rows[name].astype(object) for name in SERIES])
    ).astype(np.int64)
    new = np.flatnonzero(position < 0)
    if len(new):
        hashed = pd.util.hash_pandas_object(rows.iloc[new][SERIES].astype(object), index=False)
        hashes = hashed.to_numpy().astype(np.uint64)
        category = rows["category"].astype(object).where(rows["category"].notna(), "").to_numpy()
        for value in pd.unique(category[new]):
            donors = np.unique(position[(category == value) & (position >= 0)])
            if not len(donors):
                donors = np.arange(len(past.ranks))
            chosen = category[new] == value
            position[new[chosen]] = donors[hashes[chosen] % np.uint64(len(donors))]
    return position
