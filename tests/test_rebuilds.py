"""What has to be made again after a change of the SQL: features always, loaded lines at times."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from dagster_project import sql_functions
from dagster_project.rebuilds import FEATURES, LINES, rebuilds


@pytest.mark.parametrize(
    ("file", "reads_files_again"),
    [
        ("models/staging/complete_journey/stg_complete_journey__sales_events.sql", True),
        ("models/daily/sales_by_day.sql", True),
        ("models/observability/loads.sql", True),
        ("macros/landed.sql", True),
        ("macros/feature_days.sql", False),
        ("models/features/feat_series.sql", False),
        ("models/observability/series_left_out.sql", False),
        ("models/data_products/daily_sales_v1.sql", False),
    ],
)
def test_files_are_read_again_only_when_sql_they_go_through_has_changed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, file: str, reads_files_again: bool
) -> None:
    monkeypatch.setattr(sql_functions, "DBT_PROJECT", checkout / "dbt_project")
    loading = sql_functions.loading_revision.__wrapped__
    whole = sql_functions.sql_revision.__wrapped__
    before = loading(), whole()
    assert before == (sql_functions.loading_revision(), sql_functions.sql_revision())

    (model,) = (checkout / "dbt_project").glob(file)
    model.write_text(model.read_text() + "-- changed\n")

    assert whole() != before[1]
    assert (loading() != before[0]) is reads_files_again


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def test_a_new_home_has_nothing_to_be_made_again(connection: duckdb.DuckDBPyConnection) -> None:
    assert rebuilds(connection) == ()


@pytest.mark.parametrize(
    ("loads", "features", "expected"),
    [
        ("loading_revision()", "sql_revision()", ()),
        ("loading_revision()", "'other'", (FEATURES,)),
        ("null::varchar", "sql_revision()", (LINES,)),
        ("'other'", "'other'", (LINES, FEATURES)),
    ],
)
def test_what_other_sql_has_built_is_named(
    connection: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    loads: str,
    features: str,
    expected: tuple[str, ...],
) -> None:
    sql_functions.register_functions(connection, tmp_path)
    connection.execute(f"create table loads as select 1 as file_id, {loads} as code")
    connection.execute(f"create table features_built as select {features} as code")
    assert rebuilds(connection) == expected


def test_lines_from_before_their_code_was_kept_are_read_again(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("create table loads as select 1 as file_id")
    assert rebuilds(connection) == (LINES,)


def test_lines_that_another_key_has_hashed_are_read_again(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sql_functions.register_functions(connection, tmp_path)
    connection.execute("create table loads as select 1 as file_id, loading_revision() as code")
    assert rebuilds(connection) == ()
    (tmp_path / sql_functions.KEY_FILE).unlink()
    with duckdb.connect() as after:
        sql_functions.register_functions(after, tmp_path)
        after.register("loaded", connection.execute("from loads").arrow())
        after.execute("create table loads as from loaded")
        assert rebuilds(after) == (LINES,)
