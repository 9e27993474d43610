"""Which series the baseline serves better."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.forecasting.fallback import FallbackRule, choose_fallback, falls_back

RULE = FallbackRule(margin=0.1, min_observations=10)


def _past(model_error: float, baseline_error: float, days: int, product: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "product_id": product,
            "store_id": "47",
            "target_on": pd.date_range("2017-03-06", periods=days),
            "units": np.full(days, 5.0),
            "model_units": 5.0 + model_error,
            "baseline_units": 5.0 - baseline_error,
        }
    )


def test_a_series_falls_back_where_the_baseline_is_better_by_the_margin() -> None:
    past = pd.concat(
        [
            _past(2, 1, 10, "clearly better"),
            _past(1, 0.99, 10, "better by a hair"),
            _past(1, 2, 10, "worse"),
            _past(0, 0, 10, "both perfect"),
            _past(2, 1, 9, "too few days"),
        ]
    )
    assert choose_fallback(past, RULE) == (("clearly better", "47"),)


def test_a_day_that_several_origins_forecast_counts_once() -> None:
    past = pd.concat([_past(2, 1, 9, "milk")] * 4)
    assert choose_fallback(past, RULE) == ()
    assert choose_fallback(pd.concat([past, _past(2, 1, 10, "milk")]), RULE) == (("milk", "47"),)


def test_days_without_an_actual_do_not_count() -> None:
    past = _past(2, 1, 12, "milk")
    past.loc[past.index[:3], "units"] = np.nan
    assert choose_fallback(past, RULE) == ()


def test_rows_of_the_named_series_are_marked_and_no_others() -> None:
    frame = pd.DataFrame({"product_id": ["milk", "milk", "bread"], "store_id": ["1", "2", "1"]})
    assert falls_back(frame, (("milk", "1"), ("bread", "9"))).tolist() == [True, False, False]
    typed = frame.astype("category")
    assert falls_back(typed, (("milk", "1"),)).tolist() == [True, False, False]
    assert falls_back(frame, ()).tolist() == [False, False, False]
