"""The feature models on an invented history: right, blind to what came later, and repeatable."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dagster_project.assets.frames import WarehouseHistory
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.dbt.invented_history import (
    History,
    build_features,
    invent,
    read_frame,
    with_garbage_after,
)
from tests.dbt.slow_cold_start import slow_cold_start, slow_week_shape
from tests.dbt.slow_features import HORIZON, slow_frame, sold_weeks
from tests.dbt.slow_situations import SlowSituations

LATEST = date(2017, 12, 13)
WEEKLY = date(2017, 11, 19)
KEYS = ["product_id", "store_id", "target_on"]


def deployment(factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=factory.mktemp("home"), today=date(2017, 12, 14))


@pytest.fixture(scope="module")
def history() -> History:
    return invent()


@pytest.fixture(scope="module")
def situations(history: History) -> SlowSituations:
    return SlowSituations(history, HORIZON)


@pytest.fixture(scope="module")
def built(history: History, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = deployment(tmp_path_factory)
    build_features(settings, history)
    return settings


def scope_at(settings: Settings, cutoff_on: date) -> pd.DataFrame:
    with warehouse(settings, read_only=True) as connection:
        return connection.execute(
            "select * from forecast_series where cutoff_on = ? order by product_id, store_id",
            [cutoff_on],
        ).df()


def training_rows(settings: Settings, cutoff_on: date) -> pd.DataFrame:
    """What a model is trained on at a cutoff, sorted."""
    with warehouse(settings) as connection:
        history = WarehouseHistory(connection, known_through_on=cutoff_on, max_rows=10_000, seed=1)
        return history.training_rows(cutoff_on).sort_values([*KEYS, "cutoff_on"], ignore_index=True)


@pytest.mark.parametrize("cutoff_on", [WEEKLY, LATEST])
def test_every_feature_equals_a_slow_and_obvious_computation(
    built: Settings, history: History, situations: SlowSituations, cutoff_on: date
) -> None:
    fast = read_frame(built, cutoff_on).to_pandas()
    fast["target_on"] = pd.to_datetime(fast["target_on"]).astype("datetime64[us]")
    is_shown = fast["f_age_days"].notna() & (~fast["is_new"] | (fast["horizon_days"] <= 7))
    fast = fast[is_shown].set_index(KEYS).sort_index()
    series = scope_at(built, cutoff_on)
    is_sold = series["is_in_scope"] & (series["sold_weeks"] > 0)
    in_scope, new = (
        set(series.loc[chosen, KEYS[:2]].itertuples(index=False, name=None))
        for chosen in (is_sold, is_sold & series["is_new"])
    )
    slow = slow_frame(history, situations, pd.Timestamp(cutoff_on), in_scope, new)
    pd.testing.assert_index_equal(fast.index, slow.index)
    features = {name for name in fast.columns if name.startswith("f_")}
    assert features | {"rmsse_scale", "naive_units", "baseline_units", "horizon_days"} == set(
        slow.columns
    )
    for name in slow.columns:
        found = fast[name].to_numpy(dtype=np.float64, na_value=np.nan)
        expected = slow[name].to_numpy(dtype=np.float64, na_value=np.nan)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_invented_history_shows_every_feature(built: Settings) -> None:
    frame = pd.concat([read_frame(built, day).to_pandas() for day in (WEEKLY, LATEST)])
    distinct = frame[[name for name in frame.columns if name.startswith("f_")]].nunique()
    # Easter of 2018 is too far ahead; a unit test of feat_base_day shows what it is
    assert list(distinct.index[distinct < 2]) == ["f_residual_easter", "f_residual_product_easter"]


@pytest.mark.parametrize("cutoff_on", [WEEKLY, LATEST])
def test_a_series_is_in_scope_by_the_weeks_known_at_the_cutoff(
    built: Settings, history: History, cutoff_on: date
) -> None:
    series = scope_at(built, cutoff_on).set_index(["product_id", "store_id"])
    expected = sold_weeks(history, pd.Timestamp(cutoff_on))
    sold = series.loc[series["sold_weeks"] > 0, "sold_weeks"]
    assert sold.to_dict() == expected.to_dict()
    reasons = series["left_out_reason"].to_dict()
    assert reasons["FUEL", "main"] == "excluded_product"
    assert reasons["salt", "main"] == "sold_in_too_few_weeks"
    assert pd.isna(reasons["milk", "corner"])


@pytest.mark.parametrize(("cutoff_on", "weeks_open"), [(WEEKLY, 3), (LATEST, 6)])
def test_what_came_later_than_its_source_is_in_scope_from_its_first_week_on(
    built: Settings, cutoff_on: date, weeks_open: int
) -> None:
    series = scope_at(built, cutoff_on).set_index(["store_id", "product_id"])
    new = series[series["is_new"] & series["is_in_scope"]]
    assert sorted(new.index) == [
        *(("corner", product) for product in ("cake", "tea")),
        *(("harbour", product) for product in ("bread", "cream", "milk")),
        *(("kiosk", product) for product in ("bread", "milk")),
        *(("main", product) for product in ("cake", "tea")),
    ]
    assert new["weeks_known"].to_dict() == {
        **{pair: 0 for pair in new.index if "harbour" in pair or "tea" in pair},
        ("kiosk", "bread"): weeks_open,
        ("kiosk", "milk"): weeks_open,
        ("main", "cake"): weeks_open,
        ("corner", "cake"): weeks_open - 1,
    }
    rows = read_frame(built, cutoff_on).to_pandas()
    assert (rows[rows["is_new"]].groupby(["store_id", "product_id"]).size() == 28).all()
    assert rows.loc[rows["is_new"], "cold_start_units"].min() > 0


@pytest.mark.parametrize("cutoff_on", [WEEKLY, LATEST])
def test_the_cold_start_of_every_series_equals_a_slow_and_obvious_computation(
    built: Settings, history: History, cutoff_on: date
) -> None:
    series = scope_at(built, cutoff_on)
    slow = slow_cold_start(history, pd.Timestamp(cutoff_on), series[series["is_in_scope"]])
    with warehouse(built, read_only=True) as connection:
        rows = connection.execute(
            "select product_id, store_id, cold_start_mean, cold_start_stratum from feat_cold_start"
            " where cutoff_on = ?",
            [cutoff_on],
        ).fetchall()
    fast = {(product, store): (mean, stratum) for product, store, mean, stratum in rows}
    assert fast.keys() == slow.keys()
    for pair, found in fast.items():
        assert found == pytest.approx(slow[pair], rel=1e-6), pair
    assert len({stratum for _, stratum in fast.values()}) >= 4


@pytest.mark.parametrize("cutoff_on", [WEEKLY, LATEST])
def test_the_week_of_every_product_and_store_equals_a_slow_and_obvious_computation(
    built: Settings, history: History, cutoff_on: date
) -> None:
    series = scope_at(built, cutoff_on)
    pairs = series.loc[series["is_in_scope"], ["product_id", "store_id"]]
    in_scope = set(pairs.itertuples(index=False, name=None))
    slow = slow_week_shape(history, pd.Timestamp(cutoff_on), in_scope)
    with warehouse(built, read_only=True) as connection:
        rows = connection.execute(
            "select level, id, weekday, weekday_ratio from feat_week_shape where cutoff_on = ?",
            [cutoff_on],
        ).fetchall()
    fast = {(level, name, weekday): ratio for level, name, weekday, ratio in rows}
    assert fast.keys() == slow.keys()
    for key, found in fast.items():
        shown = np.nan if found is None else found
        assert shown == pytest.approx(slow[key], rel=1e-9, nan_ok=True), key
    assert len(set(fast.values())) > len(fast) / 2


def test_nothing_that_comes_after_a_cutoff_changes_its_frame(
    built: Settings, history: History, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = deployment(tmp_path_factory)
    build_features(settings, with_garbage_after(history, WEEKLY))
    before, after = read_frame(built, WEEKLY), read_frame(settings, WEEKLY)
    assert before.num_rows > 0
    assert after.equals(before)
    assert not read_frame(settings, LATEST).equals(read_frame(built, LATEST))
    training = [training_rows(home, WEEKLY) for home in (built, settings)]
    assert len(training[0]) > 0
    pd.testing.assert_frame_equal(training[1], training[0])
    assert not training_rows(settings, LATEST).equals(training_rows(built, LATEST))


def test_the_number_of_threads_does_not_show(
    built: Settings, history: History, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = deployment(tmp_path_factory)
    build_features(settings, history, threads=1)
    with warehouse(built, read_only=True) as connection:
        rows = connection.execute("select cutoff_on from forecast_origins").fetchall()
    for (cutoff_on,) in rows:
        assert read_frame(settings, cutoff_on).equals(read_frame(built, cutoff_on)), cutoff_on


def test_a_store_is_closed_where_its_calendar_says_so(built: Settings) -> None:
    frame = read_frame(built, LATEST).to_pandas()
    milk = frame[frame["product_id"] == "milk"].set_index(["store_id", "horizon_days"])["is_open"]
    main, corner = milk["main"], milk["corner"]
    assert (main[4], main[5], main[6]) == (True, False, True)
    assert (corner[4], corner[5], corner[6]) == (True, True, False)
    assert pd.isna(main[11])
    assert read_frame(built, date(2017, 11, 12)).to_pandas()["is_open"].isna().all()


def test_holidays_of_another_country_leave_every_series_its_target_days(
    built: Settings, tmp_path: Path
) -> None:
    settings = replace(built, home=tmp_path)
    settings.warehouse_file.parent.mkdir()
    shutil.copy2(built.warehouse_file, settings.warehouse_file)
    with warehouse(settings) as connection:
        connection.execute("update feat_calendar set country = 'FR'")
        columns = connection.sql("select columns('f_.*') from feat_calendar").columns
    before, after = read_frame(built, LATEST), read_frame(settings, LATEST)
    assert {after[name].null_count for name in columns} == {after.num_rows}
    assert after.drop_columns(columns).equals(before.drop_columns(columns))
