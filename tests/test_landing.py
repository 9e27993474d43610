from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project.landing import (
    LandingReport,
    input_files,
    register_landed,
    registration,
)
from dagster_project.settings import CHECKOUT, DBT_PROJECT, Settings
from dagster_project.warehouse import warehouse
from tests.invented import write_online_retail

ONLINE_RETAIL = Path(
    os.environ.get("MESHCAST_ONLINE_RETAIL") or CHECKOUT / "../shared/data/online_retail_by_day"
)

DAY = "shop/sales_events/2020-01-02.csv"
SALES = "event,sold_at,quantity,Price\n1,2020-01-02 10:00,2,1.50\n2,2020-01-02 11:00,-1,1.50\n"

DECLARATION = """
sources:
  - name: shop
    config:
      meta:
        meshcast: {country: GB, time_zone: Europe/London, starts_on: 2020-01-01}
    tables:
      - name: sales_events
        columns:
          - name: event
          - name: sold_at
          - name: quantity
          - {name: Price, config: {meta: {renamed_from: [UnitPrice], optional: true}}}
      - name: products
        columns: [{name: code}, {name: label, config: {meta: {optional: true}}}]
      - name: stores
        columns: [{name: store}, {name: manager, config: {meta: {personal: true, optional: true}}}]
"""


def newest_business_day(connection):
    return connection.execute(
        "select max(business_on) from state.landing_files"
        " where status = 'accepted' and entity = 'sales_events'"
    ).fetchone()[0]


@dataclass
class Shop:
    """A deployment of the source shop, with an open warehouse."""

    settings: Settings
    connection: duckdb.DuckDBPyConnection
    project: Path

    def register(self, *, today: date | None = None) -> LandingReport:
        settings = replace(self.settings, today=today or self.settings.today)
        return register_landed(settings, self.connection, project=self.project)

    def row(self, path: str) -> dict[str, Any]:
        found = self.connection.execute(
            "select * from state.landing_files where source || '/' || entity || '/' || path = ?",
            [path],
        )
        names = [column[0] for column in found.description or []]
        return dict(zip(names, found.fetchall()[0], strict=True))

    def lines(self, path: str) -> list[dict[str, Any]]:
        file = self.settings.home / self.row(path)["readable_path"]
        return list(pq.read_table(file).to_pylist())

    def declare(self, declaration: str) -> None:
        folder = self.project / "models" / "staging" / "shop"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "shop.yml").write_text(declaration)
        (folder / "stg_shop__sales_events.sql").write_text("select 1")
        (self.project / "dbt_project.yml").write_text(
            "vars: {sources: {shop: [sales_events]}}", encoding="utf-8"
        )


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Iterator[Shop]:
    settings = replace(settings, today=date(2020, 3, 1))
    with warehouse(settings) as connection:
        shop = Shop(settings, connection, tmp_path / "project")
        shop.declare(DECLARATION)
        yield shop


Land = Callable[[str, Any], Path]


def table(**columns: Any) -> pa.Table:
    rows = len(next(iter(columns.values()))) if columns else 1
    return pa.table(
        {"event": ["1"] * rows, "sold_at": ["x"] * rows, "quantity": [1] * rows} | columns
    )


def reason_of(report: LandingReport, path: str) -> str:
    return dict(report.files_rejected)[path]


# What is accepted


def test_each_file_is_registered_once(shop: Shop, land: Land) -> None:
    file = land(DAY, SALES)

    first, second = shop.register(), shop.register()

    assert (first.files_new, first.files_known, first.rows_new) == (1, 0, 2)
    assert (second.files_new, second.files_known, second.rows_new) == (0, 1, 0)
    row = shop.row(DAY)
    assert row["status"] == "accepted" and row["reason"] is None
    assert row["business_on"] == date(2020, 1, 2)
    assert row["format"] == "csv"
    assert row["size_bytes"] == file.stat().st_size
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert row["row_count"] == 2
    assert row["column_names"] == ["event", "sold_at", "quantity", "Price"]
    assert row["extra_columns"] == []
    name = hashlib.sha256(DAY.encode()).digest()[:8]
    assert row["file_id"] == int.from_bytes(name, "big") >> 1
    normalised = shop.settings.home / row["readable_path"]
    assert normalised == shop.settings.normalised / f"shop/sales_events/{row['file_id']}.parquet"


def test_parquet_is_read_in_place(shop: Shop, land: Land) -> None:
    land("shop/sales_events/sales_20200102.parquet", table())

    report = shop.register()

    assert (report.files_new, report.rows_new) == (1, 1)
    row = shop.row("shop/sales_events/sales_20200102.parquet")
    assert row["readable_path"] == "landing/shop/sales_events/sales_20200102.parquet"
    assert not shop.settings.normalised.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a_2020-01-02.csv", SALES.encode()),
        ("a_2020-01-02.CSV", SALES.encode()),
        ("a_2020-01-02.csv", b"\xef\xbb\xbf" + SALES.encode()),
        ("a_2020-01-02.csv", SALES.replace("\n", "\r\n").encode()),
        ("a_2020-01-02.csv", SALES.rstrip("\n").encode()),
        ("a_2020-01-02.csv", SALES.replace("\n", "\n\n").encode()),
        ("a_2020-01-02.csv", SALES.replace(",", ";").encode()),
        ("a_2020-01-02.csv", SALES.replace(",", "\t").encode()),
        ("a_2020-01-02.csv", SALES.replace("event,sold_at", '"event", sold_at ').encode()),
        ("a_2020-01-02.csv.gz", gzip.compress(SALES.encode(), mtime=0)),
        ("2020/deep/a_2020-01-02.csv", SALES.encode()),
    ],
)
def test_csv_is_normalised_to_text_whatever_its_dialect(
    shop: Shop, land: Land, name: str, content: bytes
) -> None:
    land(f"shop/sales_events/{name}", content)

    shop.register()

    assert shop.lines(f"shop/sales_events/{name}") == [
        {
            "event": event,
            "sold_at": sold_at,
            "quantity": quantity,
            "Price": "1.50",
            "unparsed_line": None,
        }
        for event, sold_at, quantity in [
            ("1", "2020-01-02 10:00", "2"),
            ("2", "2020-01-02 11:00", "-1"),
        ]
    ]


@pytest.mark.parametrize("name", ["2020-01-02.jsonl", "2020-01-02.ndjson", "2020-01-02.jsonl.gz"])
def test_json_lines_keep_their_values_as_they_were_written(
    shop: Shop, land: Land, name: str
) -> None:
    text = (
        '{"event": 12345678901234567890, "sold_at": "2020-01-02T10:00:00Z", "quantity": 1.10}\n'
        "\n"
        '{"event": "é", "sold_at": null, "quantity": true, "Price": {"gross": [1, 2.50]}}\n'
    )
    land(
        f"shop/sales_events/{name}",
        gzip.compress(text.encode(), mtime=0) if name.endswith("gz") else text,
    )

    report = shop.register()

    assert report.rows_new == 2
    first, second = shop.lines(f"shop/sales_events/{name}")
    assert first["event"] == "12345678901234567890"
    assert first["quantity"] == "1.10"
    assert first["Price"] is None
    assert second["event"] == "é"
    assert second["sold_at"] is None
    assert second["quantity"] == "true"
    assert json.loads(second["Price"]) == {"gross": [1, 2.5]}


def test_quoted_line_breaks_quotes_and_delimiters_stay_in_their_field(
    shop: Shop, land: Land
) -> None:
    land(DAY, SALES + '3,"a\r\nb, ""c""",1,\n')

    shop.register()

    assert [line["sold_at"] for line in shop.lines(DAY)][2] == 'a\r\nb, "c"'
    assert shop.lines(DAY)[2]["Price"] is None


def test_lines_that_do_not_parse_are_kept_in_their_place(shop: Shop, land: Land) -> None:
    land(
        DAY,
        "event,sold_at,quantity\n1,a,1\n2,b\n3,c,3,3\n"
        '4,"never closed,4\n5,e,5\n6,"closed"wrongly,6\n7,g,7\n',
    )

    report = shop.register()

    assert report.rows_new == shop.row(DAY)["row_count"] == 7
    assert [(line["event"], line["unparsed_line"]) for line in shop.lines(DAY)] == [
        ("1", None),
        (None, "2,b"),
        (None, "3,c,3,3"),
        (None, '4,"never closed,4'),
        ("5", None),
        (None, '6,"closed"wrongly,6'),
        ("7", None),
    ]


def test_json_lines_that_do_not_parse_are_kept_in_their_place(shop: Shop, land: Land) -> None:
    path = "shop/sales_events/2020-01-02.jsonl"
    good = '{"event": 1, "sold_at": "a", "quantity": 1}'
    bad = ['{"event": 2', "[3]", '{"event": NaN}', '{"event": "\\ud800"}', "{" * 100_000]
    land(path, "\n".join([good, *bad, good]))

    shop.register()

    assert [line["unparsed_line"] for line in shop.lines(path)] == [None, *bad, None]
    assert [line["event"] for line in shop.lines(path)] == ["1"] + [None] * 5 + ["1"]


def test_a_broken_line_of_an_entity_with_personal_data_is_withheld(shop: Shop, land: Land) -> None:
    land("shop/stores/2020-01-02.csv", 'store,manager\n1,"Ann\nLee"\n2,Ann,Lee\n')
    land("shop/stores/2020-01-02.jsonl", '{"store": 1}\n{"store": 2, "manager": "Ann}\n')

    shop.register()

    for path, line in [("2020-01-02.csv", 4), ("2020-01-02.jsonl", 2)]:
        assert shop.lines(f"shop/stores/{path}")[1]["unparsed_line"] == (
            f"[withheld: may hold personal data; line {line} of shop/stores/{path}]"
        )


def test_many_lines_keep_their_order_over_row_groups(
    shop: Shop, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.landing.normalising.ROW_GROUP_ROWS", 100)
    bad = {50, 99, 100, 101, 250}
    lines = [f"{n},x" if n in bad else f"{n},x,1" for n in range(301)]
    land(DAY, "\n".join(["event,sold_at,quantity", *lines]))

    shop.register()

    found = [line["event"] or line["unparsed_line"].split(",")[0] for line in shop.lines(DAY)]
    assert found == [str(number) for number in range(301)]
    assert sum(line["unparsed_line"] is not None for line in shop.lines(DAY)) == len(bad)


def test_a_file_with_a_header_only_is_accepted_with_no_rows(shop: Shop, land: Land) -> None:
    land(DAY, SALES.splitlines()[0])
    land("shop/sales_events/2020-01-03.parquet", table().slice(0, 0))

    report = shop.register()

    assert (report.files_new, report.rows_new, report.files_rejected) == (2, 0, [])
    assert shop.lines(DAY) == []
    assert newest_business_day(shop.connection) == date(2020, 1, 3)


def test_a_renamed_column_is_accepted_as_declared(shop: Shop, land: Land) -> None:
    shop.declare(
        DECLARATION.replace(
            ", optional: true}}}\n      - name: products", "}}}\n      - name: products"
        )
    )
    land(DAY, SALES.replace("Price", "UnitPrice"))
    land("shop/sales_events/2020-01-03.csv", SALES.replace("Price", "PRICE"))

    report = shop.register()

    assert (report.files_new, report.notes, report.files_rejected) == (2, [], [])


def test_an_extra_column_is_accepted_and_noted(shop: Shop, land: Land) -> None:
    land(DAY, SALES.replace("\n", ",x\n"))
    land("shop/sales_events/2020-01-03.parquet", table(weather=[["sunny"]]))

    report = shop.register()

    assert report.files_new == 2
    assert report.notes == [
        "shop/sales_events: the column weather is not declared and not read (1 new files)",
        "shop/sales_events: the column x is not declared and not read (1 new files)",
    ]
    assert shop.row(DAY)["extra_columns"] == ["x"]


def test_an_undated_file_of_another_entity_counts_from_the_start_of_its_source(
    shop: Shop, land: Land
) -> None:
    land("shop/products/all.csv", "code,label\n1,Bread\n")
    land("shop/products/from 2020-02-03/all.csv", "code,label\n1,Bread\n")

    shop.register()

    assert shop.row("shop/products/all.csv")["business_on"] == date(2020, 1, 1)
    assert shop.row("shop/products/from 2020-02-03/all.csv")["business_on"] == date(2020, 2, 3)


def test_a_declared_pattern_finds_the_business_date(shop: Shop, land: Land) -> None:
    shop.declare(
        DECLARATION.replace(
            "- name: sales_events\n",
            "- name: sales_events\n"
            "        config: {meta: {business_date: '_until_([0-9-]{10})'}}\n",
        )
    )
    land("shop/sales_events/from_2020-01-01_until_2020-01-05.csv", SALES)

    shop.register()

    assert newest_business_day(shop.connection) == date(2020, 1, 5)


def test_hidden_and_unfinished_files_are_left_alone(shop: Shop, land: Land) -> None:
    for name in (".2020-01-02.csv", "_SUCCESS", "2020-01-02.csv.tmp", "2020-01-02.csv.part"):
        land(f"shop/sales_events/{name}", SALES)
    land("shop/sales_events/.hidden/2020-01-02.csv", SALES)

    assert shop.register() == LandingReport()


# What is rejected


@pytest.mark.parametrize(
    ("name", "content", "expected", "found"),
    [
        ("2020-01-02.csv", b"", "a file with content", "0 bytes"),
        ("2020-01-02.csv", b"\n\n", "a header line", "none"),
        ("2020-01-02.csv", SALES.encode("utf-16"), "text in UTF-8", "UTF-16"),
        ("2020-01-02.csv", SALES.encode("utf-16-le"), "text in UTF-8", "UTF-16"),
        ("2020-01-02.csv", gzip.compress(SALES.encode(), mtime=0), "text in UTF-8", "gzip"),
        ("2020-01-02.csv", b"PK\x03\x04 workbook", "text in UTF-8", "an Excel file"),
        ("2020-01-02.csv.gz", SALES.encode(), "gzip", "something else"),
        (
            "2020-01-02.csv.gz",
            gzip.compress(SALES.encode(), mtime=0)[:-12],
            "a whole gzip",
            "ended before",
        ),
        ("2020-01-02.parquet", SALES.encode(), "Parquet", "something else"),
        ("2020-01-02.parquet", b"PAR1 and nothing more", "a whole Parquet file", "Parquet magic"),
        ("2020-01-02.jsonl", b"[\n]\n", "one JSON object in each line", "no line that is one"),
        ("2020-01-02.jsonl", SALES.encode(), "one JSON object in each line", "no line that is one"),
        ("2020-01-02.xlsx", b"PK\x03\x04", "a file named .parquet, .csv", "another extension"),
        ("today.csv", SALES.encode(), "a business date in the file's name", "none"),
        ("2020-13-45.csv", SALES.encode(), "business date as YYYY-MM-DD", "'2020-13-45'"),
        ("2020-01-02.csv", b"event,sold_at\n", "the column quantity", "event, sold_at"),
        ("2020-01-02.csv", b"event,sold_at,quantity,Event\n", "each column once", "event, Event"),
        ("2020-01-02.jsonl", b'{"": 1, "event": 1}', "every column to have a name", "one without"),
        ("2020-01-02.csv", b"event,sold_at,quantity,filename\n", "no column named", "filename"),
        ("2020-01-0[2] 2020-01-02.parquet", b"PAR1", "without * ? or [", "takes for a pattern"),
    ],
)
def test_a_file_that_cannot_be_used_is_recorded_with_its_reason_and_others_go_on(
    shop: Shop, land: Land, name: str, content: bytes, expected: str, found: str
) -> None:
    path = f"shop/sales_events/{name}"
    land(path, content)
    land("shop/sales_events/a good one 2020-01-09.csv", SALES)

    report = shop.register()

    assert report.files_new == 1
    reason = reason_of(report, path)
    assert expected in reason and found in reason
    row = shop.row(path)
    assert (row["status"], row["reason"]) == ("rejected", reason)
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row["row_count"] is None and row["readable_path"] is None


def test_a_byte_that_is_not_utf8_is_named_with_its_position(shop: Shop, land: Land) -> None:
    text = SALES + "3,caf" * 400_000
    land(DAY, text.encode() + b"\xe9\n")

    reason = reason_of(shop.register(), DAY)

    assert f"found byte 0xe9 at position {len(text):,}" in reason
    assert not list(shop.settings.normalised.rglob("*.tmp"))


def test_a_missing_column_names_the_closest_one_and_what_to_declare(shop: Shop, land: Land) -> None:
    land(DAY, SALES.replace("quantity", "Quantities"))

    reason = reason_of(shop.register(), DAY)

    assert "expected the column quantity" in reason
    assert "found event, sold_at, Quantities, Price" in reason
    assert "renamed_from: [Quantities]" in reason
    assert "optional: true" in reason


def test_what_was_rejected_is_accepted_once_it_is_declared(shop: Shop, land: Land) -> None:
    land(DAY, SALES.replace("quantity", "Quantities"))
    assert shop.register().files_new == 0

    shop.declare(
        DECLARATION.replace(
            "- name: quantity", "- {name: quantity, config: {meta: {renamed_from: [Quantities]}}}"
        )
    )

    assert shop.register().files_new == 1
    assert shop.row(DAY)["status"] == "accepted"


def test_a_truncated_parquet_file_is_rejected(shop: Shop, land: Land) -> None:
    path = "shop/sales_events/2020-01-02.parquet"
    file = land(path, table())
    file.write_bytes(file.read_bytes()[:-20])

    assert "expected a whole Parquet file" in reason_of(shop.register(), path)


def test_a_parquet_file_with_a_broken_page_is_rejected(shop: Shop, land: Land) -> None:
    path = "shop/sales_events/2020-01-02.parquet"
    file = land(path, table(note=[os.urandom(5000).hex()]))
    broken = bytearray(file.read_bytes())
    broken[200:4000] = bytes(3800)
    file.write_bytes(broken)

    assert "expected a whole Parquet file" in reason_of(shop.register(), path)


def test_a_folder_where_a_file_should_be_is_rejected(shop: Shop, land: Land) -> None:
    land("shop/sales_events/2020-01-02.parquet/part-0.parquet", table())
    os.mkfifo(shop.settings.landing / "shop/sales_events/2020-01-03.csv")
    os.symlink("nowhere", shop.settings.landing / "shop/sales_events/2020-01-04.csv")

    report = shop.register()

    assert "found a folder" in reason_of(report, "shop/sales_events/2020-01-02.parquet")
    assert "neither a file nor a folder" in reason_of(report, "shop/sales_events/2020-01-03.csv")
    assert "a broken link" in reason_of(report, "shop/sales_events/2020-01-04.csv")
    assert shop.row("shop/sales_events/2020-01-02.parquet")["sha256"] is None


def test_a_file_whose_name_is_no_text_is_rejected(shop: Shop, land: Land) -> None:
    file = land(DAY, SALES)
    os.rename(file, os.fsencode(file.parent) + b"/2020-01-02 \xff.csv")

    report = shop.register()

    assert "a name that is not UTF-8" in reason_of(report, "shop/sales_events/2020-01-02 \\xff.csv")


def test_a_rejected_file_is_reported_again_and_registered_when_replaced(
    shop: Shop, land: Land
) -> None:
    land(DAY, "")
    first = shop.register()
    seen_at = shop.row(DAY)["first_seen_at"]
    again = shop.register()
    assert again.files_rejected == first.files_rejected
    assert shop.row(DAY)["first_seen_at"] == seen_at

    land(DAY, SALES)
    replaced = shop.register()

    assert (replaced.files_new, replaced.rows_new, replaced.files_rejected) == (1, 2, [])
    assert shop.row(DAY)["status"] == "accepted"


def test_a_file_of_the_future_waits_until_its_day_has_come(shop: Shop, land: Land) -> None:
    land("shop/sales_events/2020-01-03.parquet", table())
    land("shop/sales_events/2020-01-04.parquet", table(sold_at=[1]))
    land("shop/products/2020-01-04.csv", "code\n1\n")

    first = shop.register(today=date(2020, 1, 2))

    assert first.files_new == 1, "tomorrow has begun somewhere"
    for path in ("shop/sales_events/2020-01-04.parquet", "shop/products/2020-01-04.csv"):
        reason = reason_of(first, path)
        assert "a business date until 2020-01-03 (today is 2020-01-02), found 2020-01-04" in reason
        assert "Land it under the right date, or leave it" in reason
    assert newest_business_day(shop.connection) == date(2020, 1, 3)
    assert not shop.settings.normalised.exists()

    second = shop.register(today=date(2020, 1, 3))

    assert (second.files_new, second.files_rejected) == (2, [])
    assert newest_business_day(shop.connection) == date(2020, 1, 4)


def test_a_file_of_the_future_was_first_seen_when_it_first_was(shop: Shop, land: Land) -> None:
    land("shop/sales_events/2020-02-01.csv", SALES)
    shop.register(today=date(2020, 1, 2))
    before = shop.row("shop/sales_events/2020-02-01.csv")

    shop.register(today=date(2020, 1, 3))

    after = shop.row("shop/sales_events/2020-02-01.csv")
    assert "today is 2020-01-03" in after["reason"]
    assert after["first_seen_at"] == before["first_seen_at"]


def test_a_plan_may_be_dated_as_far_ahead_as_plans_are_known(shop: Shop, land: Land) -> None:
    shop.declare(
        DECLARATION.replace(
            "starts_on: 2020-01-01}",
            "starts_on: 2020-01-01, forecast: {promotions_known_ahead_days: 7}}",
        )
        + "      - {name: promotions, columns: [{name: code}]}\n"
    )
    land("shop/promotions/2020-01-10.csv", "code\n1\n")
    land("shop/promotions/2020-01-11.csv", "code\n1\n")

    report = shop.register(today=date(2020, 1, 2))

    assert report.files_new == 1
    assert "until 2020-01-10" in reason_of(report, "shop/promotions/2020-01-11.csv")


def test_what_was_accepted_stays_so_on_an_earlier_day(shop: Shop, land: Land) -> None:
    land(DAY, SALES)
    shop.register()
    lines = shop.lines(DAY)
    (shop.settings.home / shop.row(DAY)["readable_path"]).unlink()

    report = shop.register(today=date(2019, 1, 1))

    assert report == LandingReport(files_known=1)
    assert shop.lines(DAY) == lines


def test_a_rejected_file_that_was_removed_is_forgotten(shop: Shop, land: Land) -> None:
    bad = [land("shop/sales_events/2020-01-03.csv", ""), land("shop/products/2020-01-03.csv", "")]
    good = land(DAY, SALES)
    assert len(shop.register().files_rejected) == 2

    for file in bad:
        file.unlink()
    good.unlink()
    report = shop.register()

    assert report.files_rejected == []
    (left,) = shop.connection.execute("select path, status from state.landing_files").fetchall()
    assert left == ("2020-01-02.csv", "accepted"), "what was accepted is only missed"
    assert "no longer there" in report.warnings[0]


# Types of Parquet files


@pytest.mark.parametrize(
    "moments",
    [
        pa.array([1_577_962_800], pa.int64()),
        pa.array([datetime(2020, 1, 2, 11)], pa.timestamp("us")),
        pa.array([datetime(2020, 1, 2, 11, tzinfo=UTC)], pa.timestamp("ns", "Asia/Tokyo")),
        pa.array([date(2020, 1, 2)]),
        pa.array(["2020-01-02 11:00"]),
        pa.array([b"2020-01-02 11:00"]),
        pa.array([None], pa.null()),
        pa.array(["2020-01-02 11:00"]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_parquet_files_whose_types_differ_can_be_read_together(
    shop: Shop, land: Land, moments: pa.Array
) -> None:
    zoned = pa.array([datetime(2020, 1, 1, 10, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    land("shop/sales_events/2020-01-01.parquet", table(sold_at=zoned))
    shop.register()
    land("shop/sales_events/2020-01-02.parquet", table(sold_at=moments))
    land("shop/sales_events/2020-01-03.csv", SALES)
    report = shop.register()

    assert report.files_rejected == []
    files = [
        str(shop.settings.home / row[0])
        for row in shop.connection.execute(
            "select readable_path from state.landing_files order by path"
        ).fetchall()
    ]
    read = shop.connection.execute(
        "select event, sold_at::varchar, quantity::int from read_parquet(?, union_by_name = true)",
        [files],
    ).fetchall()
    assert len(read) == 4
    assert read[0] == ("1", "2020-01-01 10:00:00+00", 1)
    if pa.types.is_timestamp(moments.type) and moments.type.tz is None:
        assert read[1][1] == "2020-01-02 11:00:00.000000"  # no zone was given, none is added
    if pa.types.is_timestamp(moments.type) and moments.type.tz:
        assert read[1][1] == "2020-01-02 11:00:00+00"


def test_nested_values_are_rejected(shop: Shop, land: Land) -> None:
    land("shop/sales_events/2020-01-02.parquet", table(quantity=[{"pieces": 1}]))

    reason = reason_of(shop.register(), "shop/sales_events/2020-01-02.parquet")

    assert "expected plain values in the column quantity, found struct" in reason


# What was accepted and is not there any more as it was


def test_a_changed_or_missing_file_is_reported_and_not_registered_again(
    shop: Shop, land: Land
) -> None:
    file = land(DAY, SALES)
    other = land("shop/sales_events/2020-01-03.csv", SALES)
    shop.register()
    before = shop.row(DAY)

    file.write_text(SALES.replace("-1", "-2"))
    later = datetime.now().timestamp() + 5
    os.utime(file, (later, later))
    other.unlink()
    report = shop.register()

    changed, missing = report.warnings
    assert DAY in changed and before["sha256"] in changed
    assert hashlib.sha256(file.read_bytes()).hexdigest() in changed
    assert "2020-01-03.csv" in missing and "no longer there" in missing
    assert "land it under a new name" in changed and "land it under a new name" in missing
    assert shop.row(DAY) == before
    assert len(input_files(shop.connection)) == 2


def test_a_file_that_was_only_touched_is_as_it_was(shop: Shop, land: Land) -> None:
    file = land(DAY, SALES)
    shop.register()

    later = datetime.now().timestamp() + 5
    os.utime(file, (later, later))

    assert shop.register() == LandingReport(files_known=1)


def test_unchanged_files_are_not_read_again(
    shop: Shop, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(DAY, SALES)
    shop.register()

    def refuse(*_: Any) -> None:
        raise AssertionError("read an unchanged file")

    monkeypatch.setattr(registration, "sha256_of", refuse)
    monkeypatch.setattr(registration, "read_landed", refuse)

    assert shop.register() == LandingReport(files_known=1)


def test_many_missing_files_make_few_warnings(shop: Shop, land: Land) -> None:
    files = [land(f"shop/sales_events/2020-01-{day:02}.csv", SALES) for day in range(1, 21)]
    shop.register()
    for file in files:
        file.unlink()

    report = shop.register()

    assert len(report.warnings) == registration.FILES_NAMED + 1
    assert report.warnings[-1] == "shop/sales_events: the same of 15 more files."


@pytest.mark.parametrize("is_parquet", [False, True])
def test_a_lost_normalised_file_is_written_again(shop: Shop, land: Land, is_parquet: bool) -> None:
    path = DAY
    land(DAY, SALES)
    if is_parquet:
        path = "shop/sales_events/2020-01-03.parquet"
        land("shop/sales_events/2020-01-01.parquet", table())
        land(path, table(quantity=["1"]))
    shop.register()
    before = shop.lines(path)
    (shop.settings.home / shop.row(path)["readable_path"]).unlink()

    assert shop.register().files_new == 0
    assert shop.lines(path) == before


# Folders


def test_folders_that_nobody_declared_are_named_with_the_known_ones(shop: Shop, land: Land) -> None:
    land("shopp/sales_events/2020-01-02.csv", SALES)
    land("shop/sales-events/2020-01-02.csv", SALES)
    land("shop/2020-01-02.csv", SALES)

    report = shop.register()

    assert report.files_new == 0
    loose, dashed, unknown = report.warnings
    assert "landing/shop/2020-01-02.csv: expected an entity of sales_events, products" in loose
    assert "landing/shop/sales-events" in dashed and "Rename it to sales_events" in dashed
    assert "landing/shopp: expected a source of shop" in unknown and "Rename it to shop" in unknown


def test_a_home_without_landing_has_nothing_to_register(shop: Shop) -> None:
    assert shop.register() == LandingReport()
    assert newest_business_day(shop.connection) is None
    assert input_files(shop.connection) == []


# Fingerprint


def test_the_input_files_are_the_accepted_ones_and_the_same_in_every_home(
    shop: Shop, land: Land, tmp_path: Path
) -> None:
    land(DAY, SALES)
    land("shop/sales_events/2020-01-03.csv", "")
    shop.register()
    first = input_files(shop.connection)

    assert [file["path"] for file in first] == ["2020-01-02.csv"]
    shop.register()
    assert input_files(shop.connection) == first

    other_home = Settings(home=tmp_path / "other", today=shop.settings.today)
    copied = other_home.landing / DAY
    copied.parent.mkdir(parents=True)
    copied.write_text(SALES)
    with warehouse(other_home) as connection:
        register_landed(other_home, connection, project=shop.project)
        assert input_files(connection) == first

    land("shop/sales_events/2020-01-04.csv", SALES)
    shop.register()
    assert input_files(shop.connection) != first


# Killed and run again


def test_a_registration_that_is_stopped_leaves_nothing_and_is_done_again(
    shop: Shop, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(DAY, SALES)
    land("shop/sales_events/2020-01-03.csv", SALES)

    class Killed(BaseException):
        pass

    def stop(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(registration, "store", stop)
        with pytest.raises(Killed):
            shop.register()
    assert input_files(shop.connection) == []

    with monkeypatch.context() as patch:
        patch.setattr(registration, "commit_point", stop)
        with pytest.raises(Killed):
            shop.register()
    assert len(input_files(shop.connection)) == 2
    assert shop.register().files_known == 2


def test_the_commit_point_follows_the_commit(
    shop: Shop, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(DAY, SALES)
    seen = []

    def look(name: str) -> None:
        other = shop.connection.cursor()
        seen.append((name, len(input_files(other))))

    monkeypatch.setattr(registration, "commit_point", look)
    shop.register()

    assert seen == [("files_registered", 1)]


def test_the_moment_of_the_registration_is_an_argument(shop: Shop, land: Land) -> None:
    land(DAY, SALES)
    seen_at = datetime(2020, 1, 3, tzinfo=UTC)

    register_landed(shop.settings, shop.connection, project=shop.project, seen_at=seen_at)

    assert shop.row(DAY)["first_seen_at"] - seen_at == timedelta(0)


# The shipped source of CSV files


def test_invented_days_of_online_retail_land_whole(settings: Settings) -> None:
    retail = replace(settings, sources=("online_retail",))
    files = write_online_retail(retail.landing / "online_retail/sales_events", days=10)

    with warehouse(retail) as connection:
        report = register_landed(retail, connection)
        shop = Shop(retail, connection, DBT_PROJECT)
        line = shop.lines(f"online_retail/sales_events/{files[0].name}")[2]

    assert (report.files_new, report.files_rejected, report.notes) == (len(files), [], [])
    assert report.rows_new == sum(file.read_text().count("\n") - 1 for file in files)
    assert line["Description"] == 'CAKE STAND, 3 TIER "REGENCY"'


@pytest.mark.skipif(not ONLINE_RETAIL.is_dir(), reason=f"{ONLINE_RETAIL} is not there")
def test_the_real_online_retail_lands_whole(settings: Settings) -> None:
    retail = replace(settings, sources=("online_retail",))
    (retail.landing / "online_retail").mkdir(parents=True)
    os.symlink(ONLINE_RETAIL.resolve(), retail.landing / "online_retail" / "sales_events")

    with warehouse(retail) as connection:
        report = register_landed(retail, connection)

    assert (report.files_new, report.files_rejected, report.notes) == (305, [], [])
    assert report.rows_new == 541_909
