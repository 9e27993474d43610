"""What past origins teach: how wide intervals are, which errors come together, who loses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.fallback import FallbackRule, choose_fallback, falls_back
from dagster_project.forecasting.intervals import (
    PATHS,
    IntervalTable,
    Strata,
    fit_intervals,
    quantile_frame,
)
from dagster_project.forecasting.metrics import Numbers
from dagster_project.forecasting.paths import PastRanks, Paths, draw_paths, fit_ranks, ranks_of


@dataclass(frozen=True)
class CalibrationRules:
    """How errors are pooled and when a series falls back.

    Attributes:
        strata: how errors are pooled.
        fallback: when a series falls back.
        seed: order of errors that are the same, such as those of days without a sale.
    """

    strata: Strata = field(default_factory=Strata)
    fallback: FallbackRule = field(default_factory=FallbackRule)
    seed: int = 20171231


@dataclass(frozen=True)
class Calibration:
    """Interval tables and ranks of past errors of both methods, and the series that fall back.

    Attributes:
        model_intervals: errors as ratios to the model's forecast.
        baseline_intervals: errors of the baseline in units of the series' scale.
        model_ranks: on which past days the model's errors were large together.
        baseline_ranks: the same of the baseline's.
        fallback_series: sorted (product_id, store_id) pairs.
    """

    model_intervals: IntervalTable
    baseline_intervals: IntervalTable
    model_ranks: PastRanks
    baseline_ranks: PastRanks
    fallback_series: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Published:
    """A forecast with its quantiles, row by row.

    Attributes:
        units: expected units, shape (n,).
        quantiles: columns units_p025 to units_p975, n rows.
        is_fallback: True where the baseline is what is published.
        paths: sample paths, shape (n, PATHS), or None where nobody asked (`with_paths`).
    """

    units: Numbers
    quantiles: pd.DataFrame
    is_fallback: npt.NDArray[np.bool_]
    paths: Paths | None = None


def calibrate(past: pd.DataFrame, rules: CalibrationRules) -> Calibration:
    """Learn intervals, ranks and fallbacks from rows of past origins.

    Args:
        past: rows with `units` (null is skipped), `model_units`, `baseline_units`, `scale`,
            `horizon_days`, `product_id`, `store_id`, `target_on`, `is_closed`.
        rules: how to pool, when to fall back.

    Raises:
        NoErrors: no row has a known actual.
    """
    actual, horizon = _numbers(past, "units"), past["horizon_days"].to_numpy(dtype=np.int64)
    tables: dict[str, IntervalTable] = {}
    ranks: dict[str, PastRanks] = {}
    for method in ("model", "baseline"):
        units, spread = _numbers(past, f"{method}_units"), spread_of(past, method)
        tables[method] = fit_intervals(actual, units, spread, horizon, rules.strata)
        errors = np.full(len(past), np.nan)
        np.divide(actual - units, spread, out=errors, where=spread > 0)
        ranks[method] = fit_ranks(past, errors, seed=rules.seed)
    return Calibration(
        tables["model"],
        tables["baseline"],
        ranks["model"],
        ranks["baseline"],
        choose_fallback(past, rules.fallback),
    )


def spread_of(rows: pd.DataFrame, method: str) -> Numbers:
    """Units that the errors of "model" or "baseline" are measured in; 0 on closed days."""
    spread = _numbers(rows, "model_units" if method == "model" else "scale")
    return np.where(rows["is_closed"].to_numpy(dtype=np.bool_), 0.0, spread)


def with_intervals(rows: pd.DataFrame, method: str, calibration: Calibration) -> Published:
    """Quantiles for one method on its own: "model" or "baseline"."""
    table = calibration.model_intervals if method == "model" else calibration.baseline_intervals
    units = _numbers(rows, f"{method}_units")
    horizon = rows["horizon_days"].to_numpy(dtype=np.int64)
    quantiles = quantile_frame(table, units, spread_of(rows, method), horizon)
    return Published(units, quantiles, np.full(len(rows), method == "baseline"))


def with_fallback(rows: pd.DataFrame, calibration: Calibration) -> Published:
    """The model's forecast, and the baseline's for the series that fall back."""
    model = with_intervals(rows, "model", calibration)
    baseline = with_intervals(rows, "baseline", calibration)
    chosen = falls_back(rows, calibration.fallback_series)
    quantiles = model.quantiles.copy()
    quantiles[chosen] = baseline.quantiles[chosen]
    return Published(np.where(chosen, baseline.units, model.units), quantiles, chosen)


def with_paths(rows: pd.DataFrame, published: Published, calibration: Calibration) -> Published:
    """The same forecast with its sample paths, one row of paths for each of its rows.

    Args:
        rows: what the forecast was made from, also `product_id`, `store_id` and `category`.
        published: from `with_fallback` or `with_intervals`.
        calibration: what it was made with.
    """
    paths = np.empty((len(rows), PATHS), dtype=np.float32)
    for method, table, ranks, chosen in (
        ("model", calibration.model_intervals, calibration.model_ranks, ~published.is_fallback),
        (
            "baseline",
            calibration.baseline_intervals,
            calibration.baseline_ranks,
            published.is_fallback,
        ),
    ):
        if chosen.any():
            part = rows[chosen]
            paths[chosen] = draw_paths(
                table,
                published.units[chosen],
                spread_of(part, method),
                part["horizon_days"].to_numpy(dtype=np.int64),
                ranks_of(ranks, part),
            )
    return replace(published, paths=paths)


def _numbers(rows: pd.DataFrame, name: str) -> Numbers:
    return rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
