"""The frame's rules, and the sample that training reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.frames import (
    KEYS,
    FrameError,
    check_complete,
    check_frame,
    feature_columns,
    is_closed,
    rows_for_training,
)
from tests.forecasting.invented_frames import InventedHistory

FEATURES = ["f_mean_14", "f_mean_56", "f_promo_plan_share", "f_weekday", "f_weekday_mean_8"]


def test_feature_columns_are_those_with_the_prefix_in_order_of_name(
    history: InventedHistory,
) -> None:
    shuffled = history.frame[history.frame.columns[::-1]]
    assert feature_columns(shuffled) == FEATURES


def test_a_whole_frame_passes(history: InventedHistory) -> None:
    check_frame(history.frame, FEATURES)
    check_complete(history.frame)


def _twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.iloc[[5]]], ignore_index=True)


def _with(column: str, value: object) -> object:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        values = frame[column].astype(object)
        values.iloc[5] = value
        return frame.assign(**{column: values.astype(frame[column].dtype)})

    return change


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_twice, "expected one row per"),
        (_with("units", np.inf), "units: expected a finite number"),
        (_with("units", -1.0), "units: expected demand of at least 0"),
        (_with("f_mean_14", -np.inf), "f_mean_14: expected a finite number"),
        (_with("target_on", pd.NaT), "expected every one of cutoff_on"),
    ],
)
def test_a_broken_row_is_refused_with_its_series_and_the_rule(
    history: InventedHistory, change: object, rule: str
) -> None:
    frame = history.frame.head(2000)
    first = frame.iloc[5]
    with pytest.raises(FrameError) as raised:
        check_frame(change(frame), FEATURES)
    message = str(raised.value)
    assert rule in message
    assert f"in 1 rows, first ('{first['product_id']}', '{first['store_id']}')" in message


def test_missing_columns_are_named(history: InventedHistory) -> None:
    with pytest.raises(FrameError, match="missing f_mean_14, f_new"):
        check_frame(history.frame.drop(columns="f_mean_14"), ["f_mean_14", "f_new"])


def test_a_series_that_lacks_a_target_day_is_named(history: InventedHistory) -> None:
    last = history.scoring_rows(history.cutoffs[-1])
    with pytest.raises(FrameError, match=r"28 target days .* found 27 for \('product 0', '3'\)"):
        check_complete(last.drop(index=last.index[3]))


def test_only_a_day_known_to_be_closed_counts_as_closed() -> None:
    frame = pd.DataFrame({"is_open": [True, None, False]}, dtype=object)
    assert is_closed(frame).tolist() == [False, False, True]
    assert is_closed(frame.astype("boolean")).tolist() == [False, False, True]
    assert is_closed(pd.DataFrame({"is_open": [None, None]})).tolist() == [False, False]


def _keys(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(rows[KEYS].itertuples(index=False, name=None))


def test_the_sample_has_the_cap_and_only_rows_with_known_units(history: InventedHistory) -> None:
    known = int(history.frame["units"].notna().sum())
    assert len(rows_for_training(history.frame, max_rows=700, seed=1)) == 700
    everything = rows_for_training(history.frame, max_rows=10**9, seed=1)
    assert len(everything) == known < len(history.frame)
    assert everything["units"].notna().all()


def test_the_sample_is_the_same_for_any_order_and_type_of_the_same_rows(
    history: InventedHistory,
) -> None:
    expected = _keys(rows_for_training(history.frame, max_rows=700, seed=1))
    shuffled = history.frame.sample(frac=1, random_state=3)
    typed = history.frame.astype(
        {"product_id": "category", "store_id": object, "cutoff_on": "datetime64[ns]"}
    )
    assert _keys(rows_for_training(shuffled, max_rows=700, seed=1)) == expected
    assert _keys(rows_for_training(typed, max_rows=700, seed=1)) == expected
    assert _keys(rows_for_training(history.frame, max_rows=700, seed=2)) != expected


def test_the_sample_takes_its_share_of_every_origin(history: InventedHistory) -> None:
    known = history.frame[history.frame["units"].notna()]
    sample = rows_for_training(history.frame, max_rows=len(known) // 2, seed=1)
    share = sample.groupby("cutoff_on").size() / known.groupby("cutoff_on").size()
    assert share.between(0.35, 0.65).all()


def test_every_fourth_origin_is_trained_on_without_a_promotion_plan(
    history: InventedHistory,
) -> None:
    rows = rows_for_training(history.frame, max_rows=10**9, seed=1)
    masked = rows["f_promo_plan_share"].isna().groupby(rows["cutoff_on"]).agg(["all", "any"])
    assert (masked["all"] == masked["any"]).all()
    spacing = np.diff(np.flatnonzero(masked["all"]))
    assert len(spacing) > 3
    assert (spacing == 4).all()
    assert history.frame["f_promo_plan_share"].notna().all(), "the caller's frame is not changed"
