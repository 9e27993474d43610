"""The rows that are published, and the model that makes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from dagster_project.forecasting.adaptation import Adaptation
from dagster_project.forecasting.calibration import CalibrationRules, calibrate
from dagster_project.forecasting.fallback import FallbackRule
from dagster_project.forecasting.forecast import (
    ForecastModel,
    content_hash,
    forecast,
    method_rows,
)
from dagster_project.forecasting.frames import KEYS, FrameError
from dagster_project.forecasting.intervals import PATHS, QUANTILES, quantile_frame
from dagster_project.forecasting.model import fit
from dagster_project.forecasting.paths import STEPS_PER_UNIT
from tests.forecasting.invented_frames import QUICK, InventedHistory

UNITS = ["units_mean", *QUANTILES]
METHOD = ["method", "is_fallback"]


def paths_of(rows: pd.DataFrame) -> np.ndarray:
    return np.stack(rows["units_paths"].to_numpy())


@pytest.fixture(scope="module")
def frame(history: InventedHistory) -> pd.DataFrame:
    return history.scoring_rows(history.known_through_on)


@pytest.fixture
def partly(model: ForecastModel) -> ForecastModel:
    """The model with one series that falls back."""
    fallback = replace(model.calibration, fallbacks={("product 2", "3"): "seasonal_naive"})
    return replace(model, calibration=fallback)


def test_every_series_and_target_day_comes_out_exactly_once(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    found = forecast(model, frame.sample(frac=1, random_state=1))
    expected = frame[KEYS].sort_values(KEYS, ignore_index=True)
    pd.testing.assert_frame_equal(found[KEYS], expected)
    assert list(found.columns) == [*KEYS, "horizon_days", *UNITS, *METHOD, "units_paths"]
    assert found["is_fallback"].dtype == bool


def test_units_are_never_negative_never_cross_and_have_four_decimals(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    units = forecast(model, frame)[UNITS].to_numpy()
    assert (units >= 0).all()
    assert (np.diff(units[:, 1:], axis=1) >= 0).all()
    assert np.array_equal(units, np.round(units, 4))
    assert (units[:, -1] > units[:, 0]).all()


def test_a_closed_day_is_zero_in_every_column(model: ForecastModel, frame: pd.DataFrame) -> None:
    closed = frame.assign(is_open=np.where(frame["horizon_days"] == 2, False, True))
    for chosen in (model, model.as_baseline()):
        found = forecast(chosen, closed)
        assert (found.loc[found["horizon_days"] == 2, UNITS] == 0).all(axis=None)
        paths = paths_of(found)
        assert (paths[found["horizon_days"] == 2] == 0).all()
        assert (paths[found["horizon_days"] == 3] > 0).any()


def test_a_series_that_falls_back_gets_the_baseline_with_its_own_width(
    partly: ForecastModel, model: ForecastModel, frame: pd.DataFrame
) -> None:
    found, plain = forecast(partly, frame), forecast(model, frame)
    chosen = (found["product_id"] == "product 2") & (found["store_id"] == "3")
    assert found["is_fallback"].equals(chosen)
    assert found["method"].tolist() == np.where(chosen, "seasonal_naive", "model").tolist()
    baseline = forecast(model.as_baseline(), frame)
    pd.testing.assert_frame_equal(found[chosen], baseline[chosen])
    pd.testing.assert_frame_equal(found[~chosen], plain[~chosen])


@pytest.mark.parametrize(
    ("rung", "column"), [("naive", "naive_units"), ("weekday_average", "f_weekday_mean_8")]
)
def test_a_series_can_fall_back_to_any_rung_with_the_errors_of_that_rung(
    model: ForecastModel, frame: pd.DataFrame, rung: str, column: str
) -> None:
    calibration = replace(model.calibration, fallbacks={("product 2", "3"): rung})
    found = forecast(replace(model, calibration=calibration), frame)
    chosen = (found["product_id"] == "product 2") & (found["store_id"] == "3")
    assert set(found.loc[chosen, "method"]) == {rung}
    assert found["is_fallback"].equals(chosen)
    rows = frame.sort_values(KEYS, ignore_index=True)[chosen]
    assert found.loc[chosen, "units_mean"].to_numpy() == pytest.approx(rows[column], abs=1e-4)
    expected = quantile_frame(
        calibration.intervals[rung],
        rows[column].to_numpy(dtype=float),
        rows["f_mean_56"].to_numpy(),
        rows["horizon_days"].to_numpy(),
    )
    assert found.loc[chosen, list(QUANTILES)].to_numpy() == pytest.approx(expected, abs=1e-4)
    plain = forecast(model, frame)
    pd.testing.assert_frame_equal(found[~chosen], plain[~chosen])


def test_a_series_that_a_rung_serves_better_at_past_origins_falls_back_to_it(
    model: ForecastModel, history: InventedHistory, frame: pd.DataFrame
) -> None:
    past = history.frame[history.frame["cutoff_on"].isin(history.frame["cutoff_on"].unique()[:2])]
    rows = method_rows(model.demand, past).assign(units=past["units"].to_numpy())
    served = (rows["product_id"] == "product 4") & (rows["store_id"] == "0")
    rows.loc[served, "naive_units"] = rows.loc[served, "units"] + 0.1
    others = replace(FallbackRule(), margin=1)
    assert calibrate(rows, CalibrationRules(fallback=others)).fallbacks == {}
    calibration = calibrate(rows, CalibrationRules(fallback=FallbackRule(min_observations=28)))
    assert calibration.fallbacks["product 4", "0"] == "naive"
    found = forecast(replace(model, calibration=calibration), frame)
    chosen = (found["product_id"] == "product 4") & (found["store_id"] == "0")
    assert set(found.loc[chosen, "method"]) == {"naive"}
    assert found.loc[chosen, "is_fallback"].all()
    last_units = frame.loc[
        (frame["product_id"] == "product 4") & (frame["store_id"] == "0"), "naive_units"
    ]
    assert (found.loc[chosen, "units_mean"] == last_units.iloc[0]).all()


def test_the_baseline_can_be_published_for_all(model: ForecastModel, frame: pd.DataFrame) -> None:
    found = forecast(model.as_baseline(), frame)
    expected = frame.sort_values(KEYS)["baseline_units"]
    assert found["is_fallback"].all()
    assert found["units_mean"].to_numpy() == pytest.approx(expected.to_numpy())
    assert (found["units_p975"] >= found["units_mean"]).mean() > 0.9


@pytest.mark.parametrize("is_baseline", [False, True])
def test_each_row_has_its_published_quantiles_among_its_paths(
    partly: ForecastModel, frame: pd.DataFrame, is_baseline: bool
) -> None:
    found = forecast(partly.as_baseline() if is_baseline else partly, frame)
    ordered = np.sort(paths_of(found), axis=1)
    assert ordered.shape == (len(frame), PATHS)
    assert ordered.dtype == np.float32
    assert (ordered >= 0).all()
    assert (ordered * STEPS_PER_UNIT % 1 == 0).all()
    for name, level in QUANTILES.items():
        published = found[name].to_numpy()
        rank = round(level * (PATHS + 1))
        assert ordered[:, rank - 1] == pytest.approx(published, abs=0.51 / STEPS_PER_UNIT + 1e-4)


def test_a_series_that_lost_a_day_is_not_dropped_silently(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    with pytest.raises(FrameError, match="expected 28 target days for each series, found 27"):
        forecast(model, frame.iloc[1:])


def test_a_duplicate_series_key_is_refused(model: ForecastModel, frame: pd.DataFrame) -> None:
    with pytest.raises(FrameError, match="expected one row per"):
        forecast(model, pd.concat([frame, frame]))


def test_a_model_rebuilt_from_its_state_forecasts_the_same(
    partly: ForecastModel, frame: pd.DataFrame
) -> None:
    again = ForecastModel.from_state(partly.to_state())
    pd.testing.assert_frame_equal(forecast(again, frame), forecast(partly, frame))
    assert content_hash(again) == content_hash(partly)


def test_a_state_of_another_format_is_refused(model: ForecastModel) -> None:
    with pytest.raises(ValueError, match="expected format 6, found 99"):
        ForecastModel.from_state({**model.to_state(), "format": 99})


def test_the_content_hash_is_that_of_the_training_and_nothing_else(
    model: ForecastModel, partly: ForecastModel, history: InventedHistory
) -> None:
    training = history.training_rows(history.known_through_on)
    again = replace(model, demand=fit(training.sample(frac=1, random_state=4), QUICK))
    assert content_hash(again) == content_hash(model)
    known = model.calibration
    tables = replace(known, intervals={**known.intervals, "naive": known.intervals["model"]})
    ranks = replace(known, ranks={**known.ranks, "model": known.ranks["naive"]})
    moved = {"model": Adaptation({"all": {"all": np.ones(PATHS)}})}
    levels = replace(known, adaptations=known.adaptations | moved)
    others = [
        partly,
        replace(model, calibration=levels),
        replace(model, calibration=ranks),
        replace(model, trained_through_on=date(2017, 1, 1) + timedelta(days=1)),
        replace(model, calibration=tables),
        replace(model, demand=fit(training, replace(QUICK, seed=3))),
        replace(model, demand=fit(training.assign(units=training["units"] + 1), QUICK)),
    ]
    hashes = {content_hash(other) for other in others}
    assert len(hashes) == len(others)
    assert content_hash(model) not in hashes
