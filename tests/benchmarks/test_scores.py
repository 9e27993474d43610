"""Scores are complete, and the weekly parts add up to the scores that are shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.naive import seasonal_naive
from benchmarks.problem import SERIES
from benchmarks.scores import (
    Incomplete,
    mean_records,
    measured,
    rows_to_score,
    score_origin,
    slices_to_score,
    with_forecast,
)
from tests.benchmarks.invented_set import CUTOFFS, invented_set


def scored_rows() -> pd.DataFrame:
    dataset = invented_set()
    forecast = seasonal_naive(dataset.problem(CUTOFFS[0]))
    return with_forecast(rows_to_score(dataset, CUTOFFS[0]), forecast, "seasonal_naive")


def test_every_open_day_of_every_series_is_scored_once() -> None:
    rows = scored_rows()
    assert len(rows) == 4 * 24  # 28 days less four Sundays
    assert not rows.duplicated([*SERIES, "target_on"]).any()
    assert rows["target_on"].min() == pd.Timestamp("2015-04-27")
    assert set(rows["horizon_week"]) == {"1", "2", "3", "4"}


def test_a_method_that_leaves_a_series_out_is_refused() -> None:
    dataset = invented_set()
    rows = rows_to_score(dataset, CUTOFFS[0])
    forecast = seasonal_naive(dataset.problem(CUTOFFS[0]))
    without = forecast[forecast["product_id"] != "soap"]
    with pytest.raises(Incomplete, match=r"mine: .* null for 48, first \['soap', 's1'"):
        with_forecast(rows, without, "mine")
    with pytest.raises(Incomplete, match=r"found two of \['bread', 's1'"):
        with_forecast(rows, pd.concat([forecast, forecast.head(1)]), "mine")


def test_a_null_forecast_is_refused() -> None:
    dataset = invented_set()
    forecast = seasonal_naive(dataset.problem(CUTOFFS[0]))
    forecast.loc[forecast["store_id"] == "s2", "units_p90"] = np.nan
    with pytest.raises(Incomplete, match="for 48"):
        with_forecast(rows_to_score(dataset, CUTOFFS[0]), forecast, "mine")


def test_the_weekly_parts_give_the_overall_scores() -> None:
    dataset, rows = invented_set(), scored_rows()
    records = score_origin(rows, dataset, "seasonal_naive", CUTOFFS[0])
    overall = {one["metric"]: one["score"] for one in records if one["slice"] == "overall"}
    parts = measured(rows, dataset, CUTOFFS[0])
    shared = set(overall) & set(parts)
    assert {"wape", "bias", "rmsse", "scaled_pinball", "coverage_80", "coverage_95"} <= shared
    for metric in shared:
        whole = parts[metric].scores(np.ones((1, parts[metric].parts.shape[0]))).item()
        assert whole == pytest.approx(overall[metric]), metric


def test_a_slice_is_scored_on_its_own_rows() -> None:
    dataset, rows = invented_set(), scored_rows()
    slices = slices_to_score(dataset, [rows])
    records = score_origin(rows, dataset, "seasonal_naive", CUTOFFS[0], slices)
    found = {
        (one["slice"], one["slice_value"]): one["score"]
        for one in records
        if one["metric"] == "wape"
    }
    for name, column in (("store", "store_id"), ("promotion", "promotion")):
        for value in set(rows[column]):
            mine = rows[rows[column] == value]
            error = (mine["units"] - mine["units_mean"]).abs().sum() / mine["units"].sum()
            assert found[name, value] == pytest.approx(error)
    assert ("region", "north") not in found  # a slice of one value says what overall says


def test_a_slice_with_one_value_at_an_origin_is_scored_there_too() -> None:
    dataset, rows = invented_set(), scored_rows()
    plain = rows.assign(promotion="not promoted")
    slices = slices_to_score(dataset, [plain, rows])
    assert "promotion" in slices and "region" not in slices
    for one, values in ((plain, {"not promoted"}), (rows, {"promoted", "not promoted"})):
        records = score_origin(one, dataset, "seasonal_naive", CUTOFFS[0], slices)
        days = {
            record["slice_value"]: record["observations"]
            for record in records
            if record["slice"] == "promotion"
        }
        assert set(days) == values and sum(days.values()) == len(rows)


def test_rossmanns_days_without_sales_are_no_slice_and_rmspe_is_its_alone() -> None:
    dataset, rows = invented_set(), scored_rows()
    rows.loc[rows["store_id"] == "s1", "intermittency"] = "sparse"
    rossmann = replace(dataset, name="rossmann")
    assert "intermittency" in slices_to_score(dataset, [rows])
    assert "intermittency" not in slices_to_score(rossmann, [rows])
    assert "rmspe" in measured(rows, rossmann, CUTOFFS[0])
    assert "rmspe" not in measured(rows, dataset, CUTOFFS[0])


def test_a_mean_is_over_origins_and_leaves_undefined_scores_out() -> None:
    identity = {"dataset": "d", "method": "m", "slice": "s", "slice_value": "v", "metric": "wape"}
    records = [
        {**identity, "origin": origin, "score": score, "observations": 2}
        for origin, score in (("a", 1.0), ("b", 2.0), ("c", float("nan")))
    ]
    assert mean_records(records) == [{**identity, "origin": None, "score": 1.5, "observations": 6}]


def test_the_randomised_pit_is_scored_where_a_method_tells_its_bounds() -> None:
    dataset = invented_set()
    rows = rows_to_score(dataset, CUTOFFS[0])
    forecast = seasonal_naive(dataset.problem(CUTOFFS[0]))
    chance = np.random.default_rng(2)
    below = chance.uniform(0, 0.5, len(forecast))
    told = forecast.assign(pit_below=below, pit_above=below + 0.5)
    scored = with_forecast(rows, told, "ours")
    found = {
        (one["slice"], one["slice_value"], one["metric"]): one["score"]
        for one in score_origin(scored, dataset, "ours", CUTOFFS[0], ["store_id"])
    }
    for name, part in (("all", scored), ("s1", scored[scored["store_id"] == "s1"])):
        share = np.minimum(part["pit_above"], 0.9) - np.maximum(part["pit_below"], 0.1)
        key = ("overall" if name == "all" else "store", name, "pit_80")
        assert found[key] == pytest.approx((share / 0.5).mean())
    plain = score_origin(scored_rows(), dataset, "seasonal_naive", CUTOFFS[0])
    assert not any(one["metric"].startswith("pit") for one in plain)
