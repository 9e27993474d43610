"""Which series a simpler rung serves better."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.forecasting.fallback import FallbackRule, choose_fallbacks, methods_of

RULE = FallbackRule(margin=0.1, min_observations=10)


def _past(
    model: float, seasonal_naive: float, days: int, product: str, *, average: float = 9
) -> pd.DataFrame:
    """Days of a series by the error of each method; naive is always off by 9."""
    return pd.DataFrame(
        {
            "product_id": product,
            "store_id": "47",
            "target_on": pd.date_range("2017-03-06", periods=days),
            "units": np.full(days, 5.0),
            "model_units": 5.0 + model,
            "weekday_average_units": 5.0 + average,
            "seasonal_naive_units": 5.0 - seasonal_naive,
            "naive_units": 14.0,
        }
    )


def test_a_series_falls_back_to_the_best_rung_that_is_better_by_the_margin() -> None:
    past = pd.concat(
        [
            _past(2, 1, 10, "clearly better"),
            _past(2, 1, 10, "two are better", average=0.5),
            _past(2, 1, 10, "two are the same", average=-1),
            _past(20, 10, 10, "even the last day is", average=10),
            _past(1, 0.99, 10, "better by a hair"),
            _past(1, 2, 10, "worse"),
            _past(0, 0, 10, "both perfect"),
            _past(2, 1, 9, "too few days"),
        ]
    )
    found = choose_fallbacks(past, RULE)
    assert found == {
        ("clearly better", "47"): "seasonal_naive",
        ("even the last day is", "47"): "naive",
        ("two are better", "47"): "weekday_average",
        ("two are the same", "47"): "seasonal_naive",
    }
    assert list(found) == sorted(found)


def test_a_day_that_several_origins_forecast_counts_once() -> None:
    past = pd.concat([_past(2, 1, 9, "milk")] * 4)
    assert choose_fallbacks(past, RULE) == {}
    more = pd.concat([past, _past(2, 1, 10, "milk")])
    assert choose_fallbacks(more, RULE) == {("milk", "47"): "seasonal_naive"}


def test_days_without_an_actual_do_not_count() -> None:
    past = _past(2, 1, 12, "milk")
    past.loc[past.index[:3], "units"] = np.nan
    assert choose_fallbacks(past, RULE) == {}


def test_rows_of_a_series_that_falls_back_have_its_rung_and_all_others_the_model() -> None:
    frame = pd.DataFrame({"product_id": ["milk", "milk", "bread"], "store_id": ["1", "2", "1"]})
    fallbacks = {("bread", "9"): "seasonal_naive", ("milk", "1"): "naive"}
    assert methods_of(frame, fallbacks).tolist() == ["naive", "model", "model"]
    typed = frame.astype("category")
    assert methods_of(typed, {("milk", "1"): "naive"}).tolist() == ["naive", "model", "model"]
    assert methods_of(frame, {}).tolist() == ["model"] * 3
