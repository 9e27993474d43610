"""Forgetting a person: nothing of them is left, everything else is as it was, killed or not."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dagster_project import erasure, publishing
from dagster_project.cli import app
from dagster_project.landing import register_landed
from dagster_project.settings import CHECKOUT, Settings
from dagster_project.sql_functions import customer_hasher, customer_key
from dagster_project.warehouse import warehouse
from tests.publishing.invented_ports import fill, publish, read

SOMEBODY, ANOTHER = "77001001", "77001002"
NOW = datetime(2018, 1, 2, tzinfo=UTC)
ERASURE_POINTS = (
    "erasure_planned",
    "erased_from_landing",
    "erased_from_warehouse",
    "erased_from_published",
)

KILLED_ERASURE = """
import sys
from tests.killed_run import die_at
die_at(sys.argv[1])
from pathlib import Path
from dagster_project import erasure
from tests.test_erasure import NOW, SOMEBODY, settings_of
erasure.forget(settings_of(Path(sys.argv[2])), SOMEBODY, now=NOW)
"""

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country,Name\n"
RETAIL = (
    f'536365,1,"LAMP, RED",6,2010-12-01 08:26:00,2.55,{SOMEBODY},United Kingdom,Jane Doe\r\n'
    f"536366,1,LAMP,6,2010-12-01 08:28:00,2.50,{ANOTHER},United Kingdom,John Roe\r\n"
    f"536367,1,LAMP,6,2010-12-01,{SOMEBODY},too few\r\n"
)
OBJECTS = (
    f'{{"InvoiceNo": "536370", "Quantity": 1.50, "CustomerID": {SOMEBODY}, "Name": "Jane Doe"}}\n'
    f'{{"InvoiceNo": "536371", "Quantity": 2.0, "CustomerID": {ANOTHER}, "Name": "John Roe"}}\n'
    f'{{"InvoiceNo": "536372", {SOMEBODY}\n'
)


def settings_of(home: Path) -> Settings:
    return Settings(home=home, today=date(2018, 1, 1), lock_timeout_seconds=5)


def key_of(settings: Settings, customer: str) -> str:
    hasher = customer_hasher(customer_key(settings.home))
    return str(hasher(pa.chunked_array([[customer]]))[0])


def land(settings: Settings) -> None:
    """Landed files of every format, with two persons in each."""
    retail = settings.landing / "online_retail" / "sales_events"
    journey = settings.landing / "complete_journey" / "sales_events"
    retail.mkdir(parents=True)
    journey.mkdir(parents=True)
    (retail / "retail_2010-12-01.csv").write_text(HEADER + RETAIL, newline="")
    columns = HEADER.strip().split(",")[:-3]
    filled = [{**dict.fromkeys(columns, "1"), **json.loads(OBJECTS.splitlines()[1])}]
    objects = OBJECTS + json.dumps(filled[0]) + "\n"
    (retail / "retail_2010-12-02.jsonl.gz").write_bytes(gzip.compress(objects.encode()))
    lines = pd.DataFrame(
        {
            "basket_id": [1, 2],
            "product_id": [3, 3],
            "store_id": [4, 4],
            "quantity": [1, 2],
            "sales_value": [1.5, 3.0],
            "household_id": pd.array([int(SOMEBODY), int(ANOTHER)], dtype="int64"),
            "transaction_timestamp": pd.to_datetime(["2017-03-01 10:00", "2017-03-01 11:00"]),
            "name": pd.Categorical(["Jane Doe", "John Roe"]),
        }
    )
    lines.to_parquet(journey / "sales_2017-03-01.parquet", index=False)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds two persons everywhere, in two publications; copy it."""
    settings = settings_of(tmp_path_factory.mktemp("erasure") / "home")
    fill(settings)
    land(settings)
    keys = [key_of(settings, customer) for customer in (SOMEBODY, ANOTHER)]
    with warehouse(settings) as connection:
        for source in ("online_retail", "complete_journey"):
            register_landed(replace(settings, sources=(source,)), connection)
        connection.execute("insert into loads select file_id from state.landing_files")
        connection.execute("alter table lines add column customer_key varchar")
        connection.execute("update lines set customer_key = ?", [keys[1]])
        connection.execute(
            "insert into lines values (md5('digest'), '2017-02-03', 4, $1), ('c', '2017-02-03', 4,"
            " $1)",
            [keys[0]],
        )
        connection.execute(
            "create table sales_events_failed as select json_object('quantity', 'x',"
            " 'customer_key', $1::varchar)::varchar as original",
            [keys[0]],
        )
        connection.execute(
            "create or replace view sales_events_v1 as select event_id, 'till' as source,"
            " 's1' as store_id, 'milk' as product_id, customer_key, quantity,"
            " sold_on::timestamptz as sold_at, sold_on from lines"
        )
    publish(settings)
    sell_to_another = "insert into lines values ('d', '2017-03-01', 1, ?)"
    with warehouse(settings) as connection:
        connection.execute(sell_to_another, [keys[1]])
    publish(settings)
    (settings.home / "last_run.log").write_text(f"failing rows: 1, first: {keys[0]}")
    (settings.home / "dagster").mkdir()
    with closing(sqlite3.connect(settings.home / "dagster" / "events.db")) as database:
        database.execute("create table events (event text)")
        database.execute("insert into events values (?)", [f"row {keys[0]} failed"])
        database.commit()
    return settings.home


@pytest.fixture
def settings(filled: Path, tmp_path: Path) -> Settings:
    shutil.copytree(filled, tmp_path / "home", symlinks=True)
    copied = settings_of(tmp_path / "home")
    publishing.relink(copied)
    return copied


def left_of(home: Path, *texts: str) -> set[str]:
    """Files of a home that hold one of the texts, read as what they are."""
    found = set()
    for file in home.rglob("*"):
        if not file.is_file() or file.is_symlink():
            continue
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
        if file.suffix == ".parquet":
            content += str(pq.read_table(file).to_pydict()).encode()
        if any(text.encode() in content for text in texts):
            found.add(str(file.relative_to(home)))
    return found


def facts(settings: Settings) -> dict[str, Any]:
    """What must not change for anybody else."""
    with warehouse(settings) as connection:
        return {
            "units": connection.execute("select sum(quantity), count(*) from lines").fetchall(),
            "daily": read(settings, "daily_sales_v1"),
            "forecast": read(settings, "sales_forecast_v1"),
            "rows": connection.execute(
                "select path, row_count, status, column_names, first_seen_at"
                " from state.landing_files order by 1"
            ).fetchall(),
            "other": connection.execute(
                "select event_id, quantity from lines where customer_key = ? order by 1",
                [key_of(settings, ANOTHER)],
            ).fetchall(),
        }


def test_no_byte_of_a_forgotten_person_is_left_and_nobody_else_is_missing(
    settings: Settings,
) -> None:
    key = key_of(settings, SOMEBODY)
    assert len(left_of(settings.home, SOMEBODY, key, "Jane Doe")) >= 8
    before = facts(settings)
    result = erasure.forget(settings, f" {SOMEBODY} ", now=NOW)
    assert left_of(settings.home, SOMEBODY, key, "Jane Doe") == set()
    assert facts(settings) == before
    assert (
        len(left_of(settings.landing, ANOTHER)) == len(left_of(settings.landing, "John Roe")) == 3
    )
    assert (result.erasure.lines, result.erasure.landed_files) == (5, 3)
    assert result.erasure.publications == (1, 2)


def test_only_the_lines_of_the_person_lose_anything(settings: Settings) -> None:
    erasure.forget(settings, SOMEBODY, now=NOW)
    retail = settings.landing / "online_retail" / "sales_events"
    header, theirs, other, broken = (
        (retail / "retail_2010-12-01.csv").read_bytes().decode().splitlines(keepends=True)
    )
    assert header + other == HEADER + RETAIL.splitlines(keepends=True)[1]
    assert theirs == '536365,1,"LAMP, RED",6,2010-12-01 08:26:00,2.55,,United Kingdom,\r\n'
    assert broken == "536367,1,LAMP,6,2010-12-01,,too few\r\n"
    objects = gzip.decompress((retail / "retail_2010-12-02.jsonl.gz").read_bytes()).decode()
    first, second, third = objects.splitlines()[:3]
    assert first == '{"InvoiceNo": "536370", "Quantity": 1.50, "CustomerID": null, "Name": null}'
    assert [second, third] == [OBJECTS.splitlines()[1], '{"InvoiceNo": "536372", ']
    journey = settings.landing / "complete_journey" / "sales_events"
    table = pq.read_table(journey / "sales_2017-03-01.parquet").to_pydict()
    assert table["household_id"] == [None, int(ANOTHER)]
    assert (table["quantity"], table["name"]) == ([1, 2], [None, "John Roe"])


def test_the_register_follows_and_nothing_is_landed_again(settings: Settings) -> None:
    erasure.forget(settings, SOMEBODY, now=NOW)
    with warehouse(settings) as connection:
        for source in ("online_retail", "complete_journey"):
            report = register_landed(replace(settings, sources=(source,)), connection)
            assert report.files_new == 0
            assert not [warning for warning in report.warnings if "has changed" in warning]


def test_publications_follow_and_the_same_is_not_published_again(settings: Settings) -> None:
    derived = read(settings, "sales_events_v1", "restricted/sales.duckdb")
    shared = [
        publishing.publication_folder(settings, number)
        / "restricted/sales_events/v1/2017-02.parquet"
        for number in (1, 2)
    ]
    shared[1].unlink()
    os.link(*shared)  # the copy of the home has made two of them
    erasure.forget(settings, SOMEBODY, now=NOW)
    assert publish(settings).number == 2, "nothing has changed since"
    rows = read(settings, "sales_events_v1", "restricted/sales.duckdb")
    with warehouse(settings) as connection:
        assert rows == connection.execute("from sales_events_v1 order by all").fetchall()
    assert len(rows) == len(derived)
    assert {row[0] for row in derived} - {row[0] for row in rows} == {
        next(row[0] for row in derived if len(row[0]) == 32)
    }, "an id that was derived from the key is another one, the till's own stay"
    for number in (1, 2):
        assert publishing.find_publication(settings, number).erasures == (1,)
    assert shared[0].samefile(shared[1]), "what was shared still is"
    again = publishing.rollback(settings, to=1, reason="files are whole", published_at=NOW)
    assert again.erasures == (1,)
    assert read(settings, "publications")[-1][-1] == [1]


def test_the_erasure_is_recorded_without_the_person(settings: Settings) -> None:
    erasure.forget(settings, SOMEBODY, now=NOW)
    (recorded,) = publishing.erasures(settings)
    assert (recorded.number, recorded.erased_at) == (1, NOW)
    assert "publications 1, 2 cannot be reproduced any more, as they are now" in recorded.told
    erasure.forget(settings, ANOTHER, now=NOW)
    assert [item.number for item in publishing.erasures(settings)] == [1, 2]


def test_an_unknown_person_changes_nothing(settings: Settings) -> None:
    before = {file: file.read_bytes() for file in settings.landing.rglob("*") if file.is_file()} | {
        file: file.stat().st_mtime_ns for file in settings.published.rglob("*.json")
    }
    for nobody in ("99", "7700100", " "):
        with pytest.raises(erasure.UnknownCustomer, match="forget: expected a customer"):
            erasure.forget(settings, nobody, now=NOW)
    after = {file: file.read_bytes() for file in settings.landing.rglob("*") if file.is_file()} | {
        file: file.stat().st_mtime_ns for file in settings.published.rglob("*.json")
    }
    assert after == before
    assert publishing.interrupted_since(settings) is None


def test_a_key_in_two_columns_of_a_published_row_leaves_both(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute(
            "create or replace view sales_events_v1 as select event_id, customer_key as source,"
            " 's1' as store_id, 'milk' as product_id, customer_key, quantity,"
            " sold_on::timestamptz as sold_at, sold_on from lines"
        )
    publish(settings)
    erasure.forget(settings, SOMEBODY, now=NOW)
    assert left_of(settings.home, SOMEBODY, key_of(settings, SOMEBODY)) == set()


def test_a_parquet_file_is_erased_from_whatever_its_compression(settings: Settings) -> None:
    file = settings.landing / "complete_journey/sales_events/sales_2017-03-01.parquet"
    pq.write_table(pq.read_table(file), file, compression="none")
    erasure.forget(settings, SOMEBODY, now=NOW)
    assert pq.read_table(file)["household_id"].to_pylist() == [None, int(ANOTHER)]
    column = pq.ParquetFile(file).metadata.row_group(0).column(0)
    assert column.compression == "UNCOMPRESSED"


def test_a_file_that_nothing_reads_is_named(settings: Settings) -> None:
    file = settings.landing / "online_retail" / "sales_events" / "customers.xlsx"
    file.write_bytes(b"PK\x03\x04" + SOMEBODY.encode())
    result = erasure.forget(settings, SOMEBODY, now=NOW)
    assert result.unreadable == ("online_retail/sales_events/customers.xlsx",)


@pytest.mark.parametrize("point", ERASURE_POINTS)
def test_killed_and_run_again_it_ends_as_undisturbed(settings: Settings, point: str) -> None:
    before = facts(settings)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_ERASURE, point, str(settings.home)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert publishing.interrupted_since(settings) == NOW.isoformat()
    for making in (
        lambda: publish(settings),
        lambda: publishing.rollback(settings, to=1, reason="why not", published_at=NOW),
    ):
        with pytest.raises(publishing.ErasureUnfinished, match="`meshcast forget` for the same"):
            making()
    with pytest.raises(erasure.AnotherErasure, match="was interrupted, and this is another"):
        erasure.forget(settings, ANOTHER, now=NOW)
    erasure.forget(settings, SOMEBODY, now=NOW)
    assert left_of(settings.home, SOMEBODY, key_of(settings, SOMEBODY), "Jane Doe") == set()
    assert facts(settings) == before
    assert [item.publications for item in publishing.erasures(settings)] == [(1, 2)]
    assert publishing.interrupted_since(settings) is None
    assert publish(settings).number == 2


def test_an_erasure_is_finished_though_a_publication_is_gone_since(settings: Settings) -> None:
    held = publishing.files_with(settings, [key_of(settings, SOMEBODY)])
    assert set(held) == {"publications/1", "publications/2"}
    shutil.rmtree(settings.published / "publications" / "1")
    replacement = publishing.Replacement((key_of(settings, SOMEBODY),), "salt")
    assert publishing.erase_from_published(settings, held, replacement, {}, erasure=1) == [2]
    assert publishing.files_with(settings, [key_of(settings, SOMEBODY)]) == {}


def test_the_command_prints_what_was_done_as_json_and_refuses_an_unknown_number(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHCAST_HOME", str(settings.home))
    refused = CliRunner().invoke(app, ["forget", "77009999"])
    assert refused.exit_code == 2
    assert "forget: expected a customer" in refused.stderr
    ran = CliRunner().invoke(app, ["forget", SOMEBODY, "--json"])
    assert json.loads(ran.stdout)["erasure"]["lines"] == 5
    assert SOMEBODY not in ran.stdout
