"""Scores of one method at one origin: overall and by slice, as records, and taken apart by week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.bootstrap import Measured
from benchmarks.datasets import Dataset
from benchmarks.measures import (
    difference_scales,
    m5_scales,
    m5_weights,
    mean_pinball,
    rmspe,
    scaled_pinball,
    squared_errors,
    wrmsse_by_level,
)
from benchmarks.problem import QUANTILES, SERIES
from dagster_project.forecasting.backtest import PIT
from dagster_project.forecasting.metrics import (
    Codes,
    Numbers,
    bias,
    coverage,
    exceedance,
    pit_coverage,
    relative_width,
    rmsse,
    wape,
    wape_of_totals,
)

IDENTITY = ["dataset", "method", "slice", "slice_value", "metric"]
MOST_SLICE_VALUES = 50
"""A slice with more values (1,115 stores) is left out: nobody reads it."""

SLICES = (
    "horizon_week", "store_id", "region", "category", "department", "volume", "intermittency",
    "promotion", "is_event",
)  # fmt: skip
ROSSMANN = "rossmann"
"""RMSPE is for this set alone: elsewhere a day may sell 1, and decide it alone. Its days without
sales are not scored, so no series of it is seen to be intermittent."""

BUILD, NEXT = "dbt_build_cpu_seconds", "train_and_score_wall_seconds"
"""What ours takes once for all origins: the whole `dbt build`; training on everything, scoring."""

VOLUME_DAYS, INTERMITTENCY_DAYS = 56, 140

Record = dict[str, Any]


class Incomplete(ValueError):
    """A method did not forecast what it was asked; the message names the first that is missing."""


def rows_to_score(dataset: Dataset, cutoff_on: date) -> pd.DataFrame:
    """What every method is scored on at an origin: actuals, scales and slices, a row per day.

    Returns:
        The columns of `Dataset.actuals`, squared_scale, absolute_scale, horizon_days,
        horizon_week, volume, intermittency, promotion, is_event; sorted by SERIES and day.
    """
    problem = dataset.problem(cutoff_on)
    rows = dataset.actuals(cutoff_on)
    rows = rows.merge(difference_scales(problem.sales), on=SERIES, how="left")
    rows = rows.merge(_series_slices(problem.sales, cutoff_on), on=SERIES, how="left")
    ahead = (rows["target_on"] - pd.Timestamp(cutoff_on)).dt.days
    rows = rows.assign(
        horizon_days=ahead,
        horizon_week=((ahead - 1) // 7 + 1).astype(str),
        promotion=np.where(rows["is_promoted"], "promoted", "not promoted"),
        is_event=np.where(rows["event"] == "none", "no event", "event"),
    )
    return rows.sort_values([*SERIES, "target_on"], ignore_index=True)


def with_forecast(rows: pd.DataFrame, forecast: pd.DataFrame, method: str) -> pd.DataFrame:
    """The rows with a method's forecast beside them.

    Raises:
        Incomplete: a row has no forecast, or two; nothing is left out of a score silently.
    """
    keys = [*SERIES, "target_on"]
    if forecast.duplicated(keys).any():
        first = forecast.loc[forecast.duplicated(keys), keys].iloc[0].tolist()
        raise Incomplete(
            f"{method}: expected one forecast per series and day, found two of {first}"
        )
    pit = [name for name in PIT if name in forecast]  # no peer has more than five quantiles
    joined = rows.merge(forecast[[*keys, "units_mean", *QUANTILES, *pit]], on=keys, how="left")
    missing = joined[["units_mean", *QUANTILES]].isna().any(axis=1)
    if missing.any():
        first = joined.loc[missing, keys].iloc[0].tolist()
        raise Incomplete(
            f"{method}: expected a forecast for each of {len(joined)} series days, found none or "
            f"null for {int(missing.sum())}, first {first}. Every series asked must be forecast."
        )
    return joined


def slices_to_score(dataset: Dataset, origins: Sequence[pd.DataFrame]) -> list[str]:
    """The slices that have several values at any origin, and nowhere too many.

    They are scored at every origin, so that their means are over the same origins as overall.

    Args:
        dataset: the set.
        origins: `rows_to_score` of each origin.
    """
    found = []
    for name in SLICES:
        if name == "intermittency" and dataset.name == ROSSMANN:
            continue
        values = [rows[name].nunique() for rows in origins]
        if 1 < max(values) <= MOST_SLICE_VALUES:
            found.append(name)
    return found


def score_origin(
    rows: pd.DataFrame, dataset: Dataset, method: str, cutoff_on: date, slices: Sequence[str] = ()
) -> list[Record]:
    """Every metric, overall and by the slices named, of `with_forecast` rows."""
    series = rows.groupby(SERIES).ngroup().to_numpy().astype(np.int64)
    records: list[Record] = []
    for name in ("overall", *slices):
        values = rows[name] if name != "overall" else pd.Series("all", index=rows.index)
        for value, chosen in values.groupby(values).indices.items():
            part = rows.iloc[chosen]
            found = _metrics(part, series[chosen])
            if dataset.name == ROSSMANN:
                found["rmspe"] = rmspe(*_arrays(part)[:2])
            if name == "overall":
                found["wape_category_totals"] = _wape_of_category_totals(part)
            records += [
                _record(dataset, method, cutoff_on, name, str(value), metric, score, len(chosen))
                for metric, score in found.items()
            ]
    if dataset.name == "m5":
        by_level = wrmsse_by_level(squared_errors(rows), weighing(dataset, cutoff_on))
        records += [
            _record(dataset, method, cutoff_on, "level", str(level), "wrmsse", score, len(rows))
            for level, score in by_level.items()
        ]
        records.append(
            _record(
                dataset, method, cutoff_on, "overall", "all", "wrmsse", by_level.mean(), len(rows)
            )
        )
    return records


def cpu_record(dataset: Dataset, method: str, cutoff_on: date, seconds: float) -> Record:
    """CPU seconds of fit and predict at one origin."""
    return _record(dataset, method, cutoff_on, "overall", "all", "cpu_seconds", seconds, 1)


def cost_record(dataset: Dataset, method: str, metric: str, seconds: float) -> Record:
    """Seconds that a method takes once for all origins."""
    return _record(dataset, method, None, "overall", "all", metric, seconds, 1)


def mean_records(records: Sequence[Record]) -> list[Record]:
    """Mean of each score over its origins (origin null); an undefined score is left out."""
    table = pd.DataFrame(records)
    means = table.groupby(IDENTITY, sort=False, as_index=False).agg(
        score=("score", "mean"), observations=("observations", "sum")
    )
    return [
        {**{str(name): value for name, value in record.items()}, "origin": None}
        for record in means.to_dict("records")
    ]


def weighing(dataset: Dataset, cutoff_on: date) -> pd.DataFrame:
    """level, series, weight and scale of M5 at an origin: the competition's weights at each."""
    assert dataset.folder is not None
    sales = dataset.sales.merge(dataset.series, on=SERIES)
    return m5_weights(dataset.folder).merge(
        m5_scales(sales, cutoff_on), on=["level", "series"], validate="one_to_one"
    )


def measured(rows: pd.DataFrame, dataset: Dataset, cutoff_on: date) -> dict[str, Measured]:
    """Overall scores of `with_forecast` rows by metric, taken apart by horizon week."""
    week = rows["horizon_week"].astype(np.int64).to_numpy() - 1
    series = rows.groupby(SERIES).ngroup().to_numpy().astype(np.int64)
    actual, units, quantiles = _arrays(rows)
    error = actual - units
    one = np.zeros(len(rows), dtype=np.int64)
    found = {
        "wape": _ratio(week, one, np.abs(error), np.abs(actual)),
        "bias": _ratio(week, one, -error, actual),
        "coverage_80": _ratio(
            week, one, (quantiles[:, 1] <= actual) & (actual <= quantiles[:, 3]), np.ones(len(rows))
        ),
        "coverage_95": _ratio(
            week, one, (quantiles[:, 0] <= actual) & (actual <= quantiles[:, 4]), np.ones(len(rows))
        ),
        "rmsse": _scaled(week, series, error**2, rows["squared_scale"], is_root=True),
        "scaled_pinball": _scaled(
            week, series, mean_pinball(actual, quantiles), rows["absolute_scale"]
        ),
        "wape_category_totals": _totals(rows),
    }
    if dataset.name == ROSSMANN:
        sold = actual > 0
        percentage = (error[sold] / actual[sold]) ** 2
        found["rmspe"] = _ratio(
            week[sold], one[sold], percentage, np.ones(sold.sum()), is_root=True
        )
    if dataset.name == "m5":
        errors = squared_errors(rows).merge(weighing(dataset, cutoff_on), on=["level", "series"])
        weeks = ((errors["target_on"] - pd.Timestamp(cutoff_on)).dt.days.to_numpy() - 1) // 7
        groups = errors.groupby(["level", "series"])
        unit = groups.ngroup().to_numpy().astype(np.int64)
        scaled = (errors["squared_error"] / errors["scale"]).to_numpy()
        found["wrmsse"] = _ratio(weeks, unit, scaled, np.ones(len(errors)), is_root=True)
        weights = groups["weight"].first().to_numpy()
        found["wrmsse"] = Measured(
            found["wrmsse"].parts, found["wrmsse"].sizes, weights, is_root=True
        )
    return found


def _metrics(rows: pd.DataFrame, series: Codes) -> dict[str, float]:
    actual, units, quantiles = _arrays(rows)
    squared, absolute = (
        rows[name].to_numpy(dtype=np.float64) for name in ("squared_scale", "absolute_scale")
    )
    found = {
        "wape": wape(actual, units),
        "rmsse": rmsse(actual, units, squared, series),
        "bias": bias(actual, units),
        "scaled_pinball": scaled_pinball(actual, quantiles, absolute, series),
        "coverage_80": coverage(actual, quantiles[:, 1], quantiles[:, 3]),
        "coverage_95": coverage(actual, quantiles[:, 0], quantiles[:, 4]),
        "exceedance_90": exceedance(actual, quantiles[:, 3]),
        "exceedance_975": exceedance(actual, quantiles[:, 4]),
        "width_80": relative_width(actual, quantiles[:, 1], quantiles[:, 3]),
        "width_95": relative_width(actual, quantiles[:, 0], quantiles[:, 4]),
    }
    if set(PIT) <= set(rows.columns):
        below, above = (rows[name].to_numpy(dtype=np.float64) for name in PIT)
        found["pit_80"] = pit_coverage(below, above, 0.8)
        found["pit_95"] = pit_coverage(below, above, 0.95)
    return found


def _wape_of_category_totals(rows: pd.DataFrame) -> float:
    totals = rows.groupby(["category", "target_on"]).ngroup().to_numpy().astype(np.int64)
    actual, units, _ = _arrays(rows)
    return wape_of_totals(actual, units, totals)


def _arrays(rows: pd.DataFrame) -> tuple[Numbers, Numbers, Any]:
    return (
        rows["units"].to_numpy(dtype=np.float64),
        rows["units_mean"].to_numpy(dtype=np.float64),
        rows[list(QUANTILES)].to_numpy(dtype=np.float64),
    )


def _ratio(
    week: Any, unit: Codes, parts: Any, sizes: Numbers, *, is_root: bool = False
) -> Measured:
    shape = (int(week.max()) + 1, int(unit.max()) + 1)
    sums = [np.zeros(shape), np.zeros(shape)]
    for total, values in zip(sums, (parts, sizes), strict=True):
        np.add.at(total, (week, unit), values)
    return Measured(sums[0], sums[1], np.ones(shape[1]), is_root)


def _scaled(
    week: Any, series: Codes, loss: Numbers, scale: pd.Series, *, is_root: bool = False
) -> Measured:
    scales = scale.to_numpy(dtype=np.float64)
    counted = scales > 0
    return _ratio(
        week[counted],
        series[counted],
        loss[counted] / scales[counted],
        np.ones(counted.sum()),
        is_root=is_root,
    )


def _totals(rows: pd.DataFrame) -> Measured:
    keys = ["category", "target_on", "horizon_week"]
    sums = rows.groupby(keys, as_index=False)[["units", "units_mean"]].sum()
    week = sums["horizon_week"].astype(np.int64).to_numpy() - 1
    error = (sums["units"] - sums["units_mean"]).abs().to_numpy()
    one = np.zeros(len(sums), dtype=np.int64)
    return _ratio(week, one, error, sums["units"].abs().to_numpy())


def _series_slices(sales: pd.DataFrame, cutoff_on: date) -> pd.DataFrame:
    """SERIES, volume (tercile of the recent mean), intermittency (share of days without sales)."""
    age = (pd.Timestamp(cutoff_on) - sales["sold_on"]).dt.days
    recent = sales[age < INTERMITTENCY_DAYS]
    mean = sales[age < VOLUME_DAYS].groupby(SERIES)["units"].mean().rename("mean")
    zeros = recent["units"].eq(0).groupby([recent[key] for key in SERIES]).mean().rename("zeros")
    found = sales[SERIES].drop_duplicates().merge(mean, on=SERIES, how="left")
    found = found.merge(zeros, on=SERIES, how="left").fillna({"mean": 0.0, "zeros": 1.0})
    found = found.sort_values(["mean", *SERIES], ignore_index=True)
    third = np.arange(len(found)) * 3 // max(len(found), 1)
    return found[SERIES].assign(
        volume=np.array(["low", "middle", "high"])[third],
        intermittency=np.select(
            [found["zeros"] < 0.1, found["zeros"] < 0.5], ["regular", "intermittent"], "sparse"
        ),
    )


def _record(
    dataset: Dataset,
    method: str,
    cutoff_on: date | None,
    name: str,
    value: str,
    metric: str,
    score: float,
    observations: int,
) -> Record:
    return {
        "dataset": dataset.name,
        "method": method,
        "origin": cutoff_on and cutoff_on.isoformat(),
        "slice": name.removesuffix("_id"),
        "slice_value": value,
        "metric": metric,
        "score": float(score),
        "observations": observations,
    }
