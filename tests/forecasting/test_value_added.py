"""The ladder against a loop over series, rungs and draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting import value_added as module
from dagster_project.forecasting.backtest import Backtest
from dagster_project.forecasting.metrics import bias, wape
from dagster_project.forecasting.rungs import RUNGS
from dagster_project.forecasting.value_added import COLUMNS, KEY, value_added

REGIONS = {"s1": "north", "s2": "south"}
SAMPLES = 30


@pytest.fixture(scope="module")
def forecasts() -> pd.DataFrame:
    """Six series at two origins of three weeks; one without a scale, one without a late origin."""
    chance = np.random.default_rng(5)
    series = pd.DataFrame(
        {
            "product_id": np.repeat(["milk", "bread"], 3),
            "store_id": ["s1", "s2", "s3"] * 2,
            "category": ["dairy"] * 3 + [None] * 3,
            "rmsse_scale": [1.0, 2.0, 5.0, np.nan, 4.0, 3.0],
        }
    )
    days = pd.DataFrame({"horizon_days": np.arange(1, 18)})
    origins = pd.DataFrame({"cutoff_on": pd.to_datetime(["2017-03-05", "2017-03-26"])})
    rows = series.merge(origins, "cross").merge(days, "cross")
    rows["target_on"] = rows["cutoff_on"] + pd.to_timedelta(rows["horizon_days"], "D")
    rows["units"] = chance.poisson(3, len(rows)).astype(float)
    for rung in RUNGS:
        rows[f"{rung}_units"] = chance.uniform(0, 6, len(rows))
    is_new = (rows["product_id"] == "bread") & (rows["store_id"] == "s3")
    rows = rows[~is_new | (rows["cutoff_on"] == origins["cutoff_on"][1])].reset_index(drop=True)
    rows.loc[[3, 60], "units"] = np.nan
    return rows


@pytest.fixture(scope="module")
def found(forecasts: pd.DataFrame) -> pd.DataFrame:
    return value_added(forecasts.sample(frac=1, random_state=2), REGIONS, samples=SAMPLES, seed=7)


def _rmsse(rows: pd.DataFrame, rung: str, drawn: dict[tuple[pd.Timestamp, int], int]) -> float:
    """Mean over series of the root of the mean squared scaled error, weeks as often as drawn."""
    roots = []
    for _, series in rows[rows["rmsse_scale"] > 0].groupby(["product_id", "store_id"]):
        errors: list[float] = []
        for day in series.dropna(subset="units").itertuples():
            error = (day.units - getattr(day, f"{rung}_units")) ** 2 / day.rmsse_scale
            errors += [error] * drawn[day.cutoff_on, (day.horizon_days - 1) // 7]
        if errors:
            roots.append(np.sqrt(np.mean(errors)))
    return float(np.mean(roots)) if roots else float("nan")


def _chosen(forecasts: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    """The rows of the forecasts that a row of the ladder tells about."""
    named = forecasts.assign(
        category=forecasts["category"].fillna("unknown"),
        region=forecasts["store_id"].map(REGIONS).fillna("unknown"),
    )
    for name in KEY[1:-1]:
        if pd.notna(row[name]):
            named = named[named[name] == row[name]]
    return named


def test_each_row_equals_a_loop_over_days_and_draws(
    forecasts: pd.DataFrame, found: pd.DataFrame
) -> None:
    weeks = [(day, week) for day in sorted(forecasts["cutoff_on"].unique()) for week in range(3)]
    counts = np.random.default_rng(7).multinomial(6, np.full(6, 1 / 6), SAMPLES)
    draws = [dict(zip(weeks, drawn, strict=True)) for drawn in counts]
    once = dict.fromkeys(weeks, 1)
    assert list(found.columns) == COLUMNS
    for _, row in found.iterrows():
        rows = _chosen(forecasts, row)
        known = rows.dropna(subset="units")
        actual, units = known["units"].to_numpy(), known[f"{row['rung']}_units"].to_numpy()
        expected = {
            "days": len(known),
            "rmsse": _rmsse(rows, row["rung"], once),
            "mae": np.abs(actual - units).mean(),
            "wape": wape(actual, units),
            "bias": bias(actual, units),
        }
        position = RUNGS.index(row["rung"])
        gains = [np.nan] * (SAMPLES + 1)
        if position:
            gains = [
                _rmsse(rows, RUNGS[position - 1], drawn) - _rmsse(rows, RUNGS[position], drawn)
                for drawn in [once, *draws]
            ]
        expected["value_added"] = gains[0]
        expected["value_added_lower"], expected["value_added_upper"] = np.quantile(
            gains[1:], [0.025, 0.975]
        )
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, abs=6e-5, nan_ok=True), (dict(row), name)


def test_each_series_and_value_of_a_slice_has_every_rung_once(found: pd.DataFrame) -> None:
    assert not found.duplicated(KEY).any()
    values = found.groupby("slice")[KEY[1:-1]].apply(lambda keys: len(keys.drop_duplicates()))
    assert values.to_dict() == {"series": 6, "overall": 1, "category": 2, "store": 3, "region": 3}
    assert len(found) == values.sum() * len(RUNGS)
    assert (found["value_added"].isna() | (found["rung"] != "naive")).all()


def test_slices_add_up_to_the_whole(found: pd.DataFrame) -> None:
    overall = found[found["slice"] == "overall"].set_index("rung")
    for name in ("series", "category", "store", "region"):
        parts = found[found["slice"] == name]
        assert parts.groupby("rung")["days"].sum().to_dict() == overall["days"].to_dict()
        absolute = (parts["mae"] * parts["days"]).groupby(parts["rung"]).sum()
        expected = overall["mae"] * overall["days"]
        assert absolute.to_dict() == pytest.approx(expected.to_dict(), abs=0.01)
    steps = overall["rmsse"].iloc[0] - overall["value_added"].sum()
    assert steps == pytest.approx(overall["rmsse"]["model"], abs=3e-4)


def test_a_series_that_was_scored_in_few_weeks_has_no_interval(found: pd.DataFrame) -> None:
    model = found[(found["slice"] == "series") & (found["rung"] == "model")]
    new = model[(model["product_id"] == "bread") & (model["store_id"] == "s3")].iloc[0]
    assert new["days"] == 17
    assert pd.notna(new["value_added"])
    assert pd.isna(new["value_added_lower"])
    assert pd.isna(new["value_added_upper"])


def test_without_regions_there_is_no_such_slice(forecasts: pd.DataFrame) -> None:
    found = value_added(forecasts, {}, samples=3)
    assert set(found["slice"]) == {"series", "overall", "category", "store"}


def test_in_parts_it_is_the_same(
    forecasts: pd.DataFrame, found: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SERIES_AT_ONCE", 4)
    again = value_added(forecasts, REGIONS, samples=SAMPLES, seed=7)
    pd.testing.assert_frame_equal(again, found, atol=1.1e-4)


def test_the_model_adds_value_to_an_invented_chain_and_chance_does_not(backtest: Backtest) -> None:
    found = value_added(backtest.forecasts, {})
    overall = found[found["slice"] == "overall"].set_index("rung")
    assert overall["rmsse"].is_monotonic_decreasing
    assert (overall["value_added_lower"].drop("naive") > 0).all()
    same = backtest.forecasts.assign(model_units=backtest.forecasts["weekday_average_units"])
    none = value_added(same, {}, samples=100).set_index(["slice", "rung"])
    assert (none.loc[("overall", "model"), ["value_added", "value_added_upper"]] == 0).all(
        axis=None
    )
