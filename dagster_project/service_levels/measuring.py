"""Measure every promise of the contracts on what is published, one figure for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import duckdb

from dagster_project.contracts.contract import Contract, SlaProperty
from dagster_project.contracts.measured import measured_promises, unmeasured
from dagster_project.declaration import DeclarationError
from dagster_project.publishing import reader_file
from dagster_project.service_levels import figures, port_readings, warehouse_readings
from dagster_project.service_levels.figures import Figure, ForecastOutcome
from dagster_project.service_levels.measurement import WINDOW_DAYS, Measurement, judge
from dagster_project.service_levels.subject import Subject
from dagster_project.warehouse import port as attached

VOLUMES_COMPARED = 8

BUDGET_SPENT = """
select count(*) filter (where not met), count(*)
from (
    select slo, element, measured_on, bool_and(met) as met
    from state.slo_measurements
    where
        product = ? and slo != 'errorBudget' and met is not null
        and measured_on > ? and measured_on <= ?
    group by all
)
"""


OF_A_PUBLICATION = ("completeness", "volume", "schemaStability", "horizonCompleteness")
"""Measured by what a publication says of its tables."""

Measure = Callable[[Subject, SlaProperty, duckdb.DuckDBPyConnection], Figure]


def measure(
    subject: Subject, contracts: Sequence[Contract], measured_at: datetime
) -> tuple[Measurement, ...]:
    """Measure every promise of the contracts, in their order.

    A port that cannot be read is not available, and what would have been read of it is not
    measured: one fault, told once.

    Raises:
        DeclarationError: a contract promises what nobody measures.
        duckdb.Error: the warehouse does not hold what a run builds.
    """
    if problems := unmeasured(contracts):
        raise DeclarationError("\n".join(map(str, problems)))
    with attached(reader_file(subject.settings, restricted=True)) as connection:
        return tuple(
            judge(
                contract,
                promise,
                _figure(subject, contract, promise, connection),
                today=subject.today,
                measured_at=measured_at,
                publication=subject.published.number,
            )
            for contract in contracts
            for promise in measured_promises(contract)
        )


def _figure(
    subject: Subject,
    contract: Contract,
    promise: SlaProperty,
    connection: duckdb.DuckDBPyConnection,
) -> Figure:
    if promise.property == "errorBudget":
        return _budget_spent(subject, contract.product)
    relation, _ = element_of(promise)
    reading = subject.readings.get(relation)
    if promise.property != "availability" and reading is not None and reading.error:
        return Figure(None, f"{relation} could not be read, see its availability")
    if promise.property in OF_A_PUBLICATION and relation not in subject.published.ports:
        return Figure(None, f"{relation} is not in publication {subject.published.number}")
    return MEASURES[promise.property](subject, promise, connection)


def element_of(promise: SlaProperty) -> tuple[str, str]:
    """The table and the column that a promise is about; empty where it names none."""
    relation, _, column = (promise.element or "").partition(".")
    return relation, column


def _freshness(
    subject: Subject, promise: SlaProperty, connection: duckdb.DuckDBPyConnection
) -> Figure:
    newest = port_readings.newest_value(connection, *element_of(promise))
    return figures.freshness(newest, subject.today)


def _retention(subject: Subject, _: SlaProperty, __: duckdb.DuckDBPyConnection) -> Figure:
    recorded = subject.warehouse.execute(
        "select publication, published_at from state.publications order by publication"
    ).fetchall()
    superseded_on = {
        number: following[1].date()
        for (number, _at), following in zip(recorded, recorded[1:], strict=False)
    }
    kept = [item.number for item in subject.history]
    return figures.retention(superseded_on, kept, subject.today)


def _completeness(
    subject: Subject, promise: SlaProperty, connection: duckdb.DuckDBPyConnection
) -> Figure:
    """Days or stores; of a forecast those ahead, of sales those of the window."""
    relation, column = element_of(promise)
    published = subject.published
    is_forecast = "target_on" in published.ports[relation].columns
    if is_forecast:
        horizon = warehouse_readings.horizon_days(subject.warehouse, published.forecast_version)
        if column == "store_id":
            series = warehouse_readings.series_in_scope(subject.warehouse, published.cutoff_on)
            sql = f'select distinct store_id from "{relation}"'
            found = [store for (store,) in connection.execute(sql).fetchall()]
            return figures.share_found({store for _, store in series}, found, "stores")
        days = [published.cutoff_on + timedelta(days=ahead + 1) for ahead in range(horizon)]
        ahead = port_readings.values_since(connection, relation, column, published.cutoff_on)
        return figures.share_found(days, ahead, "days")
    after, until = subject.window_starts_after, published.cutoff_on
    if column == "store_id":
        found_days, expected = warehouse_readings.store_days(subject.warehouse, after, until)
        return figures.share(found_days, expected, "days of a store")
    days = warehouse_readings.expected_days(subject.warehouse, after, until)
    seen = port_readings.values_since(connection, relation, column, after)
    return figures.share_found(days, seen, "days")


def _volume(
    subject: Subject, promise: SlaProperty, connection: duckdb.DuckDBPyConnection
) -> Figure:
    """Rows of the newest day against the same weekdays before, or of this publication."""
    relation, _ = element_of(promise)
    day_column = subject.ports[relation].month_of
    if day_column is None:
        earlier = [item.ports[relation].rows for item in subject.earlier if relation in item.ports]
        rows = subject.published.ports[relation].rows
        return figures.volume(rows, earlier[-VOLUMES_COMPARED:], "publications before")
    newest = port_readings.newest_value(connection, relation, day_column)
    if newest is None:
        return Figure(None, "the table has no row yet")
    days = [newest - timedelta(weeks=weeks) for weeks in range(VOLUMES_COMPARED + 1)]
    counts = port_readings.rows_by_day(connection, relation, day_column, days)
    usual = [counts[day] for day in days[1:] if day in counts]
    return figures.volume(counts[newest], usual, "same weekdays before")


def _duplicate_rate(
    subject: Subject, promise: SlaProperty, connection: duckdb.DuckDBPyConnection
) -> Figure:
    relation, _ = element_of(promise)
    repeated, rows = port_readings.repeated_keys(
        connection, subject.ports[relation], subject.window_starts_after
    )
    return figures.share(repeated, rows, "rows")


def _quarantine_rate(subject: Subject, _: SlaProperty, __: duckdb.DuckDBPyConnection) -> Figure:
    return figures.share(*subject.lines, "lines landed in the window")


def _schema_stability(
    subject: Subject, promise: SlaProperty, _: duckdb.DuckDBPyConnection
) -> Figure:
    relation, _column = element_of(promise)
    before = [item.ports[relation].columns for item in subject.earlier if relation in item.ports]
    now = subject.published.ports[relation].columns
    return figures.columns_lost(before[-1] if before else None, now)


def _availability(subject: Subject, promise: SlaProperty, _: duckdb.DuckDBPyConnection) -> Figure:
    reading = subject.readings[element_of(promise)[0]]
    return Figure(0.0 if reading.error else 1.0, reading.error)


def _query_latency(subject: Subject, promise: SlaProperty, _: duckdb.DuckDBPyConnection) -> Figure:
    taken = subject.readings[element_of(promise)[0]].milliseconds
    return Figure(figures.p95(taken), f"{len(taken)} reads, p95")


def _horizon_completeness(
    subject: Subject, promise: SlaProperty, connection: duckdb.DuckDBPyConnection
) -> Figure:
    relation, _ = element_of(promise)
    published = subject.published
    horizon = warehouse_readings.horizon_days(subject.warehouse, published.forecast_version)
    series = warehouse_readings.series_in_scope(subject.warehouse, published.cutoff_on)
    expected = [(*key, ahead + 1) for key in series for ahead in range(horizon)]
    found = connection.execute(
        f'select distinct product_id, store_id, horizon_days from "{relation}"'
        " where forecast_version = ?",
        [published.forecast_version],
    ).fetchall()
    return figures.share_found(expected, found, "days of a series")


def _outcome(read: Callable[[ForecastOutcome], Figure]) -> Measure:
    return lambda subject, _promise, _connection: read(subject.outcome)


def _budget_spent(subject: Subject, product: str) -> Figure:
    """Days of a service level that was missed, of those measured before this measurement."""
    before = subject.today - timedelta(days=WINDOW_DAYS)
    parameters = [product, before, subject.today]
    missed, measured = subject.warehouse.execute(BUDGET_SPENT, parameters).fetchall()[0]
    return figures.share(missed, measured, "days of a service level, up to the last measurement")


MEASURES: dict[str, Measure] = {
    "freshness": _freshness,
    "retention": _retention,
    "completeness": _completeness,
    "volume": _volume,
    "duplicateRate": _duplicate_rate,
    "quarantineRate": _quarantine_rate,
    "schemaStability": _schema_stability,
    "availability": _availability,
    "queryLatencyP95": _query_latency,
    "horizonCompleteness": _horizon_completeness,
    "errorAgainstSeasonalNaive": _outcome(ForecastOutcome.error_against_naive),
    "bias": _outcome(ForecastOutcome.bias),
    "intervalCoverage80": _outcome(lambda outcome: outcome.coverage(80)),
    "intervalCoverage95": _outcome(lambda outcome: outcome.coverage(95)),
}
"""Behind each property of contracts.measured but the error budget, which is measured by itself."""
