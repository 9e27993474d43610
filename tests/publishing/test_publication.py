"""Publishing: whole or not at all, killed and run again, while others read."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from multiprocessing.synchronize import Event
from typing import Any

import duckdb
import pytest

from dagster_project import publishing
from dagster_project.lock import Locked
from dagster_project.publishing import TestResult
from dagster_project.publishing.lock import publishing_lock
from dagster_project.settings import CHECKOUT, Settings
from dagster_project.warehouse import warehouse
from tests.publishing.invented_ports import (
    PRODUCT_VIEWS,
    fill,
    forecast,
    passing,
    publish,
    read,
    sell,
    state_of,
)

KILLED_PUBLICATION = """
import os, signal, sys
from datetime import date
from pathlib import Path
from dagster_project import warehouse

name, times = sys.argv[2], int(sys.argv[3])

def commit_point(reached):
    global times
    times -= reached == name
    if reached == name and times == 0:
        os.kill(os.getpid(), signal.SIGKILL)

warehouse.commit_point = commit_point
from dagster_project.publishing import publish
from dagster_project.settings import Settings
from tests.publishing.invented_ports import PROVENANCE, passing

publish(
    Settings(home=Path(sys.argv[1]), today=date(2018, 1, 1)), PROVENANCE, run_tests=passing
)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, str]]:
    """What a second publication ends in, and a first, by the number of earlier ones."""
    ends = {}
    for earlier in (0, 1):
        settings = Settings(home=tmp_path_factory.mktemp("undisturbed"), today=date(2018, 1, 1))
        prepare(settings, earlier)
        publish(settings)
        ends[earlier] = state_of(settings)
    return ends


def prepare(settings: Settings, earlier: int) -> None:
    """A home with something to publish, after so many publications."""
    fill(settings)
    if earlier:
        publish(settings)
        sell(settings, "c", "2017-02-02")
        forecast(settings, 2, "5")


@pytest.mark.parametrize(
    ("name", "times", "earlier"),
    [
        ("reconciled", 1, 1),
        ("candidate_written", 1, 0),
        ("candidate_written", 1, 1),
        ("candidate_audited", 1, 1),
        ("published", 1, 0),
        ("published", 1, 1),
        ("reconciled", 2, 1),
    ],
)
def test_killed_anywhere_and_run_again_ends_as_if_undisturbed(
    settings: Settings,
    undisturbed: dict[int, dict[str, str]],
    name: str,
    times: int,
    earlier: int,
) -> None:
    prepare(settings, earlier)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_PUBLICATION, str(settings.home), name, str(times)],
        cwd=CHECKOUT,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    is_published = name == "published" or times == 2
    if earlier or is_published:  # readers see the old one or the new one, whole
        assert read(settings, "publications")[-1][0] == earlier + is_published
        assert len(read(settings, "sales_forecast_v1")) == 2
    publish(settings)
    assert state_of(settings) == undisturbed[earlier]


def test_a_start_removes_what_was_never_published(filled: Settings) -> None:
    publish(filled)
    shutil.copytree(
        publishing.publication_folder(filled, 1), publishing.publication_folder(filled, 2)
    )
    half = publishing.publication_folder(filled, 3)
    half.mkdir()
    (half / "sales.duckdb").write_bytes(b"half")
    publishing.reconcile(filled)
    assert [item.number for item in publishing.publications(filled)] == [1]
    assert not publishing.publication_folder(filled, 2).exists()
    assert not half.exists()


def test_the_warehouse_follows_the_folder(filled: Settings) -> None:
    publish(filled)
    with warehouse(filled) as connection:
        connection.execute("update state.publications set is_current = false, model_version = 'x'")
        connection.execute(
            "insert into state.publications select 9, published_at, kind, cutoff_on, 9, 'x', true"
            " from state.publications"
        )
    publishing.reconcile(filled)
    with warehouse(filled) as connection:
        rows = connection.execute(
            "select publication, model_version, is_current from state.publications"
        ).fetchall()
    assert rows == [(1, "m1", True)]


def _read_in_a_loop(file: str, stop: Event, ready: Event, seen: Any) -> None:
    """Attach the open port again and again; each read must be of one whole publication."""
    reads, numbers = 0, set()
    try:
        while not stop.is_set():
            with duckdb.connect() as connection:
                connection.execute(f"attach '{file}' as any_alias (read_only)")
                found = connection.execute(
                    "select p.publication, p.forecast_version, count(f.units_mean),"
                    " min(f.units_mean), max(f.units_mean)"
                    " from any_alias.publications as p"
                    " left join any_alias.sales_forecast_v1 as f using (forecast_version)"
                    " where p.is_current group by all"
                ).fetchall()
                days = connection.execute(
                    "select count(*) from any_alias.daily_sales_v1"
                ).fetchone()
            number, version, rows, lowest, highest = found[0]
            assert len(found) == 1
            assert (rows, lowest, highest) == (2, version, version), found
            assert days == (number,), (days, number)
            reads += 1
            numbers.add(number)
            ready.set()
            time.sleep(0.002)
        seen.put((reads, sorted(numbers), None))
    except BaseException as error:
        seen.put((reads, sorted(numbers), repr(error)))
        ready.set()


def test_readers_never_wait_and_never_see_half_a_publication(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute(PRODUCT_VIEWS)

    def next_publication(number: int) -> None:
        sell(settings, f"d{number}", f"2017-01-{number:02d}")
        forecast(settings, number, str(number))
        publish(settings)

    next_publication(1)
    context = multiprocessing.get_context("spawn")
    stop, ready, seen = context.Event(), context.Event(), context.Queue()
    file = str(settings.published / "sales.duckdb")
    reader = context.Process(target=_read_in_a_loop, args=(file, stop, ready, seen))
    reader.start()
    assert ready.wait(30)
    for number in range(2, 21):
        next_publication(number)
    stop.set()
    reads, numbers, error = seen.get(timeout=30)
    reader.join(30)
    assert error is None
    assert reads >= len(numbers) > 5


def test_a_second_publisher_is_told_who_holds_the_folder(filled: Settings) -> None:
    impatient = replace(filled, lock_timeout_seconds=0.1)
    with (
        publishing_lock(filled),
        pytest.raises(Locked, match=f"process {os.getpid()}"),
    ):
        publish(impatient)


def test_a_live_table_gets_the_columns_of_a_new_contract_before_the_audit(
    settings: Settings,
) -> None:
    fill(settings)
    publish(settings)
    (live,) = publishing.read_live_ports()
    file = publishing.live_file(settings.published, live.relation)
    columns = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in live.columns.items())
    with warehouse(settings) as connection:
        connection.execute(f"create view {live.relation} as select {columns}")
        file.unlink()
        connection.execute(f"copy (select 'old' as product) to '{file}' (format parquet)")
    sell(settings, "c", "2017-02-02")
    seen = []

    def looking(_: Settings) -> list[TestResult]:
        seen.extend(read(settings, live.relation, "candidate/sales.duckdb"))
        return passing(settings)

    publish(settings, looking)
    assert seen == [(None,) * len(live.columns)]
