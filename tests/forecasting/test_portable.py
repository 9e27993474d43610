"""The exported model in ONNX, SQL and skops says what the model says, in the same bytes."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import onnxruntime
import pandas as pd
import pyarrow.parquet as pq
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.assets.model_card import SECTIONS, model_card
from dagster_project.assets.model_export import HOLDOUT_ROWS, model_files
from dagster_project.forecasting.backtest import Backtest
from dagster_project.forecasting.forecast import ForecastModel, forecast
from dagster_project.forecasting.inputs import input_columns, number_columns, raw_inputs
from dagster_project.forecasting.model import DemandModel, fit, predict
from dagster_project.forecasting.onnx_model import onnx_bytes, round_down
from dagster_project.forecasting.skops_model import skops_bytes
from dagster_project.forecasting.sql_model import inputs_table, macro_sql
from dagster_project.models import TRUSTED_TYPES, ModelRecord
from dagster_project.parameters import HIST_GRADIENT_BOOSTING, LIGHTGBM
from tests.forecasting.invented_frames import QUICK, InventedHistory

IDS = {
    "product_id": ["product 0", "product 4", "never seen", None],
    "store_id": ["0", "3", "never seen"],
    "category": ["category 0", "category 1", None],
}


@pytest.fixture(scope="module", params=[(LIGHTGBM, 1), (LIGHTGBM, 3), (HIST_GRADIENT_BOOSTING, 1)])
def demand(request: pytest.FixtureRequest, history: InventedHistory) -> DemandModel:
    """A model that has met nulls in a feature, and none in the others."""
    estimator, members = request.param
    parameters = replace(QUICK, estimator=estimator, members=members, loss="poisson")
    rows = history.training_rows(history.known_through_on)
    return fit(rows.assign(f_mean_14=rows["f_mean_14"].where(rows["f_weekday"] > 1)), parameters)


@pytest.fixture(scope="module")
def frame(history: InventedHistory) -> pd.DataFrame:
    return history.scoring_rows(history.cutoffs[-1]).reset_index(drop=True)


def on_onnx(model: bytes, inputs: pd.DataFrame) -> np.ndarray:
    """Units as onnxruntime gives them; null is NaN."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    columns = {item.name: inputs[[item.name]].to_numpy() for item in session.get_inputs()}
    (units,) = session.run(["units"], columns)
    return np.asarray(units)[:, 0]


def on_duckdb(demand: DemandModel, inputs: pd.DataFrame) -> np.ndarray:
    """Units as the macro gives them, from Parquet as it is published."""
    with duckdb.connect() as connection:
        connection.execute(macro_sql(demand))
        connection.register("given", inputs)
        found = connection.execute(
            "select predict_units(rows) as units from (select *, row_number() over () as n"
            " from given) as rows order by n"
        )
        return np.asarray(found.fetchnumpy()["units"])


def invented_rows(demand: DemandModel) -> st.SearchStrategy[dict[str, Any]]:
    """Rows on both sides of thresholds, with nulls and ids that the model has never seen."""
    number = st.one_of(st.none(), st.floats(-2, 60, width=32), st.integers(0, 6).map(float))
    return st.fixed_dictionaries(
        {
            **{name: st.sampled_from(values) for name, values in IDS.items()},
            **{name: number for name in demand.features},
            "horizon_days": st.integers(1, 28),
            "is_open": st.sampled_from([True, False, None]),
        }
    )


@settings(max_examples=15)
@given(st.data())
def test_sql_and_onnx_say_what_python_says_of_any_row(demand: DemandModel, data: Any) -> None:
    given_rows = data.draw(st.lists(invented_rows(demand), min_size=1, max_size=30))
    rows = pd.DataFrame(given_rows).astype(dict.fromkeys(demand.features, float))
    days = pd.Timestamp("2017-12-01") + pd.to_timedelta(np.arange(len(rows)), unit="D")
    rows = rows.assign(
        cutoff_on=pd.Timestamp("2017-11-30"), target_on=days, baseline_units=0.0, naive_units=0.0
    )
    rows = rows.fillna({"product_id": "", "store_id": ""})
    rows = rows.sort_values(["product_id", "store_id", "target_on"], ignore_index=True)
    expected = predict(demand, rows)
    assert on_duckdb(demand, inputs_table(demand, rows)) == pytest.approx(expected, rel=1e-9)
    is_open = (rows["is_open"].astype(object) != False).to_numpy()  # noqa: E712
    if is_open.any():
        inputs = raw_inputs(rows, demand.features, demand.parameters)[is_open]
        found = on_onnx(onnx_bytes(demand, "m"), inputs)
        assert found == pytest.approx(expected[is_open], rel=1e-5)


def test_every_published_form_gives_the_expected_outputs_of_the_holdout(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    files = model_files(model, "2017-11-19-12345678", frame)
    holdout = pq.read_table(io.BytesIO(files["holdout.parquet"])).to_pandas()
    assert len(holdout) == HOLDOUT_ROWS
    columns = input_columns(model.demand.features)
    assert list(holdout.columns) == [*columns, "expected_ratio", "expected_units"]

    session = onnxruntime.InferenceSession(files["model.onnx"], providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_inputs()] == columns
    ratio, units = session.run(None, {name: holdout[[name]].to_numpy() for name in columns})
    assert ratio[:, 0] == pytest.approx(holdout["expected_ratio"], rel=1e-5)
    assert units[:, 0] == pytest.approx(holdout["expected_units"], rel=1e-5)

    state = skops.io.loads(files["model.skops"], trusted=TRUSTED_TYPES)
    again = ForecastModel.from_state(state)
    assert forecast(again, frame).equals(forecast(model, frame))

    inputs = pq.read_table(io.BytesIO(files["inputs.parquet"])).to_pandas()
    expected = predict(model.demand, frame.sort_values(["product_id", "store_id", "target_on"]))
    assert on_duckdb(model.demand, inputs) == pytest.approx(expected, rel=1e-9)


def test_the_same_model_gives_the_same_bytes_fitted_again_or_loaded(
    model: ForecastModel, history: InventedHistory, frame: pd.DataFrame
) -> None:
    files = model_files(model, "v", frame)
    state = skops.io.loads(files["model.skops"], trusted=TRUSTED_TYPES)
    rows = history.training_rows(history.known_through_on).sample(frac=1, random_state=3)
    for again in (
        ForecastModel.from_state(state),
        ForecastModel.from_state(skops.io.loads(skops.io.dumps(model.to_state()), TRUSTED_TYPES)),
        replace(model, demand=fit(rows, QUICK)),
    ):
        assert model_files(again, "v", frame.sample(frac=1, random_state=4)) == files
    another = replace(model, demand=fit(rows, replace(QUICK, seed=1)))
    assert skops_bytes(another) != files["model.skops"]


def test_a_changed_promotion_changes_the_answer_and_a_null_is_an_answer_too(
    model: ForecastModel, frame: pd.DataFrame
) -> None:
    inputs = inputs_table(model.demand, frame)
    for share in (1.0, None):
        asked = on_duckdb(
            model.demand,
            inputs.assign(f_promo_plan_share=pd.array([share] * len(inputs), "Float32")),
        )
        ordered = frame.sort_values(["product_id", "store_id", "target_on"])
        expected = predict(
            model.demand,
            ordered.assign(f_promo_plan_share=share).astype({"f_promo_plan_share": float}),
        )
        assert asked == pytest.approx(expected, rel=1e-9)
    numbers = number_columns(model.demand.features)
    assert list(inputs.columns[-len(numbers) :]) == numbers


def test_the_card_tells_how_good_the_model_was_where_and_from_what(
    model: ForecastModel, backtest: Backtest, frame: pd.DataFrame
) -> None:
    record = ModelRecord(
        model_version="2017-11-19-12345678",
        trained_at=datetime(2017, 11, 20, tzinfo=UTC),
        trained_through_on=model.trained_through_on,
        sha256="",
        parameters=QUICK,
        features=model.demand.features,
        seed=QUICK.seed,
        scope="scope",
        feature_code="code",
        input_fingerprint="scope/code/files",
        code_revision="abc123",
        packages={"lightgbm": "4.7.0"},
        metrics={},
        verdict="passed",
        reasons=("passed: RMSSE",),
        is_champion=True,
        is_backfill=False,
    )
    by_series = pd.DataFrame(
        {"rmsse": [0.5, 0.7, 0.9], "baseline_rmsse": [0.6, 0.8, 0.8]}, index=["a", "b", "c"]
    )
    card = model_card(
        record,
        model,
        backtest.scores,
        frame=frame.head(20),
        by_series=by_series,
        contact="us@example.com",
        holdout_rows=20,
    )
    assert tuple(re.findall("^## (.*)$", card, re.MULTILINE))[: len(SECTIONS)] == SECTIONS
    assert "| Made by | us@example.com, who also answers questions |" in card
    assert "3 series are scored; in 67% of them the model's RMSSE is below" in card
    assert "| 50% | 0.700 | 0.800 |" in card
    cutoffs = backtest.scores["cutoff_on"].dropna().astype(str).str[:10].unique()
    assert f"{len(cutoffs)} rolling origins up to {model.trained_through_on}" in card
    assert max(cutoffs) in card
    assert "| `holdout.parquet` | 20 of its rows with" in card
    assert card.startswith("# Model 2017-11-19-12345678\n")
    assert "| Gate | passed: RMSSE |" in card
    assert "* calendar: `f_weekday`\n" in card
    pooled = backtest.scores[backtest.scores["cutoff_on"].isna()]
    chosen = {"method": "published", "slice": "store", "metric": "rmsse"}
    by_store = pooled[(pooled[list(chosen)] == pd.Series(chosen)).all(axis=1)]
    worst = by_store.set_index("slice_value")["score"].sort_values(ascending=False)
    table = card.partition("By store, the worst:\n\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in table[2:]] == list(worst.index)
    assert f"{worst.iloc[0]:.3f}" in table[2]


@given(st.floats(-1e38, 3e38))
def test_a_threshold_keeps_every_float32_on_its_side(threshold: float) -> None:
    (found,) = round_down(np.array([threshold]))
    assert found.dtype == np.float32
    assert float(found) <= threshold
    above = np.nextafter(found, np.float32(np.inf))
    assert threshold < float(above)
