"""The forecasts that need no library: naive, seasonal naive and the weekday's moving average.

Intervals are the textbook's: normal, with the standard deviation of the method's own errors in the
history (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 5.5).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.problem import QUANTILES, Problem, forecast_table, units_by_day, weekdays

WEEKS_AVERAGED = 8

NORMAL = np.array([-1.959964, -1.281552, 0.0, 1.281552, 1.959964])
"""Quantiles of the standard normal distribution at the levels of QUANTILES."""

Numbers = npt.NDArray[np.float64]


def naive(problem: Problem) -> pd.DataFrame:
    """The last known day for every day ahead; sigma_h = sigma sqrt(h)."""
    units = units_by_day(problem)
    last = units.ffill().iloc[-1].fillna(0.0).to_numpy()
    steps = units.ffill().diff().where(units.notna())
    sigma = _root_mean_square(steps)
    ahead = np.arange(1, problem.horizon_days + 1)
    mean = np.repeat(last[:, None], problem.horizon_days, axis=1)
    return _normal(problem, mean, sigma[:, None] * np.sqrt(ahead))


def seasonal_naive(problem: Problem) -> pd.DataFrame:
    """The last open day of the same weekday; sigma_h = sigma sqrt(k), k the weeks ahead."""
    units = units_by_day(problem)
    weekday = weekdays(units)
    last_week = np.vstack([_last(units[weekday == day]) for day in range(7)])
    errors = pd.concat(
        [units[weekday == day].ffill().diff().where(units.notna()) for day in range(7)]
    )
    weeks = (np.arange(problem.horizon_days) // 7) + 1
    mean = _or_level(last_week[problem.target_days.day_of_week].T, units)
    return _normal(problem, mean, _root_mean_square(errors)[:, None] * np.sqrt(weeks))


def weekday_moving_average(problem: Problem) -> pd.DataFrame:
    """Mean of the same weekday in the last eight weeks; sigma sqrt(1 + 1 / 8)."""
    units = units_by_day(problem).iloc[-7 * WEEKS_AVERAGED :]
    weekday = weekdays(units)
    means = np.vstack([_mean(units[weekday == day]) for day in range(7)])
    errors = units - means[weekday]
    sigma = _root_mean_square(errors) * np.sqrt(1 + 1 / WEEKS_AVERAGED)
    mean = _or_level(means[problem.target_days.day_of_week].T, units)
    return _normal(problem, mean, np.repeat(sigma[:, None], problem.horizon_days, axis=1))


METHODS = {
    "naive": naive,
    "seasonal_naive": seasonal_naive,
    "weekday_moving_average": weekday_moving_average,
}


def _normal(problem: Problem, mean: Numbers, sigma: Numbers) -> pd.DataFrame:
    assert len(NORMAL) == len(QUANTILES)
    return forecast_table(problem, mean, mean[:, :, None] + sigma[:, :, None] * NORMAL)


def _root_mean_square(errors: pd.DataFrame) -> Numbers:
    return np.asarray(np.sqrt((errors**2).mean()).fillna(0.0), dtype=np.float64)


def _last(units: pd.DataFrame) -> Numbers:
    if units.empty:
        return np.full(units.shape[1], np.nan)
    return units.ffill().iloc[-1].to_numpy()


def _mean(units: pd.DataFrame) -> Numbers:
    return units.mean().to_numpy()


def _or_level(mean: Numbers, units: pd.DataFrame) -> Numbers:
    """A weekday that was never open gets the mean of the others, a series without sales 0."""
    level = units.mean().fillna(0.0).to_numpy()
    return np.where(np.isnan(mean), level[:, None], mean)
