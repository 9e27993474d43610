"""One invented history for all tests of forecasting; tests copy what they change."""

from __future__ import annotations

import pytest

from dagster_project.forecasting.backtest import (
    Backtest,
    BacktestPlan,
    backtest_cutoffs,
    rolling_origin_backtest,
)
from dagster_project.forecasting.forecast import ForecastModel
from dagster_project.forecasting.model import fit
from tests.forecasting.invented_frames import (
    HORIZON_DAYS,
    QUICK,
    InventedHistory,
    invented_history,
)


@pytest.fixture(scope="session")
def history() -> InventedHistory:
    return invented_history()


@pytest.fixture(scope="session")
def backtest(history: InventedHistory) -> Backtest:
    plan = BacktestPlan()
    cutoffs = backtest_cutoffs(
        history.cutoffs,
        known_through_on=history.known_through_on,
        horizon_days=HORIZON_DAYS,
        cutoff_weekday=6,
        plan=plan,
    )
    return rolling_origin_backtest(
        history,
        cutoffs,
        known_through_on=history.known_through_on,
        parameters=QUICK,
        plan=plan,
    )


@pytest.fixture(scope="session")
def model(history: InventedHistory, backtest: Backtest) -> ForecastModel:
    last = history.known_through_on
    return ForecastModel(last, fit(history.training_rows(last), QUICK), backtest.calibration)
