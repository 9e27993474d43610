"""The long table of backtest scores: method x cutoff x slice x metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from dagster_project.forecasting.calibration import Published
from dagster_project.forecasting.frames import SERIES
from dagster_project.forecasting.intervals import QUANTILES
from dagster_project.forecasting.metrics import (
    Codes,
    Numbers,
    bias,
    coverage,
    exceedance,
    pinball,
    pit_bounds,
    pit_coverage,
    relative_width,
    rmsse,
    series_without_scale,
    wape,
    wape_of_totals,
)
from dagster_project.forecasting.paths import Paths, central_interval, sum_paths
from dagster_project.forecasting.rungs import MODEL, SEASONAL_NAIVE, units_column

COLUMNS = ["method", "cutoff_on", "slice", "slice_value", "metric", "score", "observations"]
IDENTITY = ["method", "slice", "slice_value", "metric"]
VOLUMES = ["low", "middle", "high"]
AGED = {"model": MODEL, "baseline": SEASONAL_NAIVE}
"""Methods that are scored by the model's age, and their rungs."""

TOTALS = {
    "category_totals": ["category", "target_on"],
    "store_totals": ["store_id", "target_on"],
    "overall_totals": ["target_on"],
    "category_horizon_totals": ["category"],
    "store_horizon_totals": ["store_id"],
    "overall_horizon_totals": ["cutoff_on"],
}
"""Kinds of totals whose intervals are scored: of a day, and of the whole horizon."""


def score_cutoff(rows: pd.DataFrame, methods: Mapping[str, Published]) -> pd.DataFrame:
    """Score every method at one cutoff, overall and by slice.

    Args:
        rows: rows of one cutoff with `units`, `rmsse_scale`, `scale`, `horizon_days`, `category`
            and KEYS; rows with null units are not scored.
        methods: name -> forecast and quantiles, aligned with `rows`.

    Returns:
        COLUMNS. `observations` is the number of series days scored. Metrics: wape,
        wape_category_totals, rmsse, bias, pinball (mean of the five quantiles, in units), zeros
        (share of days without a sale), of both intervals coverage and width (per unit sold), and
        exceedance_90 and exceedance_975 (share of days above the upper bounds, best at 0.1 and
        0.025). For a method with sample paths also pit_80 and pit_95 (`metrics.pit_coverage`).
        Overall: series_without_scale and, with sample paths, coverage and width of the intervals
        of totals (`_total_scores`). An undefined score is NaN.
    """
    known = rows["units"].notna().to_numpy()
    scored = rows[known].reset_index(drop=True)
    series = _codes(scored, SERIES)
    totals = _codes(scored, ["category", "target_on"])
    sums = {name: _codes(scored, columns) for name, columns in TOTALS.items()}
    actual = scored["units"].to_numpy(dtype=np.float64)
    scale = scored["rmsse_scale"].to_numpy(dtype=np.float64, na_value=np.nan)
    slices = slices_of(scored)
    records: list[tuple[str, str, str, str, float, int]] = []
    for method, published in methods.items():
        units = published.units[known]
        quantiles = published.quantiles[known].reset_index(drop=True)
        paths = None if published.paths is None else published.paths[known]
        pit = None if paths is None else pit_bounds(actual, paths)
        for name, values in slices.items():
            for value, chosen in values.groupby(values).indices.items():
                found = {
                    **_point_scores(
                        actual[chosen], units[chosen], scale[chosen], series[chosen], totals[chosen]
                    ),
                    **_interval_scores(actual[chosen], quantiles.iloc[chosen]),
                }
                if pit is not None:
                    below, above = pit[0][chosen], pit[1][chosen]
                    found["pit_80"] = pit_coverage(below, above, 0.8)
                    found["pit_95"] = pit_coverage(below, above, 0.95)
                if name == "overall":
                    found["series_without_scale"] = series_without_scale(scale, series)
                    if paths is not None:
                        found |= _total_scores(actual, paths, sums)
                records += [
                    (method, name, str(value), metric, score, len(chosen))
                    for metric, score in found.items()
                ]
    table = pd.DataFrame(records, columns=[*IDENTITY, "score", "observations"])
    return table.assign(cutoff_on=rows["cutoff_on"].iloc[0])[COLUMNS]


def score_age(rows: pd.DataFrame, *, fitted_on: Sequence[date]) -> pd.DataFrame:
    """Score origins by how old their model was: what staleness costs.

    Other origins are other weeks, so the baseline is scored beside the model: where both lose, the
    weeks were hard. An origin whose horizon has not ended is left out, its days would be the near
    ones.

    Args:
        rows: rows of origins as in `score_cutoff`, with the units of each rung.
        fitted_on: cutoffs at which a model was fitted; each forecasts until the next.

    Returns:
        COLUMNS: rmsse of the slice `model_age`, whose value is whole weeks since the fit.
    """
    horizon_days = rows["horizon_days"].max()
    records = []
    for cutoff_on in sorted(pd.to_datetime(rows["cutoff_on"].unique())):
        origin = rows[rows["cutoff_on"] == cutoff_on]
        if origin["horizon_days"].max() < horizon_days:
            continue
        day = cutoff_on.date()
        age = min((day - fitted).days for fitted in fitted_on if fitted <= day)
        known = origin[origin["units"].notna()]
        actual, scale, *units = (
            known[name].to_numpy(dtype=np.float64, na_value=np.nan)
            for name in ["units", "rmsse_scale", *(units_column(rung) for rung in AGED.values())]
        )
        for method, forecast in zip(AGED, units, strict=True):
            score = rmsse(actual, forecast, scale, _codes(known, SERIES))
            records.append(
                (method, cutoff_on, "model_age", str(age // 7), "rmsse", score, len(known))
            )
    return pd.DataFrame(records, columns=COLUMNS)


def pool(scores: pd.DataFrame) -> pd.DataFrame:
    """Append, with a null cutoff, the mean of each score over its cutoffs.

    Every origin counts the same; `observations` is their sum. NaN scores are left out of the mean.
    """
    means = scores.groupby(IDENTITY, sort=True, as_index=False).agg(
        score=("score", "mean"), observations=("observations", "sum")
    )
    means["cutoff_on"] = pd.Series(pd.NaT, index=means.index, dtype=scores["cutoff_on"].dtype)
    return pd.concat([scores, means[COLUMNS]], ignore_index=True)


def slices_of(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Slice name -> the value of each row, as text."""
    weeks = (rows["horizon_days"].astype(np.int64) - 1) // 7 + 1
    return {
        "overall": pd.Series("all", index=rows.index),
        "horizon_week": weeks.astype(str),
        "store": rows["store_id"].astype(str),
        "category": rows["category"].astype(object).where(rows["category"].notna(), "none"),
        "volume": _volume(rows),
    }


def _volume(rows: pd.DataFrame) -> pd.Series:
    """Tercile of the row's series by recent mean, ties by key so that it is always the same."""
    series = rows.drop_duplicates(SERIES)[[*SERIES, "scale"]].sort_values(["scale", *SERIES])
    labels = [VOLUMES[position * 3 // len(series)] for position in range(len(series))]
    merged = rows[SERIES].merge(series.assign(volume=labels), on=SERIES, how="left")
    return merged["volume"].set_axis(rows.index)


def _point_scores(
    actual: Numbers, units: Numbers, scale: Numbers, series: Codes, totals: Codes
) -> dict[str, float]:
    return {
        "wape": wape(actual, units),
        "wape_category_totals": wape_of_totals(actual, units, totals),
        "rmsse": rmsse(actual, units, scale, series),
        "bias": bias(actual, units),
    }


def _interval_scores(actual: Numbers, quantiles: pd.DataFrame) -> dict[str, float]:
    column = {name: quantiles[name].to_numpy(dtype=np.float64) for name in QUANTILES}
    losses = [pinball(actual, column[name], level) for name, level in QUANTILES.items()]
    scores = {"pinball": float(np.mean(losses)), "zeros": float((actual == 0).mean())}
    for percent, low, high in (("80", "p10", "p90"), ("95", "p025", "p975")):
        lower, upper = column[f"units_{low}"], column[f"units_{high}"]
        scores[f"coverage_{percent}"] = coverage(actual, lower, upper)
        scores[f"width_{percent}"] = relative_width(actual, lower, upper)
        scores[high.replace("p", "exceedance_")] = exceedance(actual, upper)
    return scores


def _total_scores(actual: Numbers, paths: Paths, sums: Mapping[str, Codes]) -> dict[str, float]:
    """Share of totals that their interval covers, and its width per unit sold.

    Args:
        actual: units sold, shape (n,).
        paths: shape (n, PATHS).
        sums: name of a kind of totals -> code of the total that each row belongs to.
    """
    scores: dict[str, float] = {}
    for name, total in sums.items():
        actuals = np.bincount(total, weights=actual).astype(np.float64)
        summed = sum_paths(paths, total)
        for percent in (80, 95):
            lower, upper = central_interval(summed, percent / 100)
            scores[f"coverage_{percent}_{name}"] = coverage(actuals, lower, upper)
            scores[f"width_{percent}_{name}"] = relative_width(actuals, lower, upper)
    return scores


def _codes(rows: pd.DataFrame, columns: list[str]) -> Codes:
    """0, 1, … for each combination of the columns."""
    codes = rows.groupby(columns, dropna=False, observed=True).ngroup()
    return codes.to_numpy().astype(np.int64)
