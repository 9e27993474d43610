"""What the warehouse knows of lines, days, stores, series, and of what came true."""

from __future__ import annotations

from datetime import date

import duckdb

from dagster_project.service_levels.figures import ForecastOutcome

LINES = """
select coalesce(sum(rows_quarantined), 0)::bigint, coalesce(sum(rows_read), 0)::bigint
from loads
where entity = 'sales_events' and known_on > ?
"""

EXPECTED_DAYS = """
select distinct day_on
from completeness
where is_expected and day_on > ? and day_on <= ?
"""

STORE_DAYS = """
select
    coalesce(sum(stores_expected_and_found), 0)::bigint,
    coalesce(sum(stores_expected), 0)::bigint
from completeness
where day_on > ? and day_on <= ?
"""

SERIES_IN_SCOPE = """
select product_id, store_id
from forecast_series
where is_in_scope and cutoff_on = ?
"""

# A closed day is no day that a forecast could be right or wrong about. The naive forecast is the
# ladder's: y(t - 7 ceil(h / 7)), nothing where the series sold nothing then.
OUTCOME = """
with served as (
    select ledger.*
    from state.forecast_ledger as ledger
    where
        ledger.forecast_version in (
            select forecast_version from state.publications where kind = 'regular'
        )
        and not ledger.is_backfill
        and ledger.target_on > $after
        and ledger.target_on <= $known_through
),
came_true as (
    select
        served.*,
        coalesce(actual.units_sold, 0) as units,
        coalesce(naive.units_sold, 0) as naive_units
    from served
    inner join open_days
        on
            served.store_id = open_days.store_id
            and served.target_on = open_days.day_on
            and open_days.known_until = date '9999-12-31'
    left join sales_by_day as actual
        on
            served.product_id = actual.product_id
            and served.store_id = actual.store_id
            and served.target_on = actual.sold_on
    left join sales_by_day as naive
        on
            served.product_id = naive.product_id
            and served.store_id = naive.store_id
            and naive.sold_on
            = served.target_on - 7 * cast(ceil(served.horizon_days / 7.0) as integer)
)
select
    count(distinct target_on),
    count(*),
    coalesce(sum(units), 0)::double,
    coalesce(sum(abs(units_mean - units)), 0)::double,
    coalesce(sum(abs(naive_units - units)), 0)::double,
    coalesce(sum(units_mean - units), 0)::double,
    count(*) filter (where units between units_p10 and units_p90),
    count(*) filter (where units between units_p025 and units_p975)
from came_true
"""


def quarantined_lines(connection: duckdb.DuckDBPyConnection, after: date) -> tuple[int, int]:
    """Sales lines in quarantine and lines read, of files that became known after a day."""
    quarantined, read = connection.execute(LINES, [after]).fetchall()[0]
    return quarantined, read


def expected_days(connection: duckdb.DuckDBPyConnection, after: date, until: date) -> list[date]:
    """Days after one and up to another on which a source should have sales."""
    return [day for (day,) in connection.execute(EXPECTED_DAYS, [after, until]).fetchall()]


def store_days(connection: duckdb.DuckDBPyConnection, after: date, until: date) -> tuple[int, int]:
    """Stores found of those expected, and stores expected, summed over days."""
    found, expected = connection.execute(STORE_DAYS, [after, until]).fetchall()[0]
    return found, expected


def series_in_scope(
    connection: duckdb.DuckDBPyConnection, cutoff_on: date
) -> list[tuple[str, str]]:
    """Product and store of each series that is to be forecast at a cutoff."""
    return connection.execute(SERIES_IN_SCOPE, [cutoff_on]).fetchall()


def horizon_days(connection: duckdb.DuckDBPyConnection, forecast_version: int) -> int:
    """Days ahead that a forecast was asked for; 0 when the ledger does not know it."""
    found = connection.execute(
        "select horizon_days from state.forecast_versions where forecast_version = ?",
        [forecast_version],
    ).fetchall()
    return int(found[0][0]) if found else 0


def forecast_outcome(
    connection: duckdb.DuckDBPyConnection, after: date, known_through: date
) -> ForecastOutcome:
    """What became of the published forecasts of the days after one whose sales are known.

    Only what was believed before the day counts: no backfill, and each publication as often as it
    forecast the day, so that all horizons that were served are in it.
    """
    row = connection.execute(OUTCOME, {"after": after, "known_through": known_through}).fetchall()[
        0
    ]
    return ForecastOutcome(*row)
