"""The audit: a candidate that fails is kept with its failing rows, and shows nobody's name."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from dagster_project import publishing
from dagster_project.publishing import TestResult
from dagster_project.publishing.failing_rows import message_without_rows
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse
from tests.publishing.invented_ports import (
    PRODUCT_VIEWS,
    PUBLISHED_AT,
    failing,
    publish,
    read,
    sell,
)


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


def test_the_rows_of_a_test_are_read_from_the_candidate_and_nowhere_else(
    filled: Settings, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("product_id\nof somebody else\n")

    def reaching_out(_: Settings) -> list[TestResult]:
        return [TestResult("far", "warn", 1, "Got 1 result", f"from read_csv('{secret}')")]

    publish(filled, reaching_out)
    (shown,) = json.loads(
        (filled.published / "current" / "restricted" / "audit.json").read_text(encoding="utf-8")
    )
    assert "somebody else" not in str(shown["rows"])
