"""The regression: what it predicts, what it refuses, and that it is the same every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from dagster_project.forecasting.frames import FrameError
from dagster_project.forecasting.inputs import IDS, model_inputs, series_scale
from dagster_project.forecasting.metrics import bias
from dagster_project.forecasting.model import DemandModel, fit, predict, trees_bytes
from dagster_project.forecasting.rungs import SEASONAL_NAIVE, rung_units
from dagster_project.parameters import Parameters
from tests.forecasting.invented_frames import QUICK, InventedHistory


@pytest.fixture(scope="module")
def split(history: InventedHistory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows known at a cutoff, and the origin after it with its actuals."""
    cutoff_on = history.cutoffs[-5]
    later = history.frame[history.frame["cutoff_on"] == pd.Timestamp(cutoff_on)]
    return history.training_rows(cutoff_on), later.reset_index(drop=True)


@pytest.fixture(scope="module")
def demand(split: tuple[pd.DataFrame, pd.DataFrame]) -> DemandModel:
    return fit(split[0], QUICK)


def test_the_model_has_less_error_than_the_baseline_and_little_bias(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    later = split[1][split[1]["units"].notna()]
    actual = later["units"].to_numpy()
    model_error = np.mean((predict(demand, later) - actual) ** 2)
    baseline_error = np.mean((rung_units(later, SEASONAL_NAIVE) - actual) ** 2)
    assert model_error < 0.6 * baseline_error
    assert abs(bias(actual, predict(demand, later))) < 0.1


def test_a_planned_promotion_raises_the_forecast_and_an_unknown_plan_lies_between(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    totals = [
        predict(demand, split[1].assign(f_promo_plan_share=share)).sum()
        for share in (0.0, np.nan, 1.0)
    ]
    assert totals[0] < totals[1] < totals[2]
    assert totals[2] > 1.4 * totals[0]


def test_the_same_rows_in_another_order_give_the_same_model(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    training, later = split
    again = fit(training.sample(frac=1, random_state=2)[training.columns[::-1]], QUICK)
    assert np.array_equal(predict(again, later), predict(demand, later))


def test_one_thread_and_several_give_the_same_model(
    split: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    found = []
    for threads in (1, 3):
        with threadpool_limits(limits=threads):
            found.append(predict(fit(split[0], QUICK), split[1]))
    assert np.array_equal(found[0], found[1])


def test_another_seed_draws_another_sample(split: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    small = replace(QUICK, max_training_rows=2000)
    one, other = (predict(fit(split[0], replace(small, seed=s)), split[1]) for s in (1, 2))
    assert not np.array_equal(one, other)


def test_several_members_forecast_the_mean_of_models_that_differ_in_their_seeds(
    split: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    model = fit(split[0], replace(QUICK, members=2))
    alone = [predict(fit(split[0], replace(QUICK, seed=QUICK.seed + k)), split[1]) for k in (0, 1)]
    assert not np.array_equal(*alone)
    assert predict(model, split[1]) == pytest.approx((alone[0] + alone[1]) / 2)
    assert trees_bytes(fit(split[0], replace(QUICK, members=2))) == trees_bytes(model)


def test_scikit_learns_trees_do_it_too_and_are_the_same_every_time(
    split: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    other = replace(QUICK, estimator="hist_gradient_boosting", loss="poisson")
    later = split[1][split[1]["units"].notna()]
    actual = later["units"].to_numpy()
    model = fit(split[0], other)
    error = np.mean((predict(model, later) - actual) ** 2)
    assert error < 0.6 * np.mean((rung_units(later, SEASONAL_NAIVE) - actual) ** 2)
    assert trees_bytes(fit(split[0], other)) == trees_bytes(model)
    assert trees_bytes(fit(split[0], replace(other, seed=7))) != trees_bytes(model)


def test_features_in_units_are_divided_by_the_scale_and_others_are_not(
    split: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    rows = split[1].head(3).assign(f_mean_56=[4.0, 8.0, np.nan], f_mean_14=[2.0, 4.0, 1.0])
    inputs = model_inputs(rows, ["f_mean_14", "f_mean_56", "f_weekday"], QUICK)
    assert list(inputs) == [*IDS, "horizon_days", "scale", "f_mean_14", "f_mean_56", "f_weekday"]
    assert inputs["scale"].tolist() == pytest.approx([4.0, 8.0, 0.05])
    assert inputs["f_mean_14"].tolist() == pytest.approx([0.5, 0.5, 20.0])
    assert inputs["f_mean_56"].tolist()[:2] == [1.0, 1.0]
    assert inputs["f_weekday"].tolist() == rows["f_weekday"].tolist()


def test_closed_days_are_zero_and_nothing_is_negative(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    later = split[1].assign(is_open=np.where(split[1]["horizon_days"] == 3, False, None))
    found = predict(demand, later)
    assert (found[later["horizon_days"] == 3] == 0).all()
    assert (found[later["horizon_days"] != 3] > 0).all()


def test_a_product_and_store_never_seen_get_a_forecast_of_their_level(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    later = split[1].assign(product_id="new", store_id="new", category=None)
    later = later.drop_duplicates(["cutoff_on", "product_id", "store_id", "target_on"])
    found = predict(demand, later).sum()
    assert found == pytest.approx((later["f_mean_56"]).sum(), rel=0.5)


@pytest.mark.parametrize("column", ["f_mean_14", "f_weekday", "f_promo_plan_share"])
def test_a_feature_that_is_null_everywhere_still_gives_a_forecast(
    split: tuple[pd.DataFrame, pd.DataFrame], column: str
) -> None:
    training, later = (frame.assign(**{column: np.nan}) for frame in split)
    assert np.isfinite(predict(fit(training, QUICK), later)).all()


def test_a_constant_series_and_a_single_day_can_be_learnt(
    split: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    training, later = split
    constant = training.assign(units=2.0, f_mean_56=2.0)
    found = predict(fit(constant, QUICK), later.assign(f_mean_56=2.0, is_open=None))
    assert found == pytest.approx(np.full(len(later), 2.0), rel=1e-6)
    assert np.isfinite(predict(fit(constant.head(1), QUICK), later)).all()


def test_nullable_and_decimal_columns_are_read_as_numbers(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    typed = split[1].astype({"f_weekday": "Int32", "horizon_days": "int16", "f_mean_14": object})
    assert np.array_equal(predict(demand, typed), predict(demand, split[1]))


def test_an_infinite_target_is_refused_by_its_series(
    split: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    broken = split[0].copy()
    broken.iloc[7, broken.columns.get_loc("units")] = np.inf
    with pytest.raises(FrameError, match=r"units: expected a finite .*'product 1', '3'"):
        fit(broken, QUICK)


def test_a_target_of_nothing_but_zeros_or_nulls_is_refused(
    split: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    for units in (0.0, np.nan):
        with pytest.raises(FrameError, match="expected training rows with units above 0"):
            fit(split[0].assign(units=units), QUICK)


def test_a_frame_without_the_features_of_the_model_is_refused(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    with pytest.raises(FrameError, match="missing f_mean_14"):
        predict(demand, split[1].drop(columns="f_mean_14"))
    with pytest.raises(FrameError, match="missing f_mean_56"):
        fit(split[0].drop(columns="f_mean_56"), QUICK)


def test_features_that_the_model_does_not_know_change_nothing(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    more = split[1].assign(f_another=1.0)
    assert np.array_equal(predict(demand, more), predict(demand, split[1]))


def test_an_empty_frame_gives_no_forecast(
    split: tuple[pd.DataFrame, pd.DataFrame], demand: DemandModel
) -> None:
    assert len(predict(demand, split[1].head(0))) == 0


def test_the_scale_never_falls_below_its_floor() -> None:
    frame = pd.DataFrame({"f_mean_56": [4.0, 0.0, None]})
    assert series_scale(frame, Parameters(scale_floor=0.1)).tolist() == [4.0, 0.1, 0.1]
