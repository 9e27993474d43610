"""Dagster's event log: the same records as Dagster's own, over fewer connections."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from dagster_project.event_log import OPEN_FILES, PooledEventLog
from dagster_project.pipeline import prepare_dagster_home
from dagster_project.settings import Settings

ASSETS = [f"asset_{number}" for number in range(5)]


@dg.multi_asset(
    specs=[dg.AssetSpec(name) for name in ASSETS],
    check_specs=[dg.AssetCheckSpec("check", asset=name) for name in ASSETS],
)
def checked_assets() -> Iterator[dg.MaterializeResult[Any]]:
    for name in ASSETS:
        checked = dg.AssetCheckResult(passed=name != ASSETS[0], check_name="check", asset_key=name)
        yield dg.MaterializeResult(asset_key=name, check_results=[checked])


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY", "MESHCAST_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "")
    prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance


def run(instance: dg.DagsterInstance) -> str:
    return dg.materialize([checked_assets], instance=instance).run_id


def folder(settings: Settings) -> Path:
    return settings.dagster_home / "history" / "runs"


def test_a_home_keeps_its_log_where_dagster_would_and_dagster_reads_it(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    assert isinstance(instance.event_log_storage, PooledEventLog)
    run_id = run(instance)
    theirs = SqliteEventLogStorage(str(folder(settings)))
    told = [entry.message for entry in theirs.get_logs_for_run(run_id)]
    assert told == [entry.message for entry in instance.all_logs(run_id)]
    assert len(told) > 4 * len(ASSETS)

    checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(dg.AssetKey(name), "check") for name in ASSETS]
    )
    assert len(checks) == len(ASSETS)
    assert set(instance.all_asset_keys()) == {dg.AssetKey(name) for name in ASSETS}


def test_a_run_opens_its_file_twice_and_not_for_each_event(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    connect = sqlite3.dbapi2.connect

    def told(database: str, *arguments: Any, **named: Any) -> sqlite3.Connection:
        opened.append(Path(database).name)
        return connect(database, *arguments, **named)

    run(instance)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", told)
    run_id = run(instance)
    assert opened.count(f"{run_id}.db") <= 2, "once to make its tables"
    assert opened.count("index.db") == 0


def test_files_of_older_runs_are_closed(instance: dg.DagsterInstance) -> None:
    run_ids = [run(instance) for _ in range(OPEN_FILES + 1)]
    log = instance.event_log_storage
    assert isinstance(log, PooledEventLog)
    assert len(log._engines) == OPEN_FILES
    assert instance.all_logs(run_ids[0]), "and opened again when somebody looks"


def test_a_log_that_was_removed_meanwhile_is_written_anew(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run_id = run(instance)
    for file in folder(settings).glob(f"{run_id}.db*"):
        file.unlink()
    assert not instance.all_logs(run_id)


def test_who_watches_a_run_from_elsewhere_is_told(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    run_id = run(instance)
    seen: list[str] = []
    theirs = SqliteEventLogStorage(str(folder(settings)))
    cursor = theirs.get_records_for_run(run_id).cursor
    theirs.watch(run_id, cursor, lambda entry, _: seen.append(entry.message))
    instance.report_engine_event("something new", run_id=run_id, job_name="any")
    deadline = time.monotonic() + 20
    while not seen and time.monotonic() < deadline:
        time.sleep(0.05)
    theirs.dispose()
    assert seen == ["something new"]
