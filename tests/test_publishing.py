"""Publications: whole or not at all, shared where unchanged, killed and run again, rolled back."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project import publishing
from dagster_project.lock import Locked
from dagster_project.publishing import Provenance, Publication, TestResult
from dagster_project.publishing.failing_rows import message_without_rows
from dagster_project.publishing.lock import publishing_lock
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse

CHECKOUT = Path(__file__).resolve().parent.parent
PUBLISHED_AT = datetime(2018, 1, 1, 6, tzinfo=UTC)
PROVENANCE = Provenance(PUBLISHED_AT, "abc123", {"duckdb": "1.5.5"})

# Views of the ports over a handful of lines: what dbt builds in the real warehouse.
PRODUCT_VIEWS = """
create table lines (event_id varchar, sold_on date, quantity decimal(18, 4));
create table loads (file_id bigint);
create view sales_events_v1 as
select
    event_id, 'till' as source, 's1' as store_id, 'milk' as product_id,
    null::varchar as customer_key, quantity, sold_on::timestamptz as sold_at, sold_on
from lines;
create view daily_sales_v1 as
select 'milk' as product_id, 's1' as store_id, sum(quantity)::decimal(18, 4) as units_sold, sold_on
from lines group by sold_on;
create view daily_sales_v2 as
select product_id, store_id, units_sold as units_net, sold_on from daily_sales_v1;
create view likely_stockouts_v1 as
select 'milk' as product_id, 's1' as store_id, 3 as days, sold_on as starts_on
from lines where quantity < 0;
create view sales_forecast_v1 as
select *, list_transform(range(1, 120), lambda path: path)::float[119] as units_paths
from state.forecast_ledger where forecast_version = (
    select max(forecast_version) from state.forecast_ledger where not is_backfill
);
create view sales_forecast_explained_v1 as
select forecast_version, target_on, store_id, product_id, units_mean, units_mean as units_level
from sales_forecast_v1;
create view forecast_value_added_v1 as
select distinct
    forecast_version, 'series' as slice, product_id, store_id, null::varchar as category,
    null::varchar as region, method as rung
from sales_forecast_v1;
create view sales_forecast_totals_v1 as
select
    forecast_version, issued_at, cutoff_on, target_on, 'overall' as level,
    null::varchar as store_id, null::varchar as region, null::varchar as category,
    null::varchar as department, units_mean
from sales_forecast_v1;
create view sales_forecast_history_v1 as
select * from state.forecast_ledger
where is_backfill
    or forecast_version in (select forecast_version from state.publications)
    or forecast_version in (select forecast_version from sales_forecast_v1);
"""

MODEL = """
insert into state.model_versions
values ('m1', '2017-03-01 00:00:00+00', '2017-03-01', '', '', '{}', [], 7, 's', 'c', 'f', 'abc123',
    '{}', '{}', 'passed', [], true, false, null)
"""

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
from tests.test_publishing import PROVENANCE, passing

publish(
    Settings(home=Path(sys.argv[1]), today=date(2018, 1, 1)), PROVENANCE, run_tests=passing
)
"""


def passing(_: Settings) -> list[TestResult]:
    return [TestResult("everything_is_fine", "pass", 0, None)]


def failing(_: Settings) -> list[TestResult]:
    sql = "select * from sales_events_v1 where quantity > 1"
    return [
        TestResult("fine", "pass", 0, None, sql),
        TestResult("quantity_is_one", "fail", 1, "Got 1 result", sql),
    ]


def failing_with_customers(_: Settings) -> list[TestResult]:
    rows = "select event_id, customer_key from sales_events_v1 order by event_id"
    renamed = "select product_id, customer_key as found, count(*) as n from sales_events_v1"
    nested = "select lines as whole_line from sales_events_v1 as lines"
    broken = "select * from sales_events_v1 where customer_key::integer = 1"
    return [
        TestResult("customers_are_hashed", "fail", 2, None, rows),
        TestResult("under_another_name", "fail", 2, None, f"{renamed} group by all order by 2"),
        TestResult("as_a_whole", "fail", 2, None, nested),
        TestResult("numbers", "fail", 2, None, broken),
    ]


def holding(folder: Path, text: str) -> set[str]:
    """The files below a folder that hold a text."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    }


def forecast(settings: Settings, version: int, units: str = "2", *, day: int = 1) -> None:
    """Put a forecast of two days into the ledger, as the forecast asset does."""
    cutoff = date(2017, 3, day)
    issued_at = datetime(2017, 3, day, version, tzinfo=UTC)
    with warehouse(settings) as connection:
        connection.execute(
            "insert into state.forecast_versions values (?, ?, ?, ?, 'm1', 'f', 2, 1, 0, false)",
            [version, cutoff, issued_at, cutoff],
        )
        connection.execute(
            "insert into state.forecast_ledger select ?, ?, $3::date, $3::date + h::int, h, 's1',"
            " 'milk', $4, 0, 1, $4, 9, 9, 'm1', false, false, 'model' from range(1, 3) as days(h)",
            [version, issued_at, cutoff, units],
        )


def sell(settings: Settings, event_id: str, sold_on: str, quantity: int = 1) -> None:
    with warehouse(settings) as connection:
        connection.execute("insert into lines values (?, ?, ?)", [event_id, sold_on, quantity])


def land_file(settings: Settings, file_id: int) -> None:
    with warehouse(settings) as connection:
        connection.execute(
            "insert into state.landing_files (file_id, source, entity, path, size_bytes, sha256,"
            " first_seen_at, status) values ($1, 'complete_journey', 'sales_events',"
            " $1 || '.parquet', 1, 'sha-' || $1, '2018-01-01 00:00:00+00', 'accepted')",
            [file_id],
        )
        connection.execute("insert into loads values (?)", [file_id])


def publish(
    settings: Settings, run_tests: Any = passing, export: Any = None, **changes: Any
) -> Publication:
    return publishing.publish(
        settings, replace(PROVENANCE, **changes), run_tests=run_tests, export=export
    )


def read(settings: Settings, relation: str, file: str = "sales.duckdb") -> list[tuple[Any, ...]]:
    with port((settings.published / file).resolve()) as connection:
        return connection.execute(f"select * from {relation} order by all").fetchall()


def inode(settings: Settings, number: int, path: str) -> int:
    return (publishing.publication_folder(settings, number) / path).stat().st_ino


def state_of(settings: Settings) -> dict[str, str]:
    """Everything under published/, by path: link targets, and hashes of what has no paths in it."""
    found = {}
    for path in sorted(settings.published.rglob("*")):
        name = str(path.relative_to(settings.published))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.suffix in {".parquet", ".json"}:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name != "publishing.lock":
            found[name] = "there"
    with warehouse(settings) as connection:
        found["state"] = str(connection.execute("from state.publications order by all").fetchall())
    return found


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """A home whose warehouse holds lines of two months and a first forecast."""
    fill(settings)
    return settings


def fill(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute(PRODUCT_VIEWS)
        connection.execute(MODEL)
    sell(settings, "a", "2017-01-30", 1)
    sell(settings, "b", "2017-02-01", 3)
    land_file(settings, 1)
    forecast(settings, 1)


def test_readers_see_each_port_where_it_belongs(filled: Settings) -> None:
    published = publish(filled)
    assert published.number == 1
    assert [row[5:8] for row in read(filled, "sales_forecast_v1")] == [("s1", "milk", 2)] * 2
    assert len(read(filled, "daily_sales_v1")) == 2
    assert len(read(filled, "sales_events_v1", "restricted/sales.duckdb")) == 2
    with pytest.raises(duckdb.CatalogException):
        read(filled, "sales_events_v1")
    restricted = publishing.publication_folder(filled, 1) / "restricted"
    assert restricted.stat().st_mode & 0o777 == 0o700, "no group sales_restricted"
    assert (filled.published / "restricted").stat().st_mode & 0o007 == 0


def test_the_manifest_names_bytes_rows_and_origin(filled: Settings) -> None:
    published = publish(filled)
    folder = publishing.publication_folder(filled, 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    events = manifest["ports"]["sales_events_v1"]
    assert events["rows"] == 2
    assert [file["partition"] for file in events["files"]] == ["2017-01", "2017-02"]
    for file in events["files"]:
        assert hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    assert manifest["code_revision"] == "abc123"
    assert manifest["seed"] == 7, "of the model's training"
    assert manifest["packages"] == {"duckdb": "1.5.5"}
    assert (published.cutoff_on, published.model_version) == (date(2017, 3, 1), "m1")
    assert [file.path for file in publishing.read_inputs(folder)] == ["1.parquet"]
    beside = json.loads((folder / "sales_forecast" / "v1" / "manifest.json").read_text())
    (promised,) = (port for port in publishing.read_ports() if port.name == "sales_forecast")
    assert beside["contract_version"] == promised.contract_version
    assert beside["columns"]["units_p90"] == "DECIMAL(18,4)"
    assert read(filled, "publications")[0][:3] == (1, PUBLISHED_AT, "regular")


def test_readers_sum_sample_paths_under_any_alias(filled: Settings) -> None:
    publish(filled)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{publishing.reader_file(filled)}' as shop (read_only)")
        (column,) = connection.execute(
            "select data_type from duckdb_columns()"
            " where table_name = 'sales_forecast_v1' and column_name = 'units_paths'"
        ).fetchall()
        assert column == ("FLOAT[119]",)
        # Two days, each with 1, 2, ..., 119: the 12th lowest sum is 24, the 12th highest 216.
        interval = "shop.forecast_interval(units_paths, {})"
        for level, (lower, upper) in {
            "0.8": (24, 216),
            "0.8::double": (24, 216),
            "0.95": (6, 234),
            "0": (120, 120),
        }.items():
            found = connection.execute(
                f"select product_id, {interval.format(level)} from shop.sales_forecast_v1"
                " group by product_id"
            ).fetchall()
            assert found == [("milk", {"lower": lower, "upper": upper})]
        for level in ("0.99", "80", "-0.1", "null"):
            with pytest.raises(duckdb.Error, match=r"expected a level from 0 to 0\.983"):
                connection.execute(
                    f"select {interval.format(level)} from shop.sales_forecast_v1"
                ).fetchall()


def test_publishing_the_same_again_makes_no_publication(filled: Settings) -> None:
    publish(filled)
    before = state_of(filled)
    assert publish(filled, published_at=PUBLISHED_AT + timedelta(days=1)).number == 1
    assert state_of(filled) == before


def test_the_same_forecast_issued_again_makes_no_publication(filled: Settings) -> None:
    publish(filled)
    forecast(filled, 2)
    assert publish(filled).number == 1


@pytest.mark.parametrize("change", ["line", "forecast", "file"])
def test_any_change_makes_a_publication(filled: Settings, change: str) -> None:
    publish(filled)
    changes: dict[str, Callable[[], None]] = {
        "line": lambda: sell(filled, "c", "2017-02-02"),
        "forecast": lambda: forecast(filled, 2, "5"),
        "file": lambda: land_file(filled, 2),
    }
    changes[change]()
    assert publish(filled).number == 2
    current = read(filled, "(select is_current from publications order by publication)")
    assert current == [(False,), (True,)]


def test_unchanged_files_are_shared_and_changed_ones_are_not(filled: Settings) -> None:
    publish(filled)
    sell(filled, "c", "2017-02-02")
    forecast(filled, 2, "5")
    publish(filled)
    shared = [
        "restricted/sales_events/v1/2017-01.parquet",
        "daily_sales/v1/2017-01.parquet",
        "sales_forecast_history/v1/1.parquet",
    ]
    changed = ["restricted/sales_events/v1/2017-02.parquet", "daily_sales/v1/2017-02.parquet"]
    assert all(inode(filled, 1, path) == inode(filled, 2, path) for path in shared)
    assert all(inode(filled, 1, path) != inode(filled, 2, path) for path in changed)
    assert {row[0] for row in read(filled, "sales_forecast_history_v1")} == {1, 2}


def test_a_forecast_that_was_never_published_is_not_in_the_history(filled: Settings) -> None:
    forecast(filled, 2, "4")
    publish(filled)
    forecast(filled, 3, "5")
    forecast(filled, 4, "6")
    publish(filled)
    assert {row[0] for row in read(filled, "sales_forecast_history_v1")} == {2, 4}


def test_the_same_rows_give_the_same_bytes_in_any_order_and_with_any_threads(
    tmp_path: Path,
) -> None:
    found = []
    for threads, order in ((1, "i"), (2, "hash(i)")):
        settings = Settings(home=tmp_path / str(threads), today=date(2018, 1, 1))
        fill(settings)
        with warehouse(settings) as connection:
            connection.execute(f"set threads = {threads}")
            connection.execute(
                "insert into lines select 'e' || i, date '2017-01-01' + (i % 31)::int, i % 7"
                f" from range(150000) as numbers(i) order by {order}"
            )
            candidate = publishing.prepare_candidate(settings, connection, PROVENANCE)
        assert candidate is not None
        found.append(candidate.publication.ports)
    assert found[0]["sales_events_v1"].rows == 150_002
    assert found[0] == found[1]


def test_the_content_hash_ignores_the_number_of_a_forecast_and_nothing_else(
    tmp_path: Path,
) -> None:
    hashes = []
    for name, version, units in (("a", 1, "2"), ("b", 5, "2"), ("c", 1, "2.0001")):
        settings = Settings(home=tmp_path / name, today=date(2018, 1, 1))
        with warehouse(settings) as connection:
            connection.execute(PRODUCT_VIEWS)
        forecast(settings, version, units)
        hashes.append(publish(settings).ports["sales_forecast_v1"].content_hash)
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_swapping_a_value_between_two_rows_changes_the_content(filled: Settings) -> None:
    first = publish(filled).ports["sales_events_v1"]
    with warehouse(filled) as connection:
        connection.execute("update lines set quantity = 4 - quantity")
    second = publish(filled).ports["sales_events_v1"]
    assert first.rows == second.rows
    assert first.content_hash != second.content_hash


def test_empty_tables_are_published_with_their_columns(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute(PRODUCT_VIEWS)
    forecast(settings, 1)
    publish(settings)
    assert read(settings, "daily_sales_v1") == []
    with port((settings.published / "sales.duckdb").resolve()) as connection:
        columns = connection.execute("describe daily_sales_v1").fetchall()
    assert [column[0] for column in columns] == ["product_id", "store_id", "units_sold", "sold_on"]


def test_without_a_forecast_nothing_is_published(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute(PRODUCT_VIEWS)
    with pytest.raises(publishing.NothingToPublish, match="meshcast run"):
        publish(settings)
    assert publishing.publications(settings) == []
    assert not (settings.published / "publications").exists()


def test_a_failing_audit_publishes_nothing_and_keeps_the_failing_rows(filled: Settings) -> None:
    publish(filled)
    before = read(filled, "publications"), read(filled, "daily_sales_v1")
    sell(filled, "c", "2017-02-02", 2)
    with pytest.raises(publishing.AuditFailed, match="quantity_is_one \\(1 rows\\)") as error:
        publish(filled, failing)
    assert (read(filled, "publications"), read(filled, "daily_sales_v1")) == before
    assert publishing.current_number(filled) == 1
    assert not (filled.published / "candidate").is_symlink()
    restricted = error.value.folder / "restricted" / "audit.json"
    assert f"{restricted} shows failing rows" in str(error.value)
    assert restricted.stat().st_mode & 0o777 == 0o440
    (shown,) = json.loads(restricted.read_text())
    assert shown["name"] == "quantity_is_one"
    assert {row["event_id"] for row in shown["rows"]} == {"b", "c"}
    open_to_all = json.loads((error.value.folder / "audit.json").read_text())
    assert open_to_all[-1] == {
        "name": "quantity_is_one",
        "status": "fail",
        "failures": 1,
        "message": "Got 1 result",
    }
    with port(error.value.folder / "restricted" / "sales.duckdb") as connection:
        assert connection.execute("select count(*) from sales_events_v1").fetchone() == (3,)
    assert publish(filled).number == 2


def test_failing_rows_show_a_customer_only_as_a_hash(filled: Settings) -> None:
    hashed = "0a" * 16
    with warehouse(filled) as connection:
        connection.execute(
            PRODUCT_VIEWS[PRODUCT_VIEWS.index("create view sales_events_v1") :]
            .partition(";")[0]
            .replace("create view", "create or replace view")
            .replace("null::varchar", f"if(event_id = 'a', 'Jane Doe', '{hashed}')")
        )
    with pytest.raises(publishing.AuditFailed) as error:
        publish(filled, failing_with_customers)
    failed = error.value.folder
    rows = {
        item["name"]: item["rows"]
        for item in json.loads((failed / "restricted" / "audit.json").read_text())
    }
    assert rows["customers_are_hashed"] == [
        {"event_id": "a", "customer_key": "[masked]"},
        {"event_id": "b", "customer_key": hashed},
    ]
    assert rows["under_another_name"] == [
        {"product_id": "milk", "found": hashed, "n": "1"},
        {"product_id": "milk", "found": "[masked]", "n": "1"},
    ]
    assert rows["as_a_whole"] == [{"whole_line": "[masked]"}] * 2
    assert rows["numbers"] == [{"error": "Conversion Error (its text may quote a row: left out)"}]
    data = (failed / "restricted" / "sales_events").relative_to(filled.published)
    assert {Path(file).parents[1] for file in holding(filled.published, "Jane Doe")} == {data}


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Got 1 result, configured to fail if != 0", True),
        ('Runtime Error in test t\n  Binder Error: Referenced column "x" not found', True),
        ("Runtime Error in test t\n  Catalog Error: Table with name x does not exist!", True),
        ("Compilation Error in test t\n  'holds' is undefined", True),
        ("Runtime Error in test t\n  Conversion Error: Could not convert 'Jane Doe'", False),
        ("Runtime Error in test t\n  Invalid Input Error: Jane Doe", False),
        ("Runtime Error in test t\n  Binder Error: x\n  Conversion Error: Jane Doe", False),
        ("Jane Doe", False),
    ],
)
def test_a_message_that_may_quote_a_row_is_left_out(message: str, kept: bool) -> None:
    status = "fail" if message.startswith("Got") else "error"
    shown = message_without_rows(status, message)
    assert shown == message if kept else "Jane" not in shown and "left out" in shown


def test_tests_that_cannot_run_publish_nothing(filled: Settings) -> None:
    def broken(_: Settings) -> list[TestResult]:
        raise RuntimeError("dbt is not there")

    with pytest.raises(RuntimeError, match="dbt is not there"):
        publish(filled, broken)
    assert publishing.current_number(filled) is None
    assert publish(filled).number == 1


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


def test_a_rollback_repeats_an_earlier_publication_and_pauses(filled: Settings) -> None:
    first = publish(filled)
    sell(filled, "c", "2017-02-02")
    forecast(filled, 2, "5")
    publish(filled)
    later = PUBLISHED_AT + timedelta(hours=1)
    again = publishing.rollback(filled, to=1, reason="promotion twice", published_at=later)
    assert (again.number, again.kind, again.rollback_of) == (3, "rollback", 1)
    assert {row[0] for row in read(filled, "sales_forecast_v1")} == {1}
    assert len(read(filled, "sales_events_v1", "restricted/sales.duckdb")) == 2
    assert again.ports == first.ports
    assert read(filled, "publications")[-1][2:5] == ("rollback", 1, "promotion twice")
    pause = publishing.automatic_publication_paused(filled)
    assert pause == publishing.Pause(later, 1, "promotion twice")

    assert publishing.resume(filled)
    assert publishing.automatic_publication_paused(filled) is None
    assert not publishing.resume(filled)
    assert publish(filled).number == 4
    assert {row[0] for row in read(filled, "sales_forecast_v1")} == {2}
    assert {row[0] for row in read(filled, "sales_forecast_history_v1")} == {1, 2}


def test_a_rollback_is_refused_where_it_makes_no_sense(filled: Settings) -> None:
    publish(filled)
    with pytest.raises(publishing.CannotRollBack, match="found the current"):
        publishing.rollback(filled, to=1, reason="why not", published_at=PUBLISHED_AT)
    with pytest.raises(publishing.UnknownPublication, match="publication 7.*which are 1"):
        publishing.rollback(filled, to=7, reason="why not", published_at=PUBLISHED_AT)
    sell(filled, "c", "2017-02-02")
    publish(filled)
    damaged = publishing.publication_folder(filled, 1) / "daily_sales/v1/2017-02.parquet"
    damaged.unlink()
    with pytest.raises(publishing.CannotRollBack, match=r"2017-02.parquet.*found no file"):
        publishing.rollback(filled, to=1, reason="why not", published_at=PUBLISHED_AT)
    assert publishing.current_number(filled) == 2
    assert publishing.automatic_publication_paused(filled) is None


def exporting(connection: duckdb.DuckDBPyConnection, publication: Publication) -> dict[str, bytes]:
    """A model that doubles the only input, the number of its forecast."""
    file = Path(publication.model_version)  # in the folder of the test
    connection.execute(
        f"copy (select {publication.forecast_version} as scale) to '{file}' (format parquet)"
    )
    macro = b"create macro predict_units(inputs) as struct_extract(inputs, 'scale') * 2"
    return {"predict_units.sql": macro, "inputs.parquet": file.read_bytes()}


def test_the_model_goes_with_its_forecast_back_and_forth(
    filled: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = "(select predict_units(inputs) from model_inputs as inputs)"
    first = publish(filled, export=exporting)
    assert read(filled, asked) == [(2,)]
    sell(filled, "c", "2017-02-02")
    forecast(filled, 2, "5")
    publish(filled, export=exporting)
    assert read(filled, asked, "restricted/sales.duckdb") == [(4,)]
    path = "sales_forecast/model/predict_units.sql"
    assert inode(filled, 1, path) == inode(filled, 2, path)

    later = PUBLISHED_AT + timedelta(hours=1)
    again = publishing.rollback(filled, to=1, reason="why not", published_at=later)
    assert again.model_files == first.model_files
    assert read(filled, asked) == [(2,)]
    moved = replace(filled, home=tmp_path / "moved")
    shutil.move(filled.home, moved.home)
    publishing.relink(moved)
    assert read(moved, asked) == [(2,)]

    damaged = publishing.publication_folder(moved, 2) / path
    damaged.unlink()
    with pytest.raises(publishing.CannotRollBack, match=r"predict_units.sql.*found no file"):
        publishing.rollback(moved, to=2, reason="why not", published_at=later)


def test_a_copied_home_is_a_backup_that_can_be_restored(filled: Settings, tmp_path: Path) -> None:
    publish(filled)
    expected = read(filled, "sales_events_v1", "restricted/sales.duckdb")
    backup = replace(filled, home=tmp_path / "it's a backup")
    shutil.copytree(filled.home, backup.home, symlinks=True)
    sell(filled, "c", "2017-02-02")
    publish(filled)
    shutil.rmtree(filled.home)

    assert not publishing.ports_are_linked(backup)
    assert publishing.relink(backup) == [1]
    assert publishing.ports_are_linked(backup)
    assert read(backup, "sales_events_v1", "restricted/sales.duckdb") == expected

    shutil.move(backup.home, filled.home)
    assert not publishing.ports_are_linked(filled)
    publishing.relink(filled)
    assert read(filled, "sales_events_v1", "restricted/sales.duckdb") == expected
    assert publishing.relink(filled) == []
    assert publish(filled).number == 1
    sell(filled, "c", "2017-02-02")
    assert publish(filled).number == 2


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_lost_current_link_is_refused_until_it_is_mended(
    filled: Settings, is_copied: bool
) -> None:
    publish(filled)
    sell(filled, "c", "2017-02-02")
    publish(filled)
    link = filled.published / "current"
    folder = link.resolve()
    link.unlink()
    if is_copied:
        shutil.copytree(folder, link)
    for refused in (publish, publishing.reconcile, publishing.publications):
        with pytest.raises(publishing.CurrentLinkMissing, match="meshcast relink"):
            refused(filled)
    assert not publishing.ports_are_linked(filled)
    publishing.relink(filled)
    assert publishing.current_number(filled) == 2
    assert len(read(filled, "daily_sales_v1")) == 3


def test_the_only_publication_survives_the_loss_of_its_link(filled: Settings) -> None:
    publish(filled)
    (filled.published / "current").unlink()
    for refused in (publish, publishing.reconcile):
        with pytest.raises(publishing.CurrentLinkMissing, match="meshcast relink"):
            refused(filled)
    publishing.relink(filled)
    assert publishing.current_number(filled) == 1


def test_old_publications_are_collected_and_what_they_share_stays(filled: Settings) -> None:
    for day in range(5):
        sell(filled, f"c{day}", f"2017-02-{day + 2:02d}")
        publish(filled, published_at=PUBLISHED_AT - timedelta(days=1000 - day))
    expected = read(filled, "sales_events_v1", "restricted/sales.duckdb")
    assert publishing.collect(filled, keep=30) == []
    assert publishing.collect(filled, keep=2) == [1, 2, 3]
    assert [item.number for item in publishing.publications(filled)] == [4, 5]
    assert read(filled, "sales_events_v1", "restricted/sales.duckdb") == expected
    publishing.reconcile(filled)
    with warehouse(filled) as connection:
        found = connection.execute("select publication from state.publications order by 1")
        assert [row[0] for row in found.fetchall()] == [1, 2, 3, 4, 5]


def test_only_the_newest_failed_candidates_are_kept(
    filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.publishing.current.KEPT_FAILURES", 2)
    kept = []
    for minute in range(4):
        with pytest.raises(publishing.AuditFailed) as error:
            publish(filled, failing, published_at=PUBLISHED_AT + timedelta(minutes=minute))
        kept.append(error.value.folder)
        os.utime(error.value.folder, (0, -minute))  # as a copy of the home might leave them
    assert sorted((filled.published / "failed").iterdir()) == sorted(kept[-2:])


def test_publications_within_the_retention_of_the_contracts_are_kept(filled: Settings) -> None:
    for day in range(3):
        sell(filled, f"c{day}", f"2017-02-{day + 2:02d}")
        publish(filled, published_at=PUBLISHED_AT - timedelta(days=399 - day))
    assert publishing.collect(filled, keep=1) == []


def test_a_second_publisher_is_told_who_holds_the_folder(filled: Settings) -> None:
    impatient = replace(filled, lock_timeout_seconds=0.1)
    with (
        publishing_lock(filled),
        pytest.raises(Locked, match=f"process {os.getpid()}"),
    ):
        publish(impatient)


def test_a_damaged_manifest_is_named(filled: Settings) -> None:
    publish(filled)
    manifest = publishing.publication_folder(filled, 1) / "manifest.json"
    manifest.write_text("{")
    with pytest.raises(publishing.ManifestDamaged, match="manifest.json"):
        publishing.publications(filled)


def test_every_table_of_a_contract_is_a_port() -> None:
    ports = {item.relation: item for item in publishing.read_ports()}
    assert set(ports) == {
        "daily_sales_v1",
        "daily_sales_v2",
        "forecast_value_added_v1",
        "likely_stockouts_v1",
        "sales_events_v1",
        "sales_forecast_explained_v1",
        "sales_forecast_history_v1",
        "sales_forecast_totals_v1",
        "sales_forecast_v1",
    }
    assert ports["sales_events_v1"].folder == "restricted/sales_events/v1"
    assert ports["sales_events_v1"].personal == ("customer_key",)
    assert ports["daily_sales_v1"].personal == ()
    assert ports["sales_forecast_history_v1"].product == "sales_forecast"
    assert ports["daily_sales_v1"].sorted_by == ("sold_on", "product_id", "store_id")


def describing(_: duckdb.DuckDBPyConnection, publication: Publication) -> dict[str, bytes]:
    """A document that tells of ports which are written already."""
    rows = publication.ports["daily_sales_v1"].rows
    return {"daily_sales/datasheet.md": f"{rows} rows".encode()}


def test_documents_tell_of_the_written_ports_and_go_back_with_their_publication(
    filled: Settings,
) -> None:
    path = "daily_sales/datasheet.md"
    first = publishing.publish(filled, PROVENANCE, run_tests=passing, describe=describing)
    (document,) = first.documents
    file = publishing.publication_folder(filled, 1) / path
    assert file.read_text() == "2 rows"
    assert (document.path, document.size_bytes) == (path, 6)
    assert document.sha256 == hashlib.sha256(b"2 rows").hexdigest()

    sell(filled, "c", "2017-02-02")
    second = publishing.publish(filled, PROVENANCE, run_tests=passing, describe=describing)
    assert (publishing.publication_folder(filled, 2) / path).read_text() == "3 rows"
    assert publishing.current_publication(filled) == second
    later = PUBLISHED_AT + timedelta(hours=1)
    again = publishing.rollback(filled, to=1, reason="why not", published_at=later)
    assert again.documents == first.documents
    assert (publishing.publication_folder(filled, 3) / path).read_text() == "2 rows"

    (publishing.publication_folder(filled, 2) / path).chmod(0o644)
    (publishing.publication_folder(filled, 2) / path).write_text("4 rows")
    with pytest.raises(publishing.CannotRollBack, match=r"datasheet\.md.*expected the sha256"):
        publishing.rollback(filled, to=2, reason="why not", published_at=later)
