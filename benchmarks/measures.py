"""Measures that the product has no use for: WRMSSE, RMSPE, scaled pinball loss, and their scales.

WAPE, bias, RMSSE, pinball loss and coverage are the product's own (`forecasting.metrics`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.problem import QUANTILES, SERIES
from dagster_project.forecasting.metrics import Codes, Numbers

M5_LEVELS: dict[int, tuple[str, ...]] = {
    1: (),
    2: ("region",),
    3: ("store_id",),
    4: ("category",),
    5: ("department",),
    6: ("region", "category"),
    7: ("region", "department"),
    8: ("store_id", "category"),
    9: ("store_id", "department"),
}
"""Levels 1 to 9 of the M5 competition; a series is named by its values with | between them."""


def rmspe(actual: Numbers, forecast: Numbers) -> float:
    """Root mean squared percentage error over days with sales: sqrt(mean ((y - f) / y)^2)."""
    sold = actual > 0
    if not sold.any():
        return float("nan")
    return float(np.sqrt(np.mean(((actual[sold] - forecast[sold]) / actual[sold]) ** 2)))


def mean_pinball(actual: Numbers, quantiles: npt.NDArray[np.float64]) -> Numbers:
    """Pinball loss per row, mean over the five quantiles, in units (shape (n,), (n, 5) -> (n,))."""
    levels = np.array(list(QUANTILES.values()))
    error = actual[:, None] - quantiles
    return np.asarray(np.maximum(levels * error, (levels - 1) * error).mean(axis=1))


def scaled_pinball(
    actual: Numbers, quantiles: npt.NDArray[np.float64], scale: Numbers, series: Codes
) -> float:
    """Mean over series of mean pinball loss / scale (M5 uncertainty, Makridakis et al., 2022).

    Args:
        actual: units sold, shape (n,).
        quantiles: units at the levels of QUANTILES, shape (n, 5).
        scale: mean absolute one-day difference of the row's series; null or 0 is left out.
        series: code 0, 1, … of the series of a row.
    """
    counted = scale > 0
    loss = mean_pinball(actual[counted], quantiles[counted]) / scale[counted]
    rows = np.bincount(series[counted])
    sums = np.bincount(series[counted], weights=loss)
    scored = rows > 0
    return float(np.mean(sums[scored] / rows[scored])) if scored.any() else float("nan")


def difference_scales(sales: pd.DataFrame, keys: Sequence[str] = SERIES) -> pd.DataFrame:
    """Scales of each series: how much it changes from one day to the next.

    Taken from the first day with sales on, between days that follow each other in the table, as
    the M5 competition defines them.

    Args:
        sales: keys, sold_on, units up to the cutoff.
        keys: columns that name a series.

    Returns:
        keys, squared_scale (mean squared difference), absolute_scale (mean absolute difference);
        NaN for a series with fewer than two days.
    """
    rows = sales.sort_values([*keys, "sold_on"], ignore_index=True)
    begun = (rows["units"] > 0).groupby([rows[key] for key in keys], sort=False).cummax()
    rows = rows[begun]
    change = rows.groupby(list(keys), sort=False)["units"].diff()
    found = rows[list(keys)].assign(squared_scale=change**2, absolute_scale=change.abs())
    return found.groupby(list(keys), as_index=False).mean()


def level_sums(rows: pd.DataFrame, level: int, day: str, values: Sequence[str]) -> pd.DataFrame:
    """Sum the bottom series up to a level of M5.

    Args:
        rows: region, store_id, category, department, the day and the values.
        level: 1 to 9.
        day: column of the day.
        values: columns to sum.

    Returns:
        level, series (its name in the competition's files), the day and the values.
    """
    name = pd.Series("Total", index=rows.index)
    for position, column in enumerate(M5_LEVELS[level]):
        part = rows[column].astype(str)
        name = part if position == 0 else name + "|" + part
    summed = rows[list(values)].groupby([name.rename("series"), rows[day]], sort=True).sum()
    return summed.reset_index().assign(level=level)


def m5_levels(rows: pd.DataFrame, day: str, values: Sequence[str]) -> pd.DataFrame:
    """The 154 series of levels 1 to 9, see `level_sums`."""
    return pd.concat([level_sums(rows, level, day, values) for level in M5_LEVELS])


def m5_weights(folder: Path) -> pd.DataFrame:
    """The competition's weights: level, series, weight; they add up to 1 in each level."""
    scoring = pd.read_csv(folder / "scoring_validation_L1_L9.csv")
    return scoring.rename(columns={"weight_validation_times12": "weight"})[
        ["level", "series", "weight"]
    ]


def m5_scales(sales: pd.DataFrame, cutoff_on: date) -> pd.DataFrame:
    """level, series and scale of the 154 series, from the history up to a cutoff.

    Args:
        sales: the bottom series' sold_on and units with region, store_id, category, department.
        cutoff_on: last day that counts.
    """
    known = sales[sales["sold_on"] <= pd.Timestamp(cutoff_on)]
    summed = m5_levels(known, "sold_on", ["units"])
    scales = difference_scales(summed, ["level", "series"])
    return scales.rename(columns={"squared_scale": "scale"})[["level", "series", "scale"]]


def squared_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """level, series, target_on and squared_error of the 154 series.

    Args:
        rows: region, store_id, category, department, target_on, units, units_mean.
    """
    summed = m5_levels(rows, "target_on", ["units", "units_mean"])
    summed["squared_error"] = (summed["units"] - summed["units_mean"]) ** 2
    return summed[["level", "series", "target_on", "squared_error"]]


def wrmsse_by_level(errors: pd.DataFrame, weighing: pd.DataFrame) -> pd.Series:
    """WRMSSE of each level: sum of weight x sqrt(mean squared error / scale).

    Args:
        errors: level, series, squared_error; a row per day (`squared_errors`).
        weighing: level, series, weight, scale.
    """
    series = errors.groupby(["level", "series"], as_index=False)["squared_error"].mean()
    series = series.merge(weighing, on=["level", "series"], how="left", validate="one_to_one")
    score = series["weight"] * np.sqrt(series["squared_error"] / series["scale"])
    by_level: pd.Series = score.groupby(series["level"]).sum()
    return by_level
