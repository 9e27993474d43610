"""Forecast value added: what each rung of the ladder is worth over the one below (Gilliland, 2010).

The value is the difference of RMSSE, rung below less rung. Whether it is more than chance, a paired
block bootstrap tells (Kuensch, 1989): whole weeks of the reported origins are drawn again, the same
ones for every series and every rung, since errors of days that follow each other, and of series on
the same day, go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from dagster_project.forecasting.frames import SERIES
from dagster_project.forecasting.metrics import Codes, Numbers
from dagster_project.forecasting.rungs import RUNGS, units_column

BY_SERIES = "series"
SLICES = {
    BY_SERIES: SERIES,
    "overall": [],
    "category": ["category"],
    "store": ["store_id"],
    "region": ["region"],
}
"""The columns that tell the values of each slice apart; the others are null."""

KEY = ["slice", *SERIES, "category", "region", "rung"]
ERRORS = ["rmsse", "mae", "wape", "bias"]
VALUE_ADDED = ["value_added", "value_added_lower", "value_added_upper"]
COLUMNS = [*KEY, "days", *ERRORS, *VALUE_ADDED]

UNKNOWN = "unknown"
DECIMALS = 4
SERIES_AT_ONCE = 2_048
"""Draws of so many series are held at a time: 16 MB for each rung."""


@dataclass(frozen=True)
class _Slice:
    """Values of a slice, one row each, and the value of each series as its row."""

    keys: pd.DataFrame
    code: Codes


@dataclass(frozen=True)
class _Weeks:
    """Scaled squared errors of each series by week of the reported origins.

    Attributes:
        days: number of errors, shape (weeks, series).
        squared: their sums, shape (rungs, weeks, series).
    """

    days: Numbers
    squared: Numbers


@dataclass(frozen=True)
class _Ladder:
    """RMSSE of the values of a slice, shape (rungs, values), and VALUE_ADDED, one axis more."""

    rmsse: Numbers
    gain: Numbers


def value_added(
    forecasts: pd.DataFrame, regions: Mapping[str, str], *, samples: int = 1_000, seed: int = 2017
) -> pd.DataFrame:
    """The ladder of each series and slice over the reported origins of a backtest.

    Args:
        forecasts: `Backtest.forecasts`; rows with null units are not scored.
        regions: store_id -> region; a store that is not named is `unknown`.
        samples: how often weeks are drawn.
        seed: of the draws.

    Returns:
        COLUMNS, numbers with four decimals, rungs from the simplest up. `days` is the number of
        series days scored. rmsse of a series is sqrt(mean((y - f)^2 / scale)) over its days, of a
        slice the mean over its series; mae is sum |y - f| / days; wape and bias are those of
        `metrics`. value_added is in RMSSE, with its 95 % interval, null for the lowest rung. The
        interval is null where a draw has no day of the series: it was scored in too few weeks. An
        undefined error is null. There is a slice region where some region is known.
    """
    known = forecasts[forecasts["units"].notna()]
    series, code = _series(known, regions)
    slices = _slices(series)
    sums = _sums(known, code)
    weeks = _weeks(known, code)
    ladders = _ladders(weeks, slices, _draws(len(weeks.days), samples, seed))
    tables = [
        _table(name, one, ladders[name], sums, position)
        for name, one in slices.items()
        for position in range(len(RUNGS))
    ]
    return pd.concat(tables, ignore_index=True)[COLUMNS].round(DECIMALS)


def _series(known: pd.DataFrame, regions: Mapping[str, str]) -> tuple[pd.DataFrame, Codes]:
    """The series with category and region, sorted, and the one of each row."""
    keys = known[[*SERIES, "category"]].astype(object)
    series = keys.drop_duplicates(SERIES).sort_values(SERIES, ignore_index=True)
    series["category"] = series["category"].where(series["category"].notna(), UNKNOWN)
    series["region"] = [regions.get(store_id, UNKNOWN) for store_id in series["store_id"]]
    return series, keys.groupby(SERIES).ngroup().to_numpy().astype(np.int64)


def _slices(series: pd.DataFrame) -> dict[str, _Slice]:
    slices = {}
    for name, columns in SLICES.items():
        if name == "region" and (series["region"] == UNKNOWN).all():
            continue
        keys = series[columns].drop_duplicates() if columns else pd.DataFrame(index=[0])
        code = series.groupby(columns).ngroup() if columns else pd.Series(0, index=series.index)
        keys = keys.sort_values(columns, ignore_index=True) if columns else keys
        slices[name] = _Slice(keys.reindex(columns=KEY[1:-1]), code.to_numpy().astype(np.int64))
    return slices


def _sums(known: pd.DataFrame, code: Codes) -> dict[str, Numbers]:
    """Days, units, and absolute and signed errors of each rung, by series."""
    units = known["units"].to_numpy(dtype=np.float64)
    sums = {"days": _sum(code, np.ones(len(code))), "units": _sum(code, units)}
    for rung in RUNGS:
        error = known[units_column(rung)].to_numpy(dtype=np.float64) - units
        sums[f"absolute {rung}"] = _sum(code, np.abs(error))
        sums[f"error {rung}"] = _sum(code, error)
    return sums


def _weeks(known: pd.DataFrame, code: Codes) -> _Weeks:
    scale = known["rmsse_scale"].to_numpy(dtype=np.float64, na_value=np.nan)
    scaled = scale > 0
    ahead = (known["horizon_days"].astype(np.int64) - 1) // 7
    week = known.groupby(["cutoff_on", ahead]).ngroup().to_numpy().astype(np.int64)
    shape = (int(week.max()) + 1, int(code.max()) + 1)
    cell = (week * shape[1] + code)[scaled]
    cells = shape[0] * shape[1]
    squared = [
        ((known["units"] - known[units_column(rung)]).to_numpy(dtype=np.float64)[scaled]) ** 2
        for rung in RUNGS
    ]
    return _Weeks(
        np.bincount(cell, minlength=cells).reshape(shape).astype(np.float64),
        np.stack(
            [
                np.bincount(cell, weights=errors / scale[scaled], minlength=cells).reshape(shape)
                for errors in squared
            ]
        ),
    )


def _draws(weeks: int, samples: int, seed: int) -> Numbers:
    """How often each week counts, shape (1 + samples, weeks): once each, and as it was drawn."""
    drawn = np.random.default_rng(seed).multinomial(weeks, np.full(weeks, 1 / weeks), samples)
    return np.vstack([np.ones(weeks), drawn])


def _ladders(weeks: _Weeks, slices: Mapping[str, _Slice], draws: Numbers) -> dict[str, _Ladder]:
    """The ladder of each slice. Series are taken in parts, which bounds memory."""
    by_series: list[_Ladder] = []
    larger = {name: one for name, one in slices.items() if name != BY_SERIES}
    sums = {name: np.zeros((len(RUNGS), len(draws), len(one.keys))) for name, one in larger.items()}
    counts = {name: np.zeros((len(draws), len(one.keys))) for name, one in larger.items()}
    count = weeks.days.shape[1]
    for start in range(0, count, SERIES_AT_ONCE):
        part = slice(start, min(start + SERIES_AT_ONCE, count))
        days = draws @ weeks.days[:, part]
        roots = np.stack([np.sqrt(_ratio(draws @ one[:, part], days)) for one in weeks.squared])
        by_series.append(_ladder(roots))
        counted = np.nan_to_num(roots)
        for name, one in larger.items():
            belongs = _belongs(one.code[part], len(one.keys))
            counts[name] += (days > 0).astype(np.float64) @ belongs
            for position, root in enumerate(counted):
                sums[name][position] += root @ belongs
    series = _Ladder(
        np.concatenate([one.rmsse for one in by_series], axis=1),
        np.concatenate([one.gain for one in by_series], axis=1),
    )
    return {BY_SERIES: series} | {
        name: _ladder(_ratio(sums[name], counts[name][None])) for name in larger
    }


def _belongs(code: Codes, values: int) -> sparse.csr_array:
    """One where a series (row) belongs to a value (column)."""
    ones = np.ones(len(code))
    return sparse.csr_array((ones, (np.arange(len(code)), code)), shape=(len(code), values))


def _ladder(drawn: npt.NDArray[np.float64]) -> _Ladder:
    """From the RMSSE of each rung, draw and value: the first draw is what was observed."""
    difference = drawn[:-1] - drawn[1:]
    lower, upper = np.quantile(difference[:, 1:], [0.025, 0.975], axis=1)
    gain = np.stack([difference[:, 0], lower, upper], axis=-1)
    lowest = np.full((1, *gain.shape[1:]), np.nan)
    return _Ladder(drawn[:, 0], np.concatenate([lowest, gain]))


def _table(
    name: str, one: _Slice, ladder: _Ladder, sums: Mapping[str, Numbers], position: int
) -> pd.DataFrame:
    """COLUMNS of one slice and rung."""
    rung = RUNGS[position]
    days, units, absolute, error = (
        _sum(one.code, sums[what])
        for what in ("days", "units", f"absolute {rung}", f"error {rung}")
    )
    table = one.keys.assign(
        slice=name,
        rung=rung,
        days=days.astype(np.int64),
        rmsse=ladder.rmsse[position],
        mae=_ratio(absolute, days),
        wape=_ratio(absolute, units),
        bias=_ratio(error, units),
    )
    table[VALUE_ADDED] = ladder.gain[position]
    return table


def _sum(code: Codes, values: Numbers) -> Numbers:
    return np.bincount(code, weights=values).astype(np.float64)


def _ratio(numerator: Numbers, denominator: Numbers) -> Numbers:
    """Numerator / denominator, NaN where there is nothing to divide by."""
    ratio = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio
