"""A reader of another domain: queries the published port again and again until its input ends.

`python -m tests.published_reader FILE` prints each different answer as a line of JSON.
"""

from __future__ import annotations

import json
import select
import sys

import duckdb

# A publication is seen whole when its forecast, history and daily sales belong together.
QUERY = """
select
    (select max(publication) from publications where is_current),
    (select forecast_version from publications where is_current),
    (select min(forecast_version) from sales_forecast_v1),
    (select max(forecast_version) from sales_forecast_v1),
    (select count(*) from sales_forecast_v1),
    (select sum(units_mean)::varchar from sales_forecast_v1),
    (select count(distinct forecast_version) from sales_forecast_history_v1),
    (select max(sold_on)::varchar from daily_sales_v1),
    (select sum(units_sold)::varchar from daily_sales_v1)
"""


def read(file: str) -> list[object]:
    """Open the port as a stranger would, ask once, close."""
    with duckdb.connect(file, read_only=True) as connection:
        return list(connection.execute(QUERY).fetchall()[0])


if __name__ == "__main__":
    seen: set[str] = set()
    while not select.select([sys.stdin], [], [], 0.3)[0]:
        answer = json.dumps(read(sys.argv[1]))
        if answer not in seen:
            seen.add(answer)
            sys.stdout.write(answer + "\n")
            sys.stdout.flush()
