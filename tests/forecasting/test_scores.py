"""The score table against metrics computed slice by slice, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.backtest import Backtest
from dagster_project.forecasting.calibration import Published
from dagster_project.forecasting.intervals import PATHS, QUANTILES
from dagster_project.forecasting.metrics import bias, pinball, pit_bounds, pit_coverage, wape
from dagster_project.forecasting.scores import COLUMNS, pool, score_cutoff, slices_of


@pytest.fixture
def rows() -> pd.DataFrame:
    chance = np.random.default_rng(4)
    series = pd.DataFrame(
        {
            "product_id": np.repeat(["a", "b", "c"], 2),
            "store_id": ["1", "2"] * 3,
            "category": np.repeat(["x", "x", None], 2),
            "scale": [1.0, 1.0, 5.0, 9.0, 2.0, 20.0],
            "rmsse_scale": [1.0, 2.0, 0.0, np.nan, 4.0, 3.0],
        }
    )
    days = pd.DataFrame({"horizon_days": np.arange(1, 15)})
    days["target_on"] = pd.Timestamp("2017-03-05") + pd.to_timedelta(days["horizon_days"], "D")
    table = series.merge(days, "cross").assign(cutoff_on=pd.Timestamp("2017-03-05"))
    table["units"] = chance.poisson(3, len(table)).astype(float)
    table.loc[[0, 30], "units"] = np.nan
    return table


@pytest.fixture
def published(rows: pd.DataFrame) -> Published:
    units = np.linspace(1, 6, len(rows))
    quantiles = pd.DataFrame(
        {name: units * 2 * level for name, level in QUANTILES.items()}, index=range(len(rows))
    )
    return Published(units, quantiles, np.full(len(rows), "model", dtype=object))


def _score(table: pd.DataFrame, name: str, value: str, metric: str) -> float:
    found = table[
        (table["slice"] == name) & (table["slice_value"] == value) & (table["metric"] == metric)
    ]
    assert len(found) == 1
    return float(found["score"].iloc[0])


def test_each_slice_is_scored_on_its_own_known_rows(
    rows: pd.DataFrame, published: Published
) -> None:
    table = score_cutoff(rows, {"model": published})
    assert list(table.columns) == COLUMNS
    units = pd.Series(published.units, index=rows.index)
    for name, value, chosen in [
        ("overall", "all", rows["units"].notna()),
        ("store", "2", rows["units"].notna() & (rows["store_id"] == "2")),
        ("category", "none", rows["units"].notna() & rows["category"].isna()),
        ("horizon_week", "2", rows["units"].notna() & (rows["horizon_days"] > 7)),
    ]:
        actual, forecast = rows.loc[chosen, "units"].to_numpy(), units[chosen].to_numpy()
        assert _score(table, name, value, "wape") == pytest.approx(wape(actual, forecast))
        assert _score(table, name, value, "bias") == pytest.approx(bias(actual, forecast))
        losses = [pinball(actual, forecast * 2 * level, level) for level in QUANTILES.values()]
        assert _score(table, name, value, "pinball") == pytest.approx(np.mean(losses))
        inside = (actual >= forecast * 2 * 0.1) & (actual <= forecast * 2 * 0.9)
        assert _score(table, name, value, "coverage_80") == pytest.approx(inside.mean())
        over = actual > forecast * 2 * 0.975
        assert _score(table, name, value, "exceedance_975") == pytest.approx(over.mean())
        width = (forecast * 2 * (0.975 - 0.025)).sum() / actual.sum()
        assert _score(table, name, value, "width_95") == pytest.approx(width)
        assert _score(table, name, value, "zeros") == pytest.approx((actual == 0).mean())
        observations = table.loc[
            (table["slice"] == name) & (table["slice_value"] == value), "observations"
        ]
        assert (observations == chosen.sum()).all()


def test_rmsse_and_totals_equal_a_loop_over_series_and_days(
    rows: pd.DataFrame, published: Published
) -> None:
    table = score_cutoff(rows, {"model": published})
    known = rows.assign(forecast=published.units).dropna(subset="units")
    ratios = []
    for _, series in known[known["rmsse_scale"] > 0].groupby(["product_id", "store_id"]):
        squared = ((series["units"] - series["forecast"]) ** 2).mean()
        ratios.append(np.sqrt(squared / series["rmsse_scale"].iloc[0]))
    assert len(ratios) == 4
    assert _score(table, "overall", "all", "rmsse") == pytest.approx(np.mean(ratios))
    assert _score(table, "overall", "all", "series_without_scale") == 2
    error = 0.0
    for _, total in known.groupby([known["category"].fillna("none"), "target_on"]):
        error += abs(total["units"].sum() - total["forecast"].sum())
    expected = error / known["units"].sum()
    assert _score(table, "overall", "all", "wape_category_totals") == pytest.approx(expected)


def test_totals_of_paths_are_scored_as_a_loop_over_categories_and_days_does(
    rows: pd.DataFrame, published: Published
) -> None:
    chance = np.random.default_rng(7)
    paths = chance.poisson(3, (len(rows), PATHS)).astype(np.float32)
    table = score_cutoff(rows, {"model": replace(published, paths=paths), "baseline": published})
    assert set(table.loc[table["metric"].str.endswith("_80_category_totals"), "method"]) == {
        "model"
    }
    known = rows["units"].notna()
    inside, width = [], 0.0
    for _, total in rows[known].groupby([rows["category"].fillna("none"), "target_on"]):
        sums = sorted(sum(float(paths[i, s]) for i in total.index) for s in range(PATHS))
        inside.append(sums[11] <= total["units"].sum() <= sums[-12])
        width += sums[-12] - sums[11]
    found = _score(table, "overall", "all", "coverage_80_category_totals")
    assert found == pytest.approx(np.mean(inside))
    assert 0 < found < 1
    expected = width / rows["units"].sum()
    found = _score(table, "overall", "all", "width_80_category_totals")
    assert found == pytest.approx(expected)
    inside = []
    for _, total in rows[known].groupby("store_id"):
        sums = sorted(sum(float(paths[i, s]) for i in total.index) for s in range(PATHS))
        inside.append(sums[2] <= total["units"].sum() <= sums[-3])
    found = _score(table, "overall", "all", "coverage_95_store_horizon_totals")
    assert found == pytest.approx(np.mean(inside))
    below, above = pit_bounds(rows["units"].to_numpy(), paths)
    for name, value, chosen in [("overall", "all", known), ("store", "2", rows["store_id"] == "2")]:
        chosen = (known & chosen).to_numpy()
        expected = pit_coverage(below[chosen], above[chosen], 0.8)
        assert _score(table, name, value, "pit_80") == pytest.approx(expected)


def test_volume_terciles_hold_whole_series_and_equally_many(rows: pd.DataFrame) -> None:
    volume = slices_of(rows)["volume"]
    by_series = volume.groupby([rows["product_id"], rows["store_id"]]).agg(["nunique", "first"])
    assert (by_series["nunique"] == 1).all()
    assert by_series["first"].to_dict() == {
        ("a", "1"): "low",
        ("a", "2"): "low",
        ("c", "1"): "middle",
        ("b", "1"): "middle",
        ("b", "2"): "high",
        ("c", "2"): "high",
    }


def test_the_pooled_score_is_the_mean_over_origins() -> None:
    base = {"method": "model", "slice": "overall", "slice_value": "all", "metric": "rmsse"}
    scores = pd.DataFrame(
        [
            {**base, "cutoff_on": pd.Timestamp(day), "score": score, "observations": 10}
            for day, score in [("2017-03-05", 0.5), ("2017-04-02", 0.7), ("2017-04-30", np.nan)]
        ]
    )[COLUMNS]
    pooled = pool(scores)
    mean = pooled[pooled["cutoff_on"].isna()]
    assert mean["score"].tolist() == [pytest.approx(0.6)]
    assert mean["observations"].tolist() == [30]
    assert len(pooled) == 4


def test_a_backtest_scores_every_method_in_every_slice(backtest: Backtest) -> None:
    pooled = backtest.scores[backtest.scores["cutoff_on"].isna()]
    assert set(pooled["method"]) == {"model", "baseline", "cold_start", "published"}
    slices = {"overall", "horizon_week", "store", "category", "volume", "model_age"}
    assert set(pooled["slice"]) == slices
    assert pooled["score"].notna().all()
    assert not pooled.duplicated(["method", "slice", "slice_value", "metric"]).any()
