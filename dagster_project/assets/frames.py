"""Read the forecast frame: features as of cutoffs, and actuals as they were known on a day."""

from __future__ import annotations

from datetime import date
from functools import cached_property

import duckdb
import pandas as pd

from dagster_project.features import require_features

# Drawn for training at all origins together, relative to what one fit reads at most: an early
# backtest origin, which has but half of the origins before it, then still finds its share.
SAMPLE_FACTOR = 2

ORIGINS = "select cutoff_on from forecast_origins where is_weekly order by cutoff_on"

IN_SCOPE_ROWS = """
select count(*) * max(origins.horizon_days)
from forecast_series as series
inner join forecast_origins as origins on series.cutoff_on = origins.cutoff_on
where series.is_in_scope and not series.is_new and origins.is_weekly and series.cutoff_on <= ?
"""

FULL_FRAME = """
select *
from forecast_frame
where cutoff_on = ?
order by product_id, store_id, target_on
"""

# The cutoffs stand in the text: DuckDB pushes a list of values down into the view, a sub-query not
# (0.4 s of CPU instead of 1.7 s).
SAMPLED_FRAME = """
select *
from forecast_frame
where
    cutoff_on in ({cutoffs})
    and target_on <= ?
    and not is_new
    and hash(product_id, store_id, cutoff_on, target_on, ?) % 1000000 < ?
order by cutoff_on, product_id, store_id, target_on
"""

# What a day's units were, as known on one day: changes known later do not count, a day not known
# to be open is no observation, an open day without a line sold nothing.
ACTUALS = """
with sold as (
    select product_id, store_id, sold_on, sum(units_sold) as units
    from daily_sales_changes
    where known_on <= $known_on and sold_on between $first_on and $last_on
    group by all
),

series as (
    select distinct product_id, store_id from forecast_series where is_in_scope
),

opened as (
    select store_id, day_on
    from open_days
    where
        known_on <= $known_on
        and known_until > $known_on
        and day_on between $first_on and $last_on
)

select
    series.product_id,
    series.store_id,
    opened.day_on as target_on,
    coalesce(sold.units, 0)::double as units
from series
inner join opened on series.store_id = opened.store_id
left join sold
    on series.product_id = sold.product_id
    and series.store_id = sold.store_id
    and opened.day_on = sold.sold_on
where opened.day_on <= $known_on
"""

# Days on which a series likely was out of stock, as known on one day: what sold then says nothing
# of demand.
STOCKOUTS = """
select
    product_id,
    store_id,
    unnest(generate_series(starts_on, ends_on, interval 1 day))::date as target_on,
    true as is_stockout
from improbable_zero_runs_as_known(?)
"""


class WarehouseHistory:
    """The past as the warehouse knows it on any day (`forecasting.backtest.History`)."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        known_through_on: date,
        max_rows: int,
        seed: int,
    ) -> None:
        """Find the weekly origins; the sample is drawn when a training first asks for it.

        Args:
            connection: the warehouse.
            known_through_on: last day of sales used; later origins are left out.
            max_rows: rows one training reads at most.
            seed: which sample.

        Raises:
            FeaturesUnfinished: an origin up to then has no features, or half of them.
        """
        require_features(connection, known_through_on)
        self._connection = connection
        self._known_through_on, self._max_rows, self._seed = known_through_on, max_rows, seed
        weekly = [row[0] for row in connection.execute(ORIGINS).fetchall()]
        self.cutoffs = [cutoff for cutoff in weekly if cutoff <= known_through_on]

    @cached_property
    def _sample(self) -> pd.DataFrame:
        """The rows that every training of this history takes its own from."""
        known_through_on = self._known_through_on
        counted = self._connection.execute(IN_SCOPE_ROWS, [known_through_on]).fetchone()
        rows = int(counted[0] or 0) if counted else 0
        share = min(1.0, SAMPLE_FACTOR * self._max_rows / rows) if rows else 1.0
        cutoffs = ", ".join(f"date '{cutoff}'" for cutoff in self.cutoffs) or "null"
        return _plain(
            self._connection.execute(
                SAMPLED_FRAME.format(cutoffs=cutoffs),
                [known_through_on, self._seed, round(share * 1_000_000)],
            )
        )

    def training_rows(self, cutoff_on: date) -> pd.DataFrame:
        """Sampled rows of origins whose target day had passed, units as known on `cutoff_on`.

        Units are null on a day on which the series likely was out of stock, as known then.
        """
        cutoff = pd.Timestamp(cutoff_on)
        rows = self._sample[self._sample["target_on"] <= cutoff]
        actuals = self.actual_units(
            rows["target_on"].min().date() if len(rows) else cutoff_on, cutoff_on, cutoff_on
        )
        stockouts = _plain(self._connection.execute(STOCKOUTS, [cutoff_on]))
        for known in (actuals, stockouts):
            rows = rows.merge(
                known,
                on=["product_id", "store_id", "target_on"],
                how="left",
                validate="many_to_one",
            )
        rows["units"] = rows["units"].mask(rows.pop("is_stockout").notna())
        return rows

    def scoring_rows(self, cutoff_on: date) -> pd.DataFrame:
        """Every row of one origin."""
        return read_frame(self._connection, cutoff_on)

    def actual_units(self, first_on: date, last_on: date, known_on: date) -> pd.DataFrame:
        """Units of the days first_on to last_on as known on `known_on`; a closed day has no row."""
        return _plain(
            self._connection.execute(
                ACTUALS, {"first_on": first_on, "last_on": last_on, "known_on": known_on}
            )
        )


def read_frame(connection: duckdb.DuckDBPyConnection, cutoff_on: date) -> pd.DataFrame:
    """Every row of the forecast frame at one cutoff: one per series in scope and target day."""
    return _plain(connection.execute(FULL_FRAME, [cutoff_on]))


def _plain(result: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    frame = result.df()
    for column in ("cutoff_on", "target_on"):
        if column in frame.columns:
            frame[column] = pd.to_datetime(frame[column])
    return frame
