"""Explanations: they add up to what is published, tell what matters, and know every feature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline

from dagster_project.forecasting.explanation import (
    COLUMNS,
    GROUP_OF_PREFIX,
    GROUPS,
    explain,
    explain_units,
    group_of,
    logarithmic_mean,
    rounded,
)
from dagster_project.forecasting.forecast import ForecastModel, forecast
from dagster_project.forecasting.frames import KEYS, FrameError
from dagster_project.forecasting.model import fit, predict
from dagster_project.settings import DBT_PROJECT
from tests.forecasting.invented_frames import QUICK, InventedHistory

FRAME_COLUMNS = DBT_PROJECT / "models" / "features" / "forecast_frame.yml"


def in_steps(units: pd.Series | pd.DataFrame) -> np.ndarray:
    """Units as whole numbers of the published decimals."""
    return np.rint(units.to_numpy(dtype=float) * 10_000).astype(np.int64)


@pytest.fixture(scope="module")
def frame(history: InventedHistory) -> pd.DataFrame:
    """The newest origin, with a closed day and in no order."""
    rows = history.scoring_rows(history.cutoffs[-1])
    closed = (rows["horizon_days"] == 3) & (rows["store_id"] == "2")
    return rows.assign(is_open=np.where(closed, False, None)).sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def with_fallback(model: ForecastModel) -> ForecastModel:
    fallbacks = {("product 1", "2"): "weekday_average"}
    return replace(model, calibration=replace(model.calibration, fallbacks=fallbacks))


@pytest.fixture(scope="module")
def explained(with_fallback: ForecastModel, frame: pd.DataFrame) -> pd.DataFrame:
    return explain(with_fallback, frame, forecast(with_fallback, frame))


def test_base_and_groups_add_up_to_the_published_decimals(
    with_fallback: ForecastModel, frame: pd.DataFrame, explained: pd.DataFrame
) -> None:
    published = forecast(with_fallback, frame)
    assert explained[KEYS].equals(published[KEYS])
    assert explained["units_mean"].equals(published["units_mean"])
    assert (in_steps(explained[COLUMNS]).sum(axis=1) == in_steps(published["units_mean"])).all()
    steps = explained[COLUMNS].to_numpy() * 10_000
    assert np.abs(steps - np.rint(steps)).max() < 1e-6


def test_what_no_model_made_says_so_and_stands_in_the_level(explained: pd.DataFrame) -> None:
    is_closed = (explained["target_on"] == explained["target_on"].min() + pd.Timedelta(days=2)) & (
        explained["store_id"] == "2"
    )
    falls_back = (explained["product_id"] == "product 1") & (explained["store_id"] == "2")
    assert (explained["explained_by"] == "closed").equals(is_closed)
    assert (explained["explained_by"] == "baseline").equals(falls_back & ~is_closed)
    assert (explained.loc[is_closed, COLUMNS] == 0).all(axis=None)
    baseline = explained[explained["explained_by"] == "baseline"]
    assert len(baseline) == 27
    assert baseline["units_level"].equals(baseline["units_mean"])
    assert (baseline[COLUMNS].drop(columns="units_level") == 0).all(axis=None)


def test_a_model_that_failed_its_gate_explains_nothing(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    baseline = model.as_baseline()
    found = explain(baseline, frame, forecast(baseline, frame))
    assert set(found["explained_by"]) == {"baseline", "closed"}
    assert found["units_level"].equals(found["units_mean"])


def test_a_planned_promotion_is_what_the_units_it_brings_are_due_to(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    rows = frame[frame["horizon_days"] != 3].reset_index(drop=True)
    found = [explain_units(model, rows.assign(f_promo_plan_share=share)) for share in (0.0, 1.0)]
    position = COLUMNS.index("units_promotion")
    gained = found[1].sum(axis=1) - found[0].sum(axis=1)
    assert gained.sum() > 0.4 * found[0].sum()
    due = found[1][:, position] - found[0][:, position]
    assert due.sum() == pytest.approx(gained.sum(), rel=0.1)
    assert (found[1][:, COLUMNS.index("units_price")] == 0).all(), "the frame tells no prices"


def test_not_rounded_it_adds_up_to_the_prediction_by_the_formula(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    rows = frame[frame["horizon_days"] != 3]
    found = explain_units(model, rows)
    assert found.shape == (len(rows), 1 + len(GROUPS))
    assert found.sum(axis=1) == pytest.approx(predict(model.demand, rows), rel=1e-12)


def test_of_several_members_it_is_the_mean_of_what_explains_each(
    model: ForecastModel, history: InventedHistory, frame: pd.DataFrame
) -> None:
    training = history.training_rows(history.known_through_on)
    rows = frame[frame["horizon_days"] != 3]
    several = replace(model, demand=fit(training, replace(QUICK, members=2)))
    found = explain_units(several, rows)
    assert found.sum(axis=1) == pytest.approx(predict(several.demand, rows), rel=1e-12)
    alone = []
    for member in several.demand.pipeline["regressor"].estimators_:
        pipeline = Pipeline(
            [("columns", several.demand.pipeline["columns"]), ("regressor", member)]
        )
        one = replace(several, demand=replace(several.demand, pipeline=pipeline))
        alone.append(explain_units(one, rows))
    assert found == pytest.approx((alone[0] + alone[1]) / 2, rel=1e-12, abs=1e-12)


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6))
def test_the_logarithmic_mean_is_that_of_its_formula(base: float, units: float) -> None:
    expected = base if units == base else (units - base) / (np.log(units) - np.log(base))
    found = logarithmic_mean(np.array([base]), np.log(np.array([units / base])))
    assert found[0] == pytest.approx(expected, rel=1e-6)
    assert logarithmic_mean(np.array([base]), np.zeros(1))[0] == base


@given(st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=9), st.integers(0, 10**10))
def test_the_largest_contribution_takes_what_rounding_leaves(
    parts: list[float], steps: int
) -> None:
    before = np.array([parts])
    found = in_steps(pd.DataFrame(rounded(before, np.array([steps / 10_000]))))
    assert found.sum() == steps
    changed = np.flatnonzero(found[0] != np.rint(before[0] * 10_000))
    assert set(changed) <= {1 + int(np.abs(before[0, 1:]).argmax())}


def test_every_feature_of_the_frame_belongs_to_a_group_and_every_prefix_to_a_feature() -> None:
    (model,) = yaml.safe_load(FRAME_COLUMNS.read_text())["models"]
    features = [item["name"] for item in model["columns"] if item["name"].startswith("f_")]
    assert len(features) > 40
    inputs = ["product_id", "store_id", "category", "horizon_days", "scale", *features]
    assert {group_of(name) for name in inputs} == set(GROUPS)
    unused = [
        prefix for prefix in GROUP_OF_PREFIX if not any(name.startswith(prefix) for name in inputs)
    ]
    assert not unused
    assert group_of("f_weekday") == "calendar"
    assert group_of("f_weekday_mean_8") == "season"


def test_a_feature_without_a_group_is_refused_by_name(
    history: InventedHistory, model: ForecastModel
) -> None:
    last = history.known_through_on
    rows = history.training_rows(last).assign(f_moon=1.0)
    lunar = replace(model, demand=fit(rows, QUICK))
    frame = history.scoring_rows(history.cutoffs[-1]).assign(f_moon=1.0)
    with pytest.raises(FrameError, match="expected a group for the model's input f_moon"):
        explain(lunar, frame, forecast(lunar, frame))
