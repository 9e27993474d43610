"""Whole features or none: what an origin was built from, and a build that did not end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from dagster_project.features import (
    BuiltFeatures,
    FeaturesUnfinished,
    built_features,
    require_features,
)

CUTOFFS = [date(2017, 12, 17), date(2017, 12, 24), date(2017, 12, 31)]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Three origins, each with its features."""
    with duckdb.connect() as opened:
        opened.execute("create table forecast_origins (cutoff_on date)")
        opened.execute(
            "create table features_built (cutoff_on date, scope text, code text, files text)"
        )
        for cutoff in CUTOFFS:
            opened.execute("insert into forecast_origins values (?)", [cutoff])
            opened.execute("insert into features_built values (?, 's', 'c', '2/5')", [cutoff])
        yield opened


def test_what_an_origin_was_built_from_is_one_text(connection: duckdb.DuckDBPyConnection) -> None:
    found = built_features(connection, CUTOFFS[-1])
    assert found == BuiltFeatures("s", "c", "2/5")
    assert found.fingerprint == "s/c/2/5"


def test_an_unfinished_origin_stops_itself_and_those_after_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("delete from features_built where cutoff_on = ?", [CUTOFFS[1]])
    require_features(connection, CUTOFFS[0])
    for cutoff in CUTOFFS[1:]:
        with pytest.raises(FeaturesUnfinished, match="found 1 not built to their end") as told:
            built_features(connection, cutoff)
        assert "first 2017-12-24" in str(told.value)
        assert "dbt build" in str(told.value)


def test_what_is_no_origin_is_told_which_there_are(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="found 3 origins from 2017-12-18 to 2018-01-01") as told:
        built_features(connection, date(2017, 12, 20))
    assert "the origin 2017-12-21" in str(told.value)
