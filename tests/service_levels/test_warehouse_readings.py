import math
from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pytest

from dagster_project.service_levels.figures import ForecastOutcome
from dagster_project.service_levels.warehouse_readings import forecast_outcome
from dagster_project.warehouse import memory, state_table_statements

CUTOFF = date(2018, 1, 7)
KNOWN_THROUGH = date(2018, 1, 17)
CLOSED_ON = date(2018, 1, 10)


def day(ahead: int) -> date:
    return CUTOFF + timedelta(days=ahead)


SALES = {day(ahead): (3 * ahead) % 5 for ahead in range(-20, 11) if ahead % 4}
"""Units by day; a day that is not here sold nothing."""


def forecast(version: int, ahead: int, mean: float) -> tuple[object, ...]:
    return (version, day(ahead), ahead, mean, 0.0, 0.5, mean, 3.0, 4.0)


SERVED = [forecast(1, ahead, 1 + ahead / 4) for ahead in range(1, 15)]
NOT_SERVED = [forecast(2, ahead, 100) for ahead in range(1, 15)]
BACKFILLED = [forecast(3, ahead, 100) for ahead in range(1, 15)]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with memory() as connection:
        for statement in state_table_statements():
            connection.execute(statement)
        connection.execute(
            "create table sales_by_day (product_id varchar, store_id varchar, sold_on date,"
            " units_sold decimal(18, 4));"
            "create table open_days (store_id varchar, day_on date, known_until date)"
        )
        connection.executemany(
            "insert into sales_by_day values ('milk', 's', ?, ?)", list(SALES.items())
        )
        connection.executemany(
            "insert into open_days values ('s', ?, '9999-12-31')",
            [(day(ahead),) for ahead in range(-20, 15) if day(ahead) != CLOSED_ON],
        )
        for version in (1, 3):
            connection.execute(
                "insert into state.publications values (?, '2018-01-08', 'regular', ?, ?, 'm',"
                " true)",
                [version, CUTOFF, version],
            )
        connection.executemany(
            "insert into state.forecast_ledger select $1, '2018-01-08', $10, $2, $3, 's', 'milk',"
            " $4, $5, $6, $7, $8, $9, 'm', false, $1 = 3, 'model'",
            [(*row, CUTOFF) for row in SERVED + NOT_SERVED + BACKFILLED],
        )
        yield connection


def test_what_became_of_the_served_forecasts_equals_a_slow_loop(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = forecast_outcome(connection, day(1), KNOWN_THROUGH)

    days, units, error, naive_error, difference, in_80, in_95 = 0, 0.0, 0.0, 0.0, 0.0, 0, 0
    for _, target, ahead, mean, p025, p10, _, p90, p975 in SERVED:
        if not day(1) < target <= KNOWN_THROUGH or target == CLOSED_ON:
            continue
        sold = SALES.get(target, 0)
        naive = SALES.get(target - timedelta(days=7 * math.ceil(ahead / 7)), 0)
        days += 1
        units += sold
        error += abs(mean - sold)
        naive_error += abs(naive - sold)
        difference += mean - sold
        in_80 += p10 <= sold <= p90
        in_95 += p025 <= sold <= p975
    assert days == 8
    assert found == ForecastOutcome(
        days,
        days,
        units,
        pytest.approx(error),
        naive_error,
        pytest.approx(difference),
        in_80,
        in_95,
    )
