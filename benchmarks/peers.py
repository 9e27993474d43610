"""The libraries users would pick instead: as documented, and with our loss and like features.

Runs in an environment of its own (requirements/benchmarks.txt), since they need an older pandas:
`python -m benchmarks.peers PROBLEM_FOLDER METHOD ANSWER_FOLDER`. One thread everywhere.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from mlforecast import MLForecast
from mlforecast.lag_transforms import ExpandingMean, RollingMean, RollingStd, SeasonalRollingMean
from mlforecast.target_transforms import Differences
from mlforecast.utils import PredictionIntervals
from statsforecast import StatsForecast
from statsforecast.models import AutoETS, SeasonalNaive

from benchmarks.problem import QUANTILES, SERIES, Problem, forecast_table, units_by_day, weekdays

WEEK = 7
YEAR = 364
ETS_DAYS = 364
"""Days of history AutoETS is given: its time grows with them, and more did not help on M5."""

WINDOWS = 2
"""Windows that mlforecast's conformal intervals are made from, the fewest it takes."""
SPARE_DAYS = 10 * WEEK
"""Days before those windows that every series needs for the lags and differences."""

LEVELS = [80, 95]
STATIC = ["product", "store", "category", "department", "region"]
DEFAULT_SEED = 0

Forecaster = Callable[[Problem], tuple[pd.DataFrame, float]]


def auto_ets(problem: Problem) -> tuple[pd.DataFrame, float]:
    """AutoETS of statsforecast with a weekly season; closed days repeat their weekday before."""
    started = _cpu_seconds()
    units = _closed_days_filled(units_by_day(problem).iloc[-ETS_DAYS:])
    forecaster = StatsForecast(
        models=[AutoETS(season_length=WEEK)],
        freq="D",
        n_jobs=1,
        fallback_model=SeasonalNaive(season_length=WEEK),
    )
    rows = forecaster.forecast(df=_long(problem, units), h=problem.horizon_days, level=LEVELS)
    return _answer(problem, rows, "AutoETS"), _cpu_seconds() - started


def mlforecast_documented(problem: Problem) -> tuple[pd.DataFrame, float]:
    """The set-up of mlforecast's end-to-end walkthrough, with a season of 7 days for its 24 hours.

    LightGBM's defaults; what is known ahead is given. Where its guides left a choice, the better
    one was taken: its README's differences of one day have WRMSSE 1.092 on M5, this has 0.768;
    zeros on closed days, as its guide to missing dates fills them, RMSPE 0.337 on Rossmann, the
    weekday before 0.280.
    """

    def build() -> MLForecast:
        return MLForecast(
            models={"model": LGBMRegressor(random_state=DEFAULT_SEED, verbosity=-1, n_jobs=1)},
            freq="D",
            lags=[1, WEEK],
            lag_transforms={1: [ExpandingMean()], WEEK: [RollingMean(window_size=2 * WEEK)]},
            date_features=["dayofweek"],
            target_transforms=[Differences([WEEK])],
            num_threads=1,
        )

    units = _closed_days_filled(units_by_day(problem))
    return _mlforecast(problem, units, build, _known(problem))


def mlforecast_our_loss(problem: Problem) -> tuple[pd.DataFrame, float]:
    """The set's declared loss and features like ours: lags, rolling and weekday means, calendar.

    Closed days repeat their weekday before, so that neither lags nor target hold false zeros. The
    boosting parameters are those that the product's first design was measured with.
    """
    units = _closed_days_filled(units_by_day(problem))
    has_years = len(units) > 2 * YEAR

    def build() -> MLForecast:
        return MLForecast(
            models={"model": _with_loss(problem.objective)},
            freq="D",
            lags=[1, 2, 3, 7, 14, 21, 28, 35, 42, *([YEAR] if has_years else [])],
            lag_transforms={
                1: [RollingMean(window, min_samples=1) for window in (7, 14, 28, 56, 140)]
                + [RollingStd(28, min_samples=2)],
                7: [SeasonalRollingMean(WEEK, window, min_samples=1) for window in (4, 8, 20)],
                **({YEAR - 3: [RollingMean(7)], YEAR - 14: [RollingMean(28)]} if has_years else {}),
            },
            date_features=["dayofweek", "day", "month", "week"],
            num_threads=1,
        )

    return _mlforecast(problem, units, build, _with_neighbours(problem, _known(problem)))


def _with_loss(objective: dict[str, Any]) -> LGBMRegressor:
    return LGBMRegressor(
        **objective,
        n_estimators=300,
        learning_rate=0.05,
        num_leaves=31,
        min_child_samples=50,
        colsample_bytree=0.6,
        subsample=0.7,
        subsample_freq=1,
        reg_lambda=1.0,
        max_bin=127,
        random_state=DEFAULT_SEED,
        verbosity=-1,
        n_jobs=1,
    )


METHODS: dict[str, Forecaster] = {
    "auto_ets": auto_ets,
    "mlforecast_documented": mlforecast_documented,
    "mlforecast_our_loss": mlforecast_our_loss,
}


def _mlforecast(
    problem: Problem, units: pd.DataFrame, build: Callable[[], MLForecast], known: pd.DataFrame
) -> tuple[pd.DataFrame, float]:
    """Fit and predict with the library's own conformal intervals, which cost two more fits.

    It takes no series that is shorter than its windows: such a one gets zeros before its first day.

    Args:
        problem: what is asked.
        units: days x series, NaN before a series began.
        build: makes the forecaster.
        known: unique_id, ds and the features that are known ahead.

    Returns:
        The answer and its CPU seconds.
    """
    started = _cpu_seconds()
    static = problem.series.rename(columns={"product_id": "product", "store_id": "store"})
    static = static.assign(unique_id=_ids(problem.series))[["unique_id", *STATIC]]
    needed = units.index[-WINDOWS * problem.horizon_days - SPARE_DAYS :]
    units = units.where(units.notna() | ~units.index.isin(needed)[:, None], 0.0)
    rows = _long(problem, units).merge(static, on="unique_id")
    rows = rows.merge(known, on=["unique_id", "ds"], how="left", validate="one_to_one")
    forecaster = build().fit(
        rows.astype(dict.fromkeys(STATIC, "category")),
        static_features=STATIC,
        prediction_intervals=PredictionIntervals(n_windows=WINDOWS, h=problem.horizon_days),
    )
    future = known[known["ds"] > pd.Timestamp(problem.cutoff_on)]
    found = forecaster.predict(problem.horizon_days, X_df=future, level=LEVELS)
    return _answer(problem, found, "model"), _cpu_seconds() - started


def _known(problem: Problem) -> pd.DataFrame:
    """What is known ahead: the event as a category, open or not, the exogenous columns."""
    known = problem.known_ahead
    return pd.DataFrame(
        {
            "unique_id": _ids(known),
            "ds": known["day_on"],
            "event": known["event"].astype("category"),
            "is_open": known["is_open"].astype(np.int8),
            **{name: known[name] for name in problem.exogenous},
        }
    ).sort_values(["unique_id", "ds"], ignore_index=True)


def _with_neighbours(problem: Problem, known: pd.DataFrame) -> pd.DataFrame:
    """Events, openings and exogenous columns also of the day before and the day after."""
    ids = known["unique_id"]
    columns: dict[str, pd.Series] = {}
    for name in ("event", "is_open", *problem.exogenous):
        values = known[name].cat.codes if name == "event" else known[name]
        by_series = values.groupby(ids, sort=False)
        columns[f"{name}_before"] = by_series.shift(1).fillna(0)
        columns[f"{name}_after"] = by_series.shift(-1).fillna(0)
    day = ids.groupby(ids, sort=False).cumcount().astype(np.float64)
    nearest = day.where(known["event"] != "none").groupby(ids, sort=False)
    columns["days_since_event"] = (day - nearest.ffill()).clip(upper=30).fillna(30)
    columns["days_to_event"] = (nearest.bfill() - day).clip(upper=30).fillna(30)
    return known.assign(**columns)


def _closed_days_filled(units: pd.DataFrame) -> pd.DataFrame:
    """Closed days repeat the weekday before, or 0 where it was never open; before the start NaN."""
    filled = units.groupby(weekdays(units)).ffill()
    return filled.fillna(0.0).where(units.notna().cummax())


def _ids(rows: pd.DataFrame) -> pd.Series:
    return rows["product_id"] + "|" + rows["store_id"]


def _long(problem: Problem, units: pd.DataFrame) -> pd.DataFrame:
    """unique_id, ds, y from a table of units; days before a series began are left out."""
    table = units.set_axis(_ids(problem.series), axis=1).rename_axis("ds").reset_index()
    rows = table.melt("ds", var_name="unique_id", value_name="y").dropna(subset=["y"])
    return rows.sort_values(["unique_id", "ds"], ignore_index=True)


def _answer(problem: Problem, rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """The library's columns as rows of FORECAST."""
    columns = dict(
        zip(
            QUANTILES,
            [f"{model}-lo-95", f"{model}-lo-80", model, f"{model}-hi-80", f"{model}-hi-95"],
            strict=True,
        )
    )
    ordered = problem.series[SERIES].assign(unique_id=_ids(problem.series))
    ordered = ordered.merge(pd.DataFrame({"ds": problem.target_days}), "cross")
    found = ordered.merge(rows, on=["unique_id", "ds"], how="left", validate="one_to_one")
    shape = (len(problem.series), problem.horizon_days)
    quantiles = np.stack([found[name].to_numpy().reshape(shape) for name in columns.values()], 2)
    return forecast_table(problem, found[model].to_numpy().reshape(shape), quantiles)


def _cpu_seconds() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def main(problem_folder: Path, method: str, answer_folder: Path) -> None:
    """Answer one problem with one method: forecast.parquet and cpu_seconds.json."""
    forecast, seconds = METHODS[method](Problem.load(problem_folder))
    answer_folder.mkdir(parents=True, exist_ok=True)
    forecast.to_parquet(answer_folder / "forecast.parquet", index=False)
    (answer_folder / "cpu_seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
