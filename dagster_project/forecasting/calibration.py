"""What past origins teach about a model: how wide its intervals are, and where it loses."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.fallback import FallbackRule, choose_fallback, falls_back
from dagster_project.forecasting.intervals import (
    IntervalTable,
    Strata,
    fit_intervals,
    quantile_frame,
)
from dagster_project.forecasting.metrics import Numbers


@dataclass(frozen=True)
class CalibrationRules:
    """How errors are pooled and when a series falls back."""

    strata: Strata = field(default_factory=Strata)
    fallback: FallbackRule = field(default_factory=FallbackRule)


@dataclass(frozen=True)
class Calibration:
    """Interval tables of the model and of the baseline, and the series that fall back.

    Attributes:
        model_intervals: errors as ratios to the model's forecast.
        baseline_intervals: errors of the baseline in units of the series' scale.
        fallback_series: sorted (product_id, store_id) pairs.
    """

    model_intervals: IntervalTable
    baseline_intervals: IntervalTable
    fallback_series: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Published:
    """A forecast with its quantiles, row by row.

    Attributes:
        units: expected units, shape (n,).
        quantiles: columns units_p025 to units_p975, n rows.
        is_fallback: True where the baseline is what is published.
    """

    units: Numbers
    quantiles: pd.DataFrame
    is_fallback: npt.NDArray[np.bool_]


def calibrate(past: pd.DataFrame, rules: CalibrationRules) -> Calibration:
    """Learn intervals and fallbacks from rows of past origins.

    Args:
        past: rows with `units` (null is skipped), `model_units`, `baseline_units`, `scale`,
            `horizon_days`, `product_id`, `store_id`, `is_closed`.
        rules: how to pool, when to fall back.

    Raises:
        NoErrors: no row has a known actual.
    """
    actual, horizon = _numbers(past, "units"), past["horizon_days"].to_numpy(dtype=np.int64)
    tables = {
        method: fit_intervals(
            actual,
            _numbers(past, f"{method}_units"),
            spread_of(past, method),
            horizon,
            rules.strata,
        )
        for method in ("model", "baseline")
    }
    return Calibration(tables["model"], tables["baseline"], choose_fallback(past, rules.fallback))


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


def _numbers(rows: pd.DataFrame, name: str) -> Numbers:
    return rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
