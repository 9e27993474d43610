"""Our own forecasts, through the product's own code: landing, dbt build, backtest, scoring."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from benchmarks.datasets import Dataset
from benchmarks.landing import LANDINGS
from benchmarks.problem import FORECAST, QUANTILES, SERIES
from dagster_project.assets.dbt import dbt_build
from dagster_project.assets.frames import WarehouseHistory, read_frame
from dagster_project.demo import write_landing
from dagster_project.forecasting.backtest import PIT, BacktestPlan, rolling_origin_backtest
from dagster_project.forecasting.forecast import ForecastModel, forecast
from dagster_project.forecasting.model import fit
from dagster_project.landing import register_landed
from dagster_project.parameters import Parameters
from dagster_project.pipeline import run_lock
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse

NEXT_COLUMNS = ["store_id", "product_id", "target_on", "units_mean", *QUANTILES]


@dataclass(frozen=True)
class Ours:
    """What the product made of a set.

    Attributes:
        forecasts: cutoff -> rows of FORECAST and PIT.
        next_days: NEXT_COLUMNS for the days after the last of the data, sorted.
        cpu_seconds: per reported origin: the backtest, its calibrating origins included.
        next_wall_seconds: wall time of one training on everything and the scoring after it.
    """

    forecasts: dict[date, pd.DataFrame]
    next_days: pd.DataFrame
    cpu_seconds: float
    next_wall_seconds: float


def build_home(settings: Settings, name: str, dataset: Dataset | None) -> float:
    """Land a set's files and build everything in dbt, as `meshcast land` and `dbt build` do.

    The warehouse is made anew, so that its CPU seconds are those of a whole build.

    Args:
        settings: the home to build.
        name: demo, or a source of the same name that the dbt project declares.
        dataset: the set as it was read; None for the demo, which the product lands itself.

    Returns:
        CPU seconds of the build, children included.

    Raises:
        DeclarationError: the dbt project does not declare the source.
        RuntimeError: the home has published, so its warehouse is not ours to remove; or dbt
            failed, with its own words.
    """
    if settings.published.exists():
        raise RuntimeError(
            f"{settings.home}: expected a home of the benchmarks, whose warehouse is made anew, "
            "found one with publications. Name another folder with --home."
        )
    if dataset is None:
        write_landing(settings.landing)
    else:
        assert dataset.folder is not None
        LANDINGS[name](settings.landing, dataset.folder)
    started = cpu_seconds()
    with run_lock(settings, "benchmarks"):
        if settings.warehouse_file.parent.exists():
            shutil.rmtree(settings.warehouse_file.parent)
        with warehouse(settings) as connection:
            register_landed(settings, connection, seen_at=datetime.now(UTC))
        dbt_build(settings)
    return cpu_seconds() - started


def forecast_ours(settings: Settings, dataset: Dataset, parameters: Parameters) -> Ours:
    """Backtest on the set's origins, then forecast the days after the data.

    Two more origins before the first are used to learn intervals from, as in every backtest of the
    product.

    Args:
        settings: a home that `build_home` has built.
        dataset: the set, which names the origins.
        parameters: how to fit.
    """
    plan = BacktestPlan(reported_cutoffs=len(dataset.cutoffs))
    cutoffs = (*_earlier(dataset, plan.calibration_cutoffs), *dataset.cutoffs)
    last_day = dataset.last_day
    with warehouse(settings) as connection:
        started = cpu_seconds()
        history = WarehouseHistory(
            connection,
            known_through_on=last_day,
            max_rows=parameters.max_training_rows,
            seed=parameters.seed,
        )
        backtest = rolling_origin_backtest(
            history, cutoffs, known_through_on=last_day, parameters=parameters, plan=plan
        )
        seconds = (cpu_seconds() - started) / len(dataset.cutoffs)
        started = time.monotonic()
        model = ForecastModel(
            trained_through_on=last_day,
            demand=fit(history.training_rows(last_day), parameters),
            calibration=backtest.calibration,
        )
        ahead = forecast(model, read_frame(connection, last_day))
    rows = backtest.forecasts
    return Ours(
        forecasts={
            cutoff: rows.loc[rows["cutoff_on"] == pd.Timestamp(cutoff), [*FORECAST, *PIT]]
            for cutoff in dataset.cutoffs
        },
        next_days=next_days(ahead),
        cpu_seconds=seconds,
        next_wall_seconds=time.monotonic() - started,
    )


def next_days(ahead: pd.DataFrame) -> pd.DataFrame:
    """NEXT_COLUMNS of the product's forecast rows, sorted by store, product and day."""
    rows = ahead[NEXT_COLUMNS].assign(target_on=pd.to_datetime(ahead["target_on"]).dt.date)
    return rows.sort_values([*SERIES[::-1], "target_on"], ignore_index=True)


def cpu_seconds() -> float:
    """CPU seconds of this process, all threads, and of its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _earlier(dataset: Dataset, origins: int) -> tuple[date, ...]:
    """Origins before the first, a horizon of whole weeks apart."""
    step = timedelta(weeks=-(-dataset.horizon_days // 7))
    return tuple(dataset.cutoffs[0] - step * back for back in range(origins, 0, -1))
