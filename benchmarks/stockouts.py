"""How well the rule for likely stock-outs finds them: `python -m benchmarks.stockouts HOME`.

Nobody knows when a product really was out of stock. So known days are censored: sales of regular
sellers are taken away for a run of open days, and the rule is asked about what is left. What it
tells where nothing was taken away is counted beside it; some of that may be real.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import duckdb
import jinja2
import numpy as np
import pandas as pd
from rich.console import Console

from dagster_project.settings import CHECKOUT, DBT_PROJECT
from dagster_project.warehouse import memory

MACRO = DBT_PROJECT / "macros" / "improbable_zero_runs.sql"
RUN_LENGTHS = (1, 2, 3, 5, 7, 14, 28)
SHARES = (0.5, 0.7, 0.9, 1.0)
RUNS_PER_CELL = 200
SEED = 20171231

SERIES_DAYS = """
create or replace table series_days as
with sold as (
    select product_id, store_id, sold_on
    from daily_sales_changes
    group by all
    having sum(units_sold) > 0
),

series as (
    select distinct product_id, store_id from sold
)

select
    series.product_id,
    series.store_id,
    opened.day_on,
    opened.number,
    sold.sold_on is not null as is_sold,
    count(sold.sold_on) over (
        partition by series.product_id, series.store_id order by opened.number
        range between 56 preceding and 1 preceding
    ) / 56.0 as share
from series
inner join opened on series.store_id = opened.store_id
left join sold
    on
        series.product_id = sold.product_id
        and series.store_id = sold.store_id
        and opened.day_on = sold.sold_on
"""

RESULT = CHECKOUT / "benchmarks" / "results" / "stockouts.md"


@dataclass(frozen=True)
class Found:
    """What the rule made of censored runs.

    Attributes:
        cells: length (open days), sold_share (lower bound), runs, found (share of the runs that
            were told), days_to_tell (mean open days until then).
        series_days: open days on which a product was a regular seller of a store: one that sold on
            half of the 56 open days before.
        told_days: those of them that are told in the uncensored data.
    """

    cells: pd.DataFrame
    series_days: int
    told_days: int


def zero_runs_macro() -> str:
    """The statement of dbt's macro that creates improbable_zero_runs_as_known."""
    text = MACRO.read_text(encoding="utf-8") + "{{ create_improbable_zero_runs_as_known() }}"
    return jinja2.Environment().from_string(text).render().strip()


def censor(connection: duckdb.DuckDBPyConnection) -> Found:
    """Censor runs of regular sellers, one at a time per series, and ask the rule.

    Args:
        connection: has daily_sales_changes and open_days as the warehouse does; its tables are
            replaced.
    """
    connection.execute(zero_runs_macro())
    known_on = "date '9999-12-30'"
    connection.execute(
        "create or replace table opened as select store_id, day_on, row_number() over"
        " (partition by store_id order by day_on) as number from open_days"
        " where known_until = date '9999-12-31'"
    )
    connection.execute(SERIES_DAYS)
    days = connection.execute(
        "select count(*), count(told.starts_on) from series_days as days"
        f" left join improbable_zero_runs_as_known({known_on}) as told"
        " on told.product_id = days.product_id and told.store_id = days.store_id"
        " and days.day_on between told.starts_on and told.ends_on where share >= 0.5"
    ).fetchone()
    assert days is not None
    regular = connection.execute(
        "select product_id, store_id, number, day_on as sold_on, share from series_days"
        " where is_sold and share >= 0.5 order by all"
    ).df()
    generator = np.random.default_rng(SEED)
    rows = []
    for share in SHARES:
        upper = 2.0 if share == SHARES[-1] else SHARES[SHARES.index(share) + 1]
        fitting = regular[(regular["share"] >= share) & (regular["share"] < upper)]
        for length in RUN_LENGTHS:
            # one run per series, so that no run is in the past of another
            mixed = fitting.iloc[generator.permutation(len(fitting))]
            chosen = mixed.drop_duplicates(["product_id", "store_id"]).head(RUNS_PER_CELL)
            if len(chosen):
                rows.append((length, share, *_told(connection, chosen, length)))
    cells = pd.DataFrame(rows, columns=["length", "sold_share", "runs", "found", "days_to_tell"])
    return Found(cells, series_days=int(days[0]), told_days=int(days[1]))


def _told(
    connection: duckdb.DuckDBPyConnection, chosen: pd.DataFrame, length: int
) -> tuple[int, float, float]:
    """Runs, share of them told, and mean open days until it is told."""
    connection.register("chosen", chosen)
    connection.execute(
        "create or replace temp table censored as select chosen.product_id, chosen.store_id,"
        " first_day.day_on as starts_on, last_day.day_on as ends_on, chosen.number"
        " from chosen join opened as first_day using (store_id, number)"
        f" join opened as last_day on last_day.store_id = chosen.store_id"
        f" and last_day.number = chosen.number + {length - 1}"
    )
    connection.execute("alter table daily_sales_changes rename to all_changes")
    try:
        connection.execute(
            "create table daily_sales_changes as select * from all_changes as a where not exists"
            " (from censored as c where c.product_id = a.product_id and c.store_id = a.store_id"
            " and a.sold_on between c.starts_on and c.ends_on)"
            " and (product_id, store_id) in (select product_id, store_id from censored)"
        )
        found = connection.execute(
            "select count(*), count(told.known_on) / count(*),"
            " avg(opened.number - censored.number + 1)"
            " from censored left join improbable_zero_runs_as_known(date '9999-12-30') as told"
            " on told.product_id = censored.product_id and told.store_id = censored.store_id"
            " and told.starts_on <= censored.ends_on and told.ends_on >= censored.starts_on"
            " left join opened on opened.store_id = told.store_id and opened.day_on = told.known_on"
        ).fetchone()
    finally:
        connection.execute("drop table if exists daily_sales_changes")
        connection.execute("alter table all_changes rename to daily_sales_changes")
    assert found is not None
    return int(found[0]), float(found[1]), float(found[2]) if found[2] is not None else np.nan


def markdown(found: Found) -> str:
    """The results as a page."""
    shares = sorted(found.cells["sold_share"].unique())
    lines = [
        "# Likely stock-outs: censored days found again",
        "",
        "Sales of a run of open days were taken away from series that sold on the share of days in"
        " the column's head; the table gives the share of such runs that the rule tells, the"
        " open days it takes, and the number of runs."
        " A censored run may touch days that sold nothing anyway, and is then"
        " longer than the table says: so a run of 2 can be told after 6 days.",
        "",
        "| open days censored | " + " | ".join(_band(share) for share in shares) + " |",
        "| ---: |" + " ---: |" * len(shares),
    ]
    for length, group in found.cells.groupby("length"):
        texts = []
        for share in shares:
            cell = group[group["sold_share"] == share]
            days = cell["days_to_tell"].iloc[0] if len(cell) else np.nan
            texts.append(
                ("" if not len(cell) else f"{cell['found'].iloc[0]:.0%}")
                + ("" if np.isnan(days) else f", after {days:.1f}")
                + ("" if not len(cell) else f" ({cell['runs'].iloc[0]})")
            )
        lines.append(f"| {length} | " + " | ".join(texts) + " |")
    lines += [
        "",
        f"Without censoring the rule tells {found.told_days:,} of the {found.series_days:,} open"
        " days of series that had sold on half of the 56 open days before"
        f" ({found.told_days / max(found.series_days, 1):.2%}). Some of these may be real.",
        "",
        "`python -m benchmarks.stockouts HOME`, here on the demo's home.",
        "",
    ]
    return "\n".join(lines)


def _band(share: float) -> str:
    following = [other for other in SHARES if other > share]
    return f"{share:.0%} to {following[0]:.0%}" if following else "every day"


def main() -> None:
    """Read a home's warehouse, leave it as it is, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stockouts", description=__doc__)
    parser.add_argument("home", type=Path, help="a home in which `dbt build` has run")
    home = parser.parse_args().home
    with memory() as connection:
        file = home / "warehouse" / "sales.duckdb"
        connection.execute(f"attach '{file}' as built (read_only)")
        for table in ("daily_sales_changes", "open_days"):
            connection.execute(f"create table {table} as select * from built.main.{table}")
        found = censor(connection)
    RESULT.write_text(markdown(found), encoding="utf-8")
    Console().print(markdown(found), highlight=False)


if __name__ == "__main__":
    main()
