"""Candidates: what is written, what is shared with the one before, and when none is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project import publishing
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse
from tests.publishing.invented_ports import (
    PRODUCT_VIEWS,
    PROVENANCE,
    PUBLISHED_AT,
    fill,
    forecast,
    inode,
    land_file,
    publish,
    read,
    sell,
    state_of,
)


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
