"""Model versions as rows of the warehouse: save, load and verify them, name the champion."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from dagster_project.features import BuiltFeatures
from dagster_project.forecasting.forecast import STATE_FORMAT, ForecastModel, content_hash
from dagster_project.forecasting.gate import METRICS, PASSED, Verdict
from dagster_project.forecasting.scores import COLUMNS
from dagster_project.parameters import Parameters
from dagster_project.revision import code_revision, package_versions
from dagster_project.warehouse import commit_point, transaction

TRUSTED_TYPES = [
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMRegressor",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]
"""What loading may build besides skops' own safe list; never what a file asks for."""


class ModelUnknown(LookupError):
    """No model version has this name."""


class ModelCorrupted(RuntimeError):
    """The stored bytes of a model are not those that were saved, or ask for untrusted types."""


@dataclass(frozen=True)
class ModelRecord:
    """A row of state.model_versions without the model itself.

    Attributes:
        model_version: see `version_name`.
        trained_at: when, with time zone.
        trained_through_on: last day of sales that training could see.
        sha256: of the stored bytes.
        parameters: how the model was fitted.
        features: feature columns, in the order of the model.
        seed: seed of the sample and of the first member.
        scope: hash of the deployed sources and what they declare.
        feature_code: hash of the SQL that its features come from.
        input_fingerprint: of the features at its cutoff: scope, code and files.
        code_revision: see `revision.code_revision`.
        packages: see `revision.package_versions`.
        metrics: overall backtest scores of the published forecast; an undefined one is None.
        verdict: `passed` or `failed`.
        reasons: every rule of the gate with outcome, figure and limit.
        is_champion: whether forecasts are made with it.
        is_backfill: whether it was trained afterwards, to forecast a past origin.
        state_format: `forecast.STATE_FORMAT` of the code that wrote it; None is older than that.
    """

    model_version: str
    trained_at: datetime
    trained_through_on: date
    sha256: str
    parameters: Parameters
    features: tuple[str, ...]
    seed: int
    scope: str
    feature_code: str
    input_fingerprint: str
    code_revision: str
    packages: dict[str, str]
    metrics: dict[str, float | None]
    verdict: str
    reasons: tuple[str, ...]
    is_champion: bool
    is_backfill: bool
    state_format: int | None = None

    def fits(self, features: BuiltFeatures) -> bool:
        """Whether it was trained on features of the same scope and SQL, and this code reads it.

        A model of another format is as good as none: the next run trains again.
        """
        trained_on = (self.scope, self.feature_code, self.state_format)
        return trained_on == (features.scope, features.code, STATE_FORMAT)


def version_name(model: ForecastModel) -> str:
    """Name that the same training always gives: cutoff and content, as 2017-12-31-3f9a1c2b."""
    return f"{model.trained_through_on.isoformat()}-{content_hash(model)[:8]}"


def save(
    connection: duckdb.DuckDBPyConnection,
    model: ForecastModel,
    *,
    scores: pd.DataFrame,
    value_added: pd.DataFrame,
    verdict: Verdict,
    features: BuiltFeatures,
    is_backfill: bool = False,
    trained_at: datetime | None = None,
) -> str:
    """Store a model with the evidence of its backtest, in one transaction, and return its name.

    A model that is stored already for such features is left as it is, with the evidence it was
    stored with, so a run that was killed can be repeated. Features of other SQL with the same
    values give the same model: it keeps its name, its record and evidence become those of today.

    Args:
        connection: the warehouse.
        model: a fitted model.
        scores: backtest scores, columns of `forecasting.scores.COLUMNS`.
        value_added: its ladder, columns of `forecasting.value_added.COLUMNS`.
        verdict: outcome of the gate with its reasons.
        features: what the features at its cutoff were built from.
        is_backfill: whether it was trained afterwards, to forecast a past origin.
        trained_at: when, with time zone; now where it is left out.
    """
    import skops.io  # takes seconds, which most commands need not wait for

    name = version_name(model)
    dump = skops.io.dumps(model.to_state())
    row = {
        "model_version": name,
        "trained_at": trained_at or datetime.now(UTC),
        "trained_through_on": model.trained_through_on,
        "model": dump,
        "sha256": hashlib.sha256(dump).hexdigest(),
        "parameters": json.dumps(asdict(model.demand.parameters), sort_keys=True),
        "features": list(model.demand.features),
        "seed": model.demand.parameters.seed,
        "scope": features.scope,
        "feature_code": features.code,
        "input_fingerprint": features.fingerprint,
        "code_revision": code_revision(),
        "packages": json.dumps(package_versions(), sort_keys=True),
        "metrics": json.dumps(_overall(scores, "published"), sort_keys=True),
        "verdict": verdict.outcome,
        "reasons": [str(reason) for reason in verdict.reasons],
        "is_champion": False,
        "is_backfill": is_backfill,
        "state_format": STATE_FORMAT,
    }
    with transaction(connection):
        found = find_record(connection, name)
        if found is not None:
            row["is_champion"] = found.is_champion and verdict.passed
            row["is_backfill"] = found.is_backfill and is_backfill
        if found is None or not found.fits(features) or found.is_backfill != row["is_backfill"]:
            _forget(connection, name)
            connection.execute(
                f"insert into state.model_versions ({', '.join(row)}) "
                f"values ({', '.join('?' for _ in row)})",
                list(row.values()),
            )
            _insert_scores(connection, name, scores)
            _insert_value_added(connection, name, value_added)
    commit_point("model_saved")
    return name


def load(connection: duckdb.DuckDBPyConnection, model_version: str) -> ForecastModel:
    """Load a model after verifying its bytes; loading runs no code of the file.

    Raises:
        ModelUnknown: no such version.
        ModelCorrupted: the bytes do not have the recorded hash, or cannot be read safely.
    """
    import skops.io

    row = connection.execute(
        "select model, sha256 from state.model_versions where model_version = ?", [model_version]
    ).fetchone()
    if row is None:
        raise _unknown(connection, model_version)
    found = hashlib.sha256(row[0]).hexdigest()
    if found != row[1]:
        raise ModelCorrupted(
            f"model {model_version}: expected bytes with sha256 {row[1]}, found {found}. Restore "
            "the warehouse from a backup, or train again."
        )
    try:
        return ForecastModel.from_state(skops.io.loads(row[0], trusted=TRUSTED_TYPES))
    except skops.io.exceptions.UntrustedTypesFoundException as error:
        raise ModelCorrupted(
            f"model {model_version}: expected only trusted types, found others: {error}. It was "
            "not written by meshcast; do not use it, train again."
        ) from error


def promote(connection: duckdb.DuckDBPyConnection, model_version: str) -> None:
    """Make a version the only champion, in one transaction.

    Raises:
        ModelUnknown: no such version.
    """
    with transaction(connection):
        if find_record(connection, model_version) is None:
            raise _unknown(connection, model_version)
        connection.execute(
            "update state.model_versions set is_champion = (model_version = $name) "
            "where is_champion <> (model_version = $name)",
            {"name": model_version},
        )
    commit_point("champion_changed")


def promote_newest(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Make the newest version champion where it passed its gate; return the champion's name."""
    challenger = newest_record(connection)
    if challenger is not None and challenger.verdict == PASSED and not challenger.is_champion:
        promote(connection, challenger.model_version)
    live = champion_record(connection)
    return live.model_version if live else None


def champion(
    connection: duckdb.DuckDBPyConnection, features: BuiltFeatures
) -> tuple[str, ForecastModel] | None:
    """Name and model of the live version; None where there is none that fits the features."""
    live = champion_record(connection)
    return _loaded(connection, live if live and live.fits(features) else None)


def newest(
    connection: duckdb.DuckDBPyConnection, features: BuiltFeatures
) -> tuple[str, ForecastModel] | None:
    """Name and model of the version trained last, passed or not, that fits the features."""
    fitting = fitting_records(connection, features)
    return _loaded(connection, fitting[-1] if fitting else None)


def champion_record(connection: duckdb.DuckDBPyConnection) -> ModelRecord | None:
    """The record of the live version, or None before the first promotion."""
    found = _records(connection, "where is_champion", [])
    return found[-1] if found else None


def newest_record(
    connection: duckdb.DuckDBPyConnection, *, trained_before: datetime | None = None
) -> ModelRecord | None:
    """The record of the version trained last, at all or up to a moment; no backfill's."""
    found = _records(
        connection,
        "where not is_backfill and trained_at <= coalesce(?, 'infinity'::timestamptz)",
        [trained_before],
    )
    return found[-1] if found else None


def fitting_records(
    connection: duckdb.DuckDBPyConnection, features: BuiltFeatures
) -> list[ModelRecord]:
    """The records of versions that fit the features, oldest first; no backfill's."""
    found = _records(connection, "where not is_backfill", [])
    return [record for record in found if record.fits(features)]


def find_record(connection: duckdb.DuckDBPyConnection, name: str) -> ModelRecord | None:
    """The record of a version, or None."""
    found = _records(connection, "where model_version = ?", [name])
    return found[0] if found else None


def records(connection: duckdb.DuckDBPyConnection) -> list[ModelRecord]:
    """The records of all versions, oldest first."""
    return _records(connection, "", [])


def scores_of(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Backtest scores of a version, columns of `forecasting.scores.COLUMNS`."""
    return connection.execute(
        f"select {', '.join(COLUMNS)} from state.backtest_scores where model_version = ? "
        f"order by {', '.join(COLUMNS[:5])}",
        [name],
    ).df()


def champion_scores(
    connection: duckdb.DuckDBPyConnection, features: BuiltFeatures
) -> pd.DataFrame | None:
    """Backtest scores of the live version; None where there is none of the same scope.

    Scores of other series or another horizon say nothing about these.
    """
    live = champion_record(connection)
    if live is None or live.scope != features.scope:
        return None
    return scores_of(connection, live.model_version)


def skill(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, float]:
    """1 - published error / baseline error in the backtest, for the metrics the gate judges."""
    scores = scores_of(connection, name)
    published, baseline = _overall(scores, "published"), _overall(scores, "baseline")
    return {
        metric: 1 - error / reference
        for metric in METRICS
        if (error := published.get(metric)) is not None and (reference := baseline.get(metric))
    }


def _forget(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    for table in ("model_versions", "backtest_scores", "forecast_value_added"):
        connection.execute(f"delete from state.{table} where model_version = ?", [name])


def _insert_scores(connection: duckdb.DuckDBPyConnection, name: str, scores: pd.DataFrame) -> None:
    columns = ", ".join(COLUMNS)
    connection.register("new_scores", scores[COLUMNS])
    try:
        connection.execute(
            f"insert into state.backtest_scores (model_version, {columns}) "
            f"select ?, * replace (if(isnan(score), null, score) as score) from new_scores",
            [name],
        )
    finally:
        connection.unregister("new_scores")


def _insert_value_added(
    connection: duckdb.DuckDBPyConnection, name: str, value_added: pd.DataFrame
) -> None:
    # Arrow knows null from NaN, which no decimal can hold.
    connection.register("new_ladder", pa.Table.from_pandas(value_added, preserve_index=False))
    try:
        connection.execute(
            "insert into state.forecast_value_added by name"
            " select ? as model_version, new_ladder.* from new_ladder",
            [name],
        )
    finally:
        connection.unregister("new_ladder")


def _records(
    connection: duckdb.DuckDBPyConnection, where: str, values: list[Any]
) -> list[ModelRecord]:
    result = connection.execute(
        # all columns: a home that is only read may be from before the newest
        f"select * exclude (model) from state.model_versions {where} "
        "order by trained_at, model_version",
        values,
    )
    names = [column[0] for column in result.description or ()]
    return [_record(dict(zip(names, row, strict=True))) for row in result.fetchall()]


def _record(row: dict[str, Any]) -> ModelRecord:
    parsed: dict[str, Any] = {
        "parameters": Parameters(**json.loads(row["parameters"])),
        "packages": json.loads(row["packages"]),
        "metrics": json.loads(row["metrics"]),
        "features": tuple(row["features"]),
        "reasons": tuple(row["reasons"]),
    }
    return ModelRecord(**{**row, **parsed})


def _loaded(
    connection: duckdb.DuckDBPyConnection, record: ModelRecord | None
) -> tuple[str, ForecastModel] | None:
    return (
        None if record is None else (record.model_version, load(connection, record.model_version))
    )


def _unknown(connection: duckdb.DuckDBPyConnection, name: str) -> ModelUnknown:
    known = ", ".join(record.model_version for record in records(connection))
    return ModelUnknown(f"model {name!r}: expected a stored version, known: {known or 'none yet'}")


def _overall(scores: pd.DataFrame, method: str) -> dict[str, float | None]:
    """Mean score over the reported origins by metric; an undefined one is None."""
    chosen = scores[
        (scores["method"] == method) & (scores["slice"] == "overall") & scores["cutoff_on"].isna()
    ]
    return {
        str(metric): None if pd.isna(score) else float(score)
        for metric, score in zip(chosen["metric"], chosen["score"], strict=True)
    }
