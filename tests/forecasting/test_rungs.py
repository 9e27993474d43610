"""The rungs below the model, and their gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.rungs import BELOW_MODEL, RUNGS, SEASONAL_NAIVE, rung_units

RUNG = pytest.mark.parametrize("rung", BELOW_MODEL)


def _frame(rung: str, units: list[float | None], is_open: list[bool | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cutoff_on": pd.Timestamp("2017-03-05"),
            "product_id": ["milk", "milk", "milk", "bread"],
            "store_id": "47",
            BELOW_MODEL[rung]: units,
            "is_open": is_open,
        }
    )


def test_the_ladder_ends_with_the_model() -> None:
    assert (*BELOW_MODEL, "model") == RUNGS


@RUNG
def test_known_days_are_passed_through(rung: str) -> None:
    found = rung_units(_frame(rung, [3, 0, 5, 2], [None] * 4), rung)
    assert found.tolist() == [3, 0, 5, 2]


@RUNG
def test_an_unseen_weekday_gets_the_mean_of_the_others_and_an_unseen_series_zero(
    rung: str,
) -> None:
    found = rung_units(_frame(rung, [3, None, 5, None], [None] * 4), rung)
    assert found.tolist() == [3, 4, 5, 0]


@RUNG
def test_a_closed_day_is_zero(rung: str) -> None:
    frame = _frame(rung, [3, 4, 5, 2], [True, False, None, False])
    assert rung_units(frame, rung).tolist() == [3, 0, 5, 0]


def test_decimals_are_numbers() -> None:
    frame = _frame(SEASONAL_NAIVE, [3, 4, 5, 2], [None] * 4)
    found = rung_units(frame.astype({"baseline_units": object}), SEASONAL_NAIVE)
    assert found.dtype == np.float64
