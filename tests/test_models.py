"""Model versions in the warehouse: saved once, verified when loaded, one champion."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import duckdb
import pandas as pd
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from dagster_project import models
from dagster_project.features import BuiltFeatures
from dagster_project.forecasting import value_added
from dagster_project.forecasting.calibration import CalibrationRules, calibrate
from dagster_project.forecasting.forecast import ForecastModel, forecast, method_rows
from dagster_project.forecasting.gate import GateThresholds, Verdict, judge
from dagster_project.forecasting.model import fit
from dagster_project.forecasting.scores import COLUMNS, pool
from dagster_project.revision import code_revision, package_versions
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.forecasting.invented_frames import QUICK, InventedHistory, invented_history

TRAINED_AT = datetime(2018, 1, 1, 6, tzinfo=UTC)
PASSED, FAILED = Verdict(True, ()), Verdict(False, ())
LADDER = pd.DataFrame(
    [
        ("overall", None, None, None, None, "naive", 56, 0.9, 1.5, 0.8, 0.1, *[float("nan")] * 3),
        ("overall", None, None, None, None, "model", 56, 0.6, 1, 0.5, 0, 0.3, 0.2, float("nan")),
    ],
    columns=value_added.COLUMNS,
)
FEATURES = BuiltFeatures(scope="demo", code="sql", files="2/123")


@pytest.fixture(scope="module")
def history() -> InventedHistory:
    return invented_history(products=2, stores=2, weeks=20)


@pytest.fixture(scope="module")
def model(history: InventedHistory) -> ForecastModel:
    demand = fit(history.training_rows(history.cutoffs[-6]), replace(QUICK, iterations=5))
    past = history.frame[history.frame["cutoff_on"] == pd.Timestamp(history.cutoffs[-5])]
    rows = method_rows(demand, past).assign(units=past["units"].to_numpy())
    return ForecastModel(date(2017, 12, 31), demand, calibrate(rows, CalibrationRules()))


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    cutoff = pd.Timestamp("2017-12-03")
    records = [
        (method, cutoff, "overall", "all", metric, score, 56)
        for method, score in [("published", 0.6), ("baseline", 0.8)]
        for metric in ("rmsse", "wape_category_totals")
    ]
    records.append(("published", cutoff, "overall", "all", "bias", float("nan"), 56))
    return pool(pd.DataFrame(records, columns=COLUMNS))


@pytest.fixture
def connection(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse(settings) as opened:
        yield opened


def _save(
    connection: duckdb.DuckDBPyConnection,
    model: ForecastModel,
    scores: pd.DataFrame,
    *,
    verdict: Verdict = PASSED,
    later: int = 0,
    features: BuiltFeatures = FEATURES,
    is_backfill: bool = False,
) -> str:
    return models.save(
        connection,
        model,
        scores=scores,
        value_added=LADDER,
        verdict=verdict,
        features=features,
        is_backfill=is_backfill,
        trained_at=TRAINED_AT + timedelta(days=later),
    )


def _later(model: ForecastModel, days: int) -> ForecastModel:
    return replace(model, trained_through_on=model.trained_through_on + timedelta(days=days))


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return connection.execute(f"select count(*) from state.{table}").fetchall()[0][0]


def test_a_saved_model_loads_and_forecasts_the_same(
    connection: duckdb.DuckDBPyConnection,
    model: ForecastModel,
    scores: pd.DataFrame,
    history: InventedHistory,
) -> None:
    name = _save(connection, model, scores)
    frame = history.scoring_rows(history.cutoffs[-1])
    loaded = models.load(connection, name)
    pd.testing.assert_frame_equal(forecast(loaded, frame), forecast(model, frame))
    assert models.version_name(loaded) == name


def test_a_version_is_named_by_its_cutoff_and_content(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    name = _save(connection, model, scores)
    assert name.startswith("2017-12-31-")
    assert len(name) == len("2017-12-31-3f9a1c2b")
    assert models.version_name(_later(model, 7)).startswith("2018-01-07-")


def test_the_record_says_where_the_model_comes_from_and_how_good_it_is(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    verdict = judge(scores, None, GateThresholds())
    record = models.find_record(connection, _save(connection, model, scores, verdict=verdict))
    assert record is not None
    assert record.trained_at == TRAINED_AT
    assert record.trained_through_on == date(2017, 12, 31)
    assert record.parameters == model.demand.parameters
    assert record.features == model.demand.features
    assert record.seed == QUICK.seed
    assert (record.scope, record.feature_code) == ("demo", "sql")
    assert record.input_fingerprint == "demo/sql/2/123"
    assert record.packages["scikit-learn"] == package_versions()["scikit-learn"]
    assert record.code_revision == code_revision()
    assert record.metrics == {"rmsse": 0.6, "wape_category_totals": 0.6, "bias": None}
    assert record.verdict == "passed"
    assert record.reasons == tuple(str(reason) for reason in verdict.reasons)
    assert not record.is_champion


def test_saving_the_same_model_again_changes_nothing(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    name = _save(connection, model, scores)
    models.promote(connection, name)
    before = models.records(connection)
    assert _save(connection, model, scores, verdict=FAILED, later=3) == name
    assert models.records(connection) == before
    assert _count(connection, "backtest_scores") == len(scores)


@pytest.mark.parametrize(("verdict", "stays_champion"), [(PASSED, True), (FAILED, False)])
def test_the_same_model_from_features_of_other_sql_belongs_to_these(
    connection: duckdb.DuckDBPyConnection,
    model: ForecastModel,
    scores: pd.DataFrame,
    verdict: Verdict,
    stays_champion: bool,
) -> None:
    name = _save(connection, model, scores)
    models.promote(connection, name)
    newer = _save(connection, _later(model, 7), scores, later=1)
    other = replace(FEATURES, code="other sql")
    assert models.champion(connection, other) is None

    better = scores.assign(score=scores["score"] / 2)
    again = _save(connection, model, better, features=other, verdict=verdict, later=3)

    assert again == name
    before, record = models.records(connection)
    assert before.model_version == newer
    assert record.fits(other)
    assert (record.verdict, record.is_champion) == (verdict.outcome, stays_champion)
    assert (models.champion(connection, other) is not None) is stays_champion
    assert record.trained_at == TRAINED_AT + timedelta(days=3)
    assert models.scores_of(connection, name)["score"].max() == scores["score"].max() / 2
    for table, rows in (("backtest_scores", len(scores)), ("forecast_value_added", len(LADDER))):
        assert _count(connection, table) == 2 * rows


def test_a_backfill_that_trains_a_live_model_again_leaves_it_live(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    name = _save(connection, model, scores, is_backfill=True)
    assert models.newest(connection, FEATURES) is None
    _save(connection, model, scores)
    _save(connection, model, scores, features=replace(FEATURES, code="new"), is_backfill=True)
    found = models.find_record(connection, name)
    assert found is not None
    assert not found.is_backfill


def test_the_ladder_is_kept_once_per_model_with_null_for_undefined(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    first, second = _save(connection, model, scores), _save(connection, _later(model, 7), scores)
    _save(connection, model, scores)
    rows = connection.execute(
        "select model_version, slice, rung, days, rmsse::double, value_added::double,"
        " value_added_upper, product_id from state.forecast_value_added order by all"
    ).fetchall()
    assert rows == [
        (name, "overall", *values, None, None)
        for name in (first, second)
        for values in [("model", 56, 0.6, 0.3), ("naive", 56, 0.9, None)]
    ]


def test_scores_come_back_as_they_were_saved_with_null_for_undefined(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    name = _save(connection, model, scores)
    found = models.scores_of(connection, name)
    keys = COLUMNS[:5]
    pd.testing.assert_frame_equal(
        found.sort_values(keys, ignore_index=True),
        scores.sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    null = connection.execute("select count(*) from state.backtest_scores where score is null")
    assert null.fetchall() == [(2,)]
    assert models.skill(connection, name) == pytest.approx(
        {"rmsse": 0.25, "wape_category_totals": 0.25}
    )


def test_changed_bytes_are_refused(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    name = _save(connection, model, scores)
    connection.execute("update state.model_versions set model = model || 'x'::blob")
    with pytest.raises(models.ModelCorrupted, match=f"model {name}: expected bytes with sha256"):
        models.load(connection, name)


def test_a_model_that_asks_for_other_types_is_refused_even_with_the_right_hash(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    name = _save(connection, model, scores)
    evil = skops.io.dumps({"pipeline": FunctionTransformer(func=subprocess.getoutput)})
    connection.execute(
        "update state.model_versions set model = ?, sha256 = ?",
        [evil, hashlib.sha256(evil).hexdigest()],
    )
    with pytest.raises(models.ModelCorrupted, match=r"expected only trusted types.*getoutput"):
        models.load(connection, name)


def test_only_the_listed_types_have_to_be_trusted(
    model: ForecastModel, history: InventedHistory
) -> None:
    other = replace(QUICK, estimator="hist_gradient_boosting", loss="poisson", iterations=2)
    demand = fit(history.training_rows(history.cutoffs[-6]), other)
    found = set()
    for one in (model, replace(model, demand=demand)):
        found |= set(skops.io.get_untrusted_types(data=skops.io.dumps(one.to_state())))
    assert sorted(found) == models.TRUSTED_TYPES


def test_an_unknown_version_is_refused_with_those_there_are(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    with pytest.raises(models.ModelUnknown, match="known: none yet"):
        models.load(connection, "2017-01-01-aaaaaaaa")
    name = _save(connection, model, scores)
    with pytest.raises(models.ModelUnknown, match=f"known: {name}"):
        models.promote(connection, "2017-01-01-aaaaaaaa")
    assert models.champion(connection, FEATURES) is None


def test_there_is_one_champion_at_a_time(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    assert models.champion(connection, FEATURES) is None
    assert models.champion_scores(connection, FEATURES) is None
    first = _save(connection, model, scores)
    second = _save(connection, _later(model, 7), scores, later=7)
    for name in (first, second, first):
        models.promote(connection, name)
        found = [r.model_version for r in models.records(connection) if r.is_champion]
        assert found == [name]
        champion = models.champion(connection, FEATURES)
        assert champion is not None
        assert champion[0] == name == models.version_name(champion[1])
    assert len(models.champion_scores(connection, FEATURES)) == len(scores)


def test_a_challenger_that_failed_its_gate_leaves_the_champion(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    assert models.promote_newest(connection) is None
    _save(connection, model, scores, verdict=FAILED)
    assert models.promote_newest(connection) is None
    second = _save(connection, _later(model, 7), scores, later=7)
    assert models.promote_newest(connection) == second
    third = _save(connection, _later(model, 14), scores, verdict=FAILED, later=14)
    assert models.promote_newest(connection) == second
    newest = models.newest(connection, FEATURES)
    assert newest is not None
    assert newest[0] == third


def test_a_model_of_another_scope_or_other_sql_is_not_used(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    models.promote(connection, _save(connection, model, scores))
    other_files = replace(FEATURES, files="3/456")
    other_sql = replace(FEATURES, code="changed")
    other_scope = replace(FEATURES, scope="wider")
    assert models.champion(connection, other_files) is not None
    for features in (other_sql, other_scope):
        assert models.champion(connection, features) is None
        assert models.newest(connection, features) is None
    assert models.champion_scores(connection, other_sql) is not None, "the series are the same"
    assert models.champion_scores(connection, other_scope) is None


def test_a_backfills_model_is_kept_but_never_in_use(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    first = _save(connection, model, scores)
    past = _save(connection, _later(model, -7), scores, later=1, is_backfill=True)
    record = models.find_record(connection, past)
    assert record is not None and record.is_backfill
    assert models.promote_newest(connection) == first
    assert [r.model_version for r in models.fitting_records(connection, FEATURES)] == [first]


def test_the_newest_record_up_to_a_moment_is_found(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    names = [_save(connection, _later(model, d), scores, later=d) for d in (0, 7)]
    moments = [TRAINED_AT + timedelta(days=days) for days in (-1, 0, 6, 7)]
    found = [models.newest_record(connection, trained_before=moment) for moment in moments]
    assert [r and r.model_version for r in found] == [None, names[0], names[0], names[1]]


class Killed(BaseException):
    """Stands for kill -9 at a commit point."""


def test_a_kill_after_saving_or_promoting_leaves_whole_steps(
    settings: Settings,
    model: ForecastModel,
    scores: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = models.version_name(model)

    def kill(_: str) -> None:
        raise Killed

    monkeypatch.setattr(models, "commit_point", kill)
    with pytest.raises(Killed), warehouse(settings) as connection:
        _save(connection, model, scores)
    with pytest.raises(Killed), warehouse(settings) as connection:
        assert _count(connection, "backtest_scores") == len(scores)
        models.promote(connection, name)
    monkeypatch.undo()
    with warehouse(settings) as connection:
        assert _save(connection, model, scores) == name
        assert _count(connection, "model_versions") == 1
        assert models.promote_newest(connection) == name


def test_a_kill_within_saving_leaves_nothing(
    settings: Settings,
    model: ForecastModel,
    scores: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def kill(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(models, "_insert_scores", kill)
    with pytest.raises(Killed), warehouse(settings) as connection:
        _save(connection, model, scores)
    monkeypatch.undo()
    with warehouse(settings) as connection:
        assert _count(connection, "model_versions") == 0


def test_a_model_of_another_state_format_is_as_good_as_none(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, scores: pd.DataFrame
) -> None:
    name = _save(connection, model, scores)
    models.promote(connection, name)
    assert models.champion(connection, FEATURES) is not None
    # As a home written before the format was kept: the column is empty, or not there at all.
    connection.execute("update state.model_versions set state_format = null")
    assert models.champion(connection, FEATURES) is None
    assert models.fitting_records(connection, FEATURES) == [], "so that retraining is due"
    connection.execute("alter table state.model_versions drop column state_format")
    assert [record.state_format for record in models.records(connection)] == [None]
