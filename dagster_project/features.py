"""What the features of each origin were built from, and whether they are whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

UNFINISHED = """
select min(cutoff_on), count(*)
from forecast_origins
where cutoff_on <= ? and cutoff_on not in (select cutoff_on from features_built)
"""


class FeaturesUnfinished(RuntimeError):
    """The last dbt build ended before the features of an origin were whole."""


@dataclass(frozen=True)
class BuiltFeatures:
    """What the features of one origin were built from; equal for equal features.

    Attributes:
        scope: hash of the deployed sources and what they declare.
        code: hash of the SQL of all models and macros.
        files: number of the files that can change the features, and the sum of their ids.
    """

    scope: str
    code: str
    files: str

    @property
    def fingerprint(self) -> str:
        """All of it in one text."""
        return f"{self.scope}/{self.code}/{self.files}"


def origin_key(cutoff_on: date) -> str:
    """Name of the origin after a cutoff: its day, the first to be forecast."""
    return (cutoff_on + timedelta(days=1)).isoformat()


def built_features(connection: duckdb.DuckDBPyConnection, cutoff_on: date) -> BuiltFeatures:
    """What the features of an origin were built from.

    Raises:
        ValueError: it is no origin; says which there are.
        FeaturesUnfinished: this origin or an earlier one has none, or half of them.
    """
    require_features(connection, cutoff_on)
    row = connection.execute(
        "select scope, code, files from features_built where cutoff_on = ?", [cutoff_on]
    ).fetchone()
    if row is None:
        raise ValueError(_no_features(connection, cutoff_on))
    return BuiltFeatures(*row)


def require_features(connection: duckdb.DuckDBPyConnection, cutoff_on: date) -> None:
    """Raise FeaturesUnfinished unless every origin up to a cutoff has all of its features."""
    first, origins = connection.execute(UNFINISHED, [cutoff_on]).fetchall()[0]
    if origins:
        raise FeaturesUnfinished(
            f"features: expected those of every origin up to {cutoff_on}, found {origins} not "
            f"built to their end, first {first}: the last dbt build stopped before. Run the job "
            "`ingest`, `meshcast run` or `dbt build` again."
        )


def _no_features(connection: duckdb.DuckDBPyConnection, cutoff_on: date) -> str:
    origins, first, last = connection.execute(
        "select count(*), min(cutoff_on), max(cutoff_on) from forecast_origins"
    ).fetchall()[0]
    found = (
        f"found {origins} origins from {origin_key(first)} to {origin_key(last)}"
        if origins
        else "found no origin at all"
    )
    return (
        f"forecast: expected features for the origin {origin_key(cutoff_on)}, {found}. Choose one "
        "of the weekly origins in between, or land and ingest the sales before it."
    )
