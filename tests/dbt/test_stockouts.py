"""Likely stock-outs: the rule against an obvious loop, whatever is known late or never."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stockouts import censor, markdown, zero_runs_macro
from dagster_project.warehouse import memory

FIRST = date(2020, 1, 1)
TABLES = """
create or replace table open_days (store_id varchar, day_on date, known_on date, known_until date);
create or replace table daily_sales_changes (
    product_id varchar, store_id varchar, sold_on date, known_on date, units_sold decimal(18, 4)
);
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with memory() as opened:
        opened.execute(TABLES)
        opened.execute(zero_runs_macro())
        yield opened


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def land(
    connection: duckdb.DuckDBPyConnection, units: list[int], late: dict[int, int], closed: set[int]
) -> None:
    """One series of one store; day i is known at the end of it, or so many days later."""
    connection.execute(TABLES)
    rows = [
        ("milk", "main", day(i), day(i + late.get(i, 0)), sold)
        for i, sold in enumerate(units)
        if sold and i not in closed
    ]
    days = [
        ("main", day(i), day(i), date(9999, 12, 31)) for i in range(len(units)) if i not in closed
    ]
    if rows:
        connection.executemany("insert into daily_sales_changes values (?, ?, ?, ?, ?)", rows)
    connection.executemany("insert into open_days values (?, ?, ?, ?)", days)


def slow(
    units: list[int], late: dict[int, int], closed: set[int], known: int
) -> list[tuple[date, date, int, bool, date]]:
    """Runs as known at the end of day number `known`: starts, ends, days, ongoing, told on."""
    opened = [i for i in range(min(known + 1, len(units))) if i not in closed]
    sold = [bool(units[i]) and i + late.get(i, 0) <= known for i in opened]
    found = []
    for position, is_sold in enumerate(sold):
        if not is_sold:
            continue
        run = 0
        while position + run + 1 < len(sold) and not sold[position + run + 1]:
            run += 1
        before = min(56, position - sold.index(True) + 1)
        share = (sum(sold[position - before + 1 : position + 1]) + 0.5) / (before + 1)
        needed = math.ceil(math.log(1e-6) / math.log(1 - share))
        if before >= 28 and needed <= run <= 56:
            ends = opened[position + run]
            found.append(
                (
                    day(opened[position + 1]),
                    day(ends),
                    run,
                    position + run + 1 == len(sold),
                    day(opened[position + needed]),
                )
            )
    return found


@settings(max_examples=60)
@given(
    past=st.lists(st.sampled_from([0, 1, 1, 1, 4]), min_size=20, max_size=70),
    gap=st.integers(0, 62),
    rest=st.lists(st.sampled_from([0, 2]), max_size=10),
    late=st.dictionaries(st.integers(0, 100), st.integers(0, 40), max_size=5),
    closed=st.sets(st.integers(0, 120), max_size=12),
    known=st.integers(30, 150),
)
def test_the_rule_equals_an_obvious_loop(
    connection: duckdb.DuckDBPyConnection,
    past: list[int],
    gap: int,
    rest: list[int],
    late: dict[int, int],
    closed: set[int],
    known: int,
) -> None:
    units = [*past, *[0] * gap, *rest]
    if all(number in closed for number in range(len(units))):
        return
    land(connection, units, late, closed)
    fast = connection.execute(
        "select starts_on, ends_on, days, is_ongoing, known_on"
        " from improbable_zero_runs_as_known(?) order by starts_on",
        [day(known)],
    ).fetchall()
    assert fast == slow(units, late, closed, known)


def test_a_daily_seller_is_told_after_three_days_and_one_gone_for_good_no_more(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    land(connection, [3] * 60 + [0] * 60, {}, set())
    query = "select days, is_ongoing, known_on from improbable_zero_runs_as_known(?)"
    told = {n: connection.execute(query, [day(59 + n)]).fetchall() for n in (2, 3, 56, 57)}
    assert told == {2: [], 3: [(3, True, day(62))], 56: [(56, True, day(62))], 57: []}


def test_censored_runs_are_found_again(connection: duckdb.DuckDBPyConnection) -> None:
    land(connection, [3] * 200, {}, set())
    found = censor(connection)
    shares = dict(zip(found.cells["length"], found.cells["found"], strict=True))
    assert shares == {1: 0, 2: 0, 3: 1, 5: 1, 7: 1, 14: 1, 28: 1}
    assert (found.told_days, found.series_days) == (0, 200 - 28)
    assert "100%, after 3.0 (1) |\n" in markdown(found).split("| 3 |")[1]


def test_what_is_told_without_censoring_is_counted_among_open_days(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    land(connection, [3] * 100 + [0] * 10 + [3] * 90, {}, {150, 151})
    found = censor(connection)
    assert (found.told_days, found.series_days) == (10, 200 - 28 - 2)
    assert "tells 10 of the 170 open days" in markdown(found)
