"""One writer at a time, state tables that are there, and homes of other versions refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import duckdb
import pytest

from dagster_project.settings import HOME_SCHEMA_VERSION, Settings
from dagster_project.warehouse import (
    HomeNotSupported,
    WarehouseLocked,
    state_table_statements,
    transaction,
    warehouse,
)

HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_process(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.warehouse_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def tables(settings: Settings) -> set[str]:
    with warehouse(settings, read_only=True) as connection:
        return {
            row[0]
            for row in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'state'"
            ).fetchall()
        }


def test_the_first_writer_creates_the_state_tables_and_notes_the_schema_version(
    settings: Settings,
) -> None:
    with warehouse(settings) as connection:
        found = connection.execute("select schema_version from state.home").fetchall()
    assert found == [(HOME_SCHEMA_VERSION,)]
    declared = re.findall(r"create table if not exists state\.(\w+)", str(state_table_statements()))
    assert tables(settings) == set(declared) >= {"landing_files", "forecast_ledger"}


def test_a_ledger_from_before_it_named_methods_gets_the_column_and_keeps_its_rows(
    settings: Settings,
) -> None:
    row = "2 as forecast_version, true as is_fallback"
    with warehouse(settings) as connection:
        names = [row[0] for row in connection.execute("describe state.forecast_ledger").fetchall()]
        connection.execute("alter table state.forecast_ledger drop column method")
        for name in set(names) - {"forecast_version", "is_fallback", "method"}:
            connection.execute(f"alter table state.forecast_ledger alter {name} drop not null")
        connection.execute(f"insert into state.forecast_ledger by name select {row}")
    for _ in range(2):
        with warehouse(settings) as connection:
            found = connection.execute(
                "select forecast_version, is_fallback, method from state.forecast_ledger"
            ).fetchall()
            assert found == [(2, True, None)]
            described = connection.execute("describe state.forecast_ledger").fetchall()
        assert [row[0] for row in described] == names


@pytest.mark.parametrize("version", [HOME_SCHEMA_VERSION - 1, HOME_SCHEMA_VERSION + 1])
def test_a_home_of_another_schema_version_is_refused_with_what_to_do(
    settings: Settings, version: int
) -> None:
    with warehouse(settings) as connection:
        connection.execute("update state.home set schema_version = ?", [version])
    before = settings.warehouse_file.read_bytes()

    with pytest.raises(HomeNotSupported) as refusal, warehouse(settings):
        pytest.fail("opened")

    assert str(settings.home) in str(refusal.value)
    assert f"expected a home of schema version {HOME_SCHEMA_VERSION}" in str(refusal.value)
    assert f"found version {version}" in str(refusal.value)
    assert "Use the meshcast that wrote it, or start a new home" in str(refusal.value)
    assert settings.warehouse_file.read_bytes() == before


def test_a_state_table_that_an_older_home_lacks_is_added(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute("drop table state.publications")
        connection.execute(
            "insert into state.forecast_versions by name select 1 as"
            " forecast_version, current_date as cutoff_on, now() as issued_at,"
            " current_date as known_as_of, 'm' as model_version,"
            " 'i' as input_fingerprint, 28 as horizon_days, 1 as series,"
            " 0 as fallback_series, false as is_backfill"
        )
    with warehouse(settings) as connection:
        kept = connection.execute("select model_version from state.forecast_versions").fetchall()
    assert "publications" in tables(settings)
    assert kept == [("m",)]


def test_a_second_writer_waits_and_is_then_told_who_holds_the_warehouse(settings: Settings) -> None:
    with warehouse(settings):
        pass
    with held_by_another_process(settings) as holder:
        with (
            pytest.raises(WarehouseLocked) as refusal,
            warehouse(replace(settings, lock_timeout_seconds=0.3)),
        ):
            pytest.fail("opened")
        assert re.search(r"waited 0 s for the warehouse", str(refusal.value))
        assert f"process {holder.pid}" in str(refusal.value)
        assert os.path.basename(sys.executable) in str(refusal.value)


def test_a_second_writer_goes_on_once_the_first_has_died(settings: Settings) -> None:
    with warehouse(settings):
        pass
    with held_by_another_process(settings) as holder:
        holder.kill()
        with warehouse(settings) as connection:
            assert connection.execute("select 1").fetchall() == [(1,)]


def test_a_file_that_is_no_warehouse_is_an_error_at_once(settings: Settings) -> None:
    settings.warehouse_file.parent.mkdir(parents=True)
    settings.warehouse_file.write_text("not a database, but long enough to be taken for one" * 99)
    with pytest.raises(duckdb.IOException, match="not a valid DuckDB"), warehouse(settings):
        pytest.fail("opened")


def test_a_transaction_that_fails_leaves_nothing(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute("create table notes (note varchar)")
        with pytest.raises(RuntimeError, match="half way"), transaction(connection):
            connection.execute("insert into notes values ('first')")
            raise RuntimeError("half way")
        with transaction(connection):
            connection.execute("insert into notes values ('second')")
        assert connection.execute("select note from notes").fetchall() == [("second",)]
