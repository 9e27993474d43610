"""The seasonal naive forecast and its gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.forecasting.baseline import seasonal_naive


def _frame(units: list[float | None], is_open: list[bool | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cutoff_on": pd.Timestamp("2017-03-05"),
            "product_id": ["milk", "milk", "milk", "bread"],
            "store_id": "47",
            "baseline_units": units,
            "is_open": is_open,
        }
    )


def test_known_weekdays_are_passed_through() -> None:
    found = seasonal_naive(_frame([3, 0, 5, 2], [None] * 4))
    assert found.tolist() == [3, 0, 5, 2]


def test_an_unseen_weekday_gets_the_mean_of_the_others_and_an_unseen_series_zero() -> None:
    found = seasonal_naive(_frame([3, None, 5, None], [None] * 4))
    assert found.tolist() == [3, 4, 5, 0]


def test_a_closed_day_is_zero_and_decimals_are_numbers() -> None:
    frame = _frame([3, 4, 5, 2], [True, False, None, False])
    assert seasonal_naive(frame).tolist() == [3, 0, 5, 0]
    assert seasonal_naive(frame.astype({"baseline_units": object})).dtype == np.float64
