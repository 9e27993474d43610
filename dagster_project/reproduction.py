"""Build a publication again from the files and the model it names, and compare hashes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import duckdb
import pandas as pd

from dagster_project import models
from dagster_project.assets.dbt import dbt_build
from dagster_project.assets.forecast import BASELINE_VERSION, append_forecast, as_adapted
from dagster_project.assets.frames import read_frame
from dagster_project.assets.model_card import CARD_FILE
from dagster_project.assets.model_export import model_files
from dagster_project.assets.publication import provenance
from dagster_project.assets.training import forecast_scope, train_as_of
from dagster_project.features import built_features
from dagster_project.forecasting.explanation import explain
from dagster_project.forecasting.forecast import ForecastModel, forecast
from dagster_project.forecasting.gate import GateThresholds, judge
from dagster_project.landing import register_landed, sha256_of
from dagster_project.models import ModelRecord
from dagster_project.privacy import private_folder
from dagster_project.publishing import (
    InputFile,
    Publication,
    erasures,
    find_publication,
    interrupted_since,
    prepare_candidate,
    publication_folder,
    read_inputs,
    read_ports,
)
from dagster_project.revision import code_revision, package_versions
from dagster_project.settings import Settings
from dagster_project.sql_functions import KEY_FILE
from dagster_project.stages import stage
from dagster_project.warehouse import warehouse

FILES_AT_TRAINING = """
select source, entity, path
from state.landing_files
where status = 'accepted' and first_seen_at <= ?
"""


class CannotReproduce(RuntimeError):
    """Something that a publication was made from is not there any more."""


@dataclass(frozen=True)
class Comparison:
    """One thing that was built again."""

    name: str
    published: str
    reproduced: str

    @property
    def is_identical(self) -> bool:
        """Whether both are the same."""
        return self.published == self.reproduced


@dataclass(frozen=True)
class Reproduction:
    """What building a publication again has shown.

    Attributes:
        publication: its number.
        is_identical: whether every compared hash is the same.
        comparisons: the model and each port.
        differences: what else is not as it was, such as the code's revision or a package.
    """

    publication: int
    is_identical: bool
    comparisons: tuple[Comparison, ...]
    differences: tuple[str, ...]


def reproduce(settings: Settings, number: int) -> Reproduction:
    """Build a publication again in a home of its own, which is removed afterwards.

    The input files are linked, the cleaning and the features built, the model trained again as of
    its own cutoff and the forecast made again; then content hashes are compared.

    Raises:
        UnknownPublication: it is not kept.
        CannotReproduce: an input file or the model is gone or has changed; names the first.
    """
    published = find_publication(settings, number)
    inputs = read_inputs(publication_folder(settings, number))
    apart = replace(
        settings,
        home=settings.home / "reproduced" / str(number),
        sources=tuple(dict.fromkeys(item.source for item in inputs)),
        today=published.published_at.date(),  # a table may have met its end of life since
    )
    shutil.rmtree(apart.home, ignore_errors=True)
    try:
        with warehouse(settings) as connection:
            record = _model_record(connection, published)
            at_training = _files_at_training(connection, record)
        late = [item for item in inputs if (item.source, item.entity, item.path) not in at_training]
        early = [item for item in inputs if item not in late]
        _take_key(settings, apart)
        with stage("ingest the files of the model"):
            _ingest(settings, apart, early)
        model = _train_again(apart, record)
        with stage("ingest the files that came later"):
            if late:
                _ingest(settings, apart, late)
        hashes = _publish_again(apart, published, model)
    finally:
        shutil.rmtree(apart.home, ignore_errors=True)
    comparisons = (
        Comparison("model", record.model_version, models.version_name(model)),
        *(
            Comparison(relation, published_hash, hashes.get(relation, "missing"))
            for relation, published_hash in _compared_hashes(published).items()
        ),
    )
    return Reproduction(
        publication=number,
        is_identical=all(comparison.is_identical for comparison in comparisons),
        comparisons=comparisons,
        differences=(*_erased(settings, published), *_differences(published)),
    )


def _model_record(connection: duckdb.DuckDBPyConnection, published: Publication) -> ModelRecord:
    """The model a publication was made with; for the baseline the challenger it was taken from."""
    if published.model_version == BASELINE_VERSION:
        record = models.newest_record(connection, trained_before=published.issued_at)
    else:
        record = models.find_record(connection, published.model_version)
    if record is None:
        raise CannotReproduce(
            f"publication {published.number}: expected model {published.model_version} in "
            "state.model_versions, found none. It can be queried, but not built again."
        )
    return record


def _files_at_training(
    connection: duckdb.DuckDBPyConnection, record: ModelRecord
) -> set[tuple[str, str, str]]:
    rows = connection.execute(FILES_AT_TRAINING, [record.trained_at]).fetchall()
    return {(source, entity, path) for source, entity, path in rows}


def _take_key(settings: Settings, apart: Settings) -> None:
    """The customer hash needs the home's key; without it nobody's hash would be the same."""
    private_folder(apart.home.parent)
    apart.home.mkdir()
    key = settings.home / KEY_FILE
    if key.exists():
        shutil.copy2(key, apart.home / KEY_FILE)


def _ingest(settings: Settings, apart: Settings, inputs: Sequence[InputFile]) -> None:
    """Link files into the home apart, register them, and build up to the features."""
    for item in inputs:
        relative = f"{item.source}/{item.entity}/{item.path}"
        file = settings.landing / relative
        if not file.exists() or sha256_of(file) != item.sha256:
            found = "another content" if file.exists() else "no such file"
            raise CannotReproduce(
                f"{file}: expected the bytes with sha256 {item.sha256}, found {found}. Put the "
                f"file back as it was landed.{_forgotten_hint(settings)}"
            )
        target = apart.landing / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)
    with warehouse(apart) as connection:
        # What landing took once, it takes again, on whichever day.
        register_landed(replace(apart, today=date.max), connection)
    dbt_build(apart, exclude="data_products")


def _train_again(apart: Settings, record: ModelRecord) -> ForecastModel:
    """Train as of the model's own cutoff and store it, as its ladder is published."""
    with warehouse(apart) as connection:
        trained = train_as_of(
            connection,
            forecast_scope(apart),
            cutoff_on=record.trained_through_on,
            parameters=record.parameters,
        )
        models.save(
            connection,
            trained.model,
            scores=trained.backtest.scores,
            value_added=trained.value_added,
            verdict=judge(trained.backtest.scores, None, GateThresholds()),
            features=built_features(connection, record.trained_through_on),
        )
    return trained.model


def _publish_again(apart: Settings, published: Publication, model: ForecastModel) -> dict[str, str]:
    """Forecast and write a candidate; content hash by relation."""
    is_baseline = published.model_version == BASELINE_VERSION
    with stage("score"), warehouse(apart) as connection:
        used = model.as_baseline() if is_baseline else model
        frame = read_frame(connection, published.cutoff_on)
        rows = forecast(as_adapted(connection, used, published.cutoff_on), frame)
        append_forecast(
            connection,
            rows,
            explain(used, frame, rows),
            model_version=BASELINE_VERSION if is_baseline else models.version_name(model),
            fingerprint=built_features(connection, published.cutoff_on).fingerprint,
            cutoff_on=published.cutoff_on,
            is_backfill=False,
        )
    with stage("data products"):
        dbt_build(apart, select="data_products")
        with warehouse(apart) as connection:
            candidate = prepare_candidate(
                apart,
                connection,
                provenance(),
                None if is_baseline else partial(_export_again, model, frame),
            )
    if candidate is None:
        raise RuntimeError(f"{apart.home}: expected a candidate in a new home, found none")
    return _compared_hashes(candidate.publication)


def _export_again(
    model: ForecastModel,
    frame: pd.DataFrame,
    _: duckdb.DuckDBPyConnection,
    publication: Publication,
) -> dict[str, bytes]:
    return model_files(model, publication.model_version, frame)


def _compared_hashes(publication: Publication) -> dict[str, str]:
    """Content hash by relation, and the model's files by path.

    Of tables of all forecasts only the newest one counts: what was believed before cannot be
    brought back by these input files alone. The card is left out: it tells when it was trained.
    """
    by_version = {port.relation for port in read_ports() if port.value_of == "forecast_version"}
    found = {}
    for relation, manifest in publication.ports.items():
        hashes = {data.partition: data.content_hash for data in manifest.files}
        found[relation] = (
            hashes[str(publication.forecast_version)]
            if relation in by_version
            else manifest.content_hash
        )
    files = {item.path: item.sha256 for item in publication.model_files}
    return found | {path: files[path] for path in files if not path.endswith(CARD_FILE)}


def _erased(settings: Settings, published: Publication) -> list[str]:
    """What was erased from the publication since it was published."""
    return [
        f"{erasure.told}. It is compared as it is now"
        for erasure in erasures(settings)
        if erasure.number in published.erasures
    ]


def _forgotten_hint(settings: Settings) -> str:
    """Why bytes of landing may be others than in a list that a backup has brought back."""
    done = erasures(settings)
    if not done and interrupted_since(settings) is None:
        return ""
    last = f"the last of {len(done)} at {done[-1].erased_at:%Y-%m-%d %H:%M}" if done else "one"
    return (
        f" Persons were forgotten here ({last}), which writes landed files and the lists of them "
        "again: finish what `meshcast status` names; where a backup was put back, forget the same "
        "persons in it again."
    )


def _differences(published: Publication) -> list[str]:
    """What is not as it was when the publication was made, apart from hashes."""
    found = []
    revision = code_revision()
    if revision != published.code_revision:
        found.append(f"code: published by {published.code_revision}, reproduced by {revision}")
    now = package_versions()
    for name, version in published.packages.items():
        if now.get(name) != version:
            found.append(f"{name}: published with {version}, reproduced with {now.get(name)}")
    return found
