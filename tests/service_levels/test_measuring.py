from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from dagster_project import publishing
from dagster_project.contracts.contract import Contract, SlaProperty, read_contracts
from dagster_project.contracts.measured import MEASURED, measured_promises
from dagster_project.publishing import read_live_ports, read_ports
from dagster_project.service_levels.figures import Figure
from dagster_project.service_levels.measurement import Measurement, judge
from dagster_project.service_levels.measuring import MEASURES
from dagster_project.service_levels.port_readings import read_port
from dagster_project.service_levels.recording import measure_published, newest_measurements
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse
from tests.command_line import settings_of

MOMENT = datetime(2018, 1, 1, 8, tzinfo=UTC)


def contract_of(product: str) -> Contract:
    return next(contract for contract in read_contracts() if contract.product == product)


def judged(promise: SlaProperty, figure: Figure) -> Measurement:
    return judge(
        contract_of("daily_sales"),
        promise,
        figure,
        today=date(2018, 1, 1),
        measured_at=MOMENT,
        publication=3,
    )


def test_a_measurement_stands_behind_every_property_that_may_be_promised() -> None:
    assert set(MEASURES) | {"errorBudget"} == set(MEASURED)


def test_a_figure_is_held_against_the_target_with_the_severity_of_the_contract() -> None:
    promise = SlaProperty("freshness", 2, "d", "daily_sales_v1.sold_on", "", "error")

    missed = judged(promise, Figure(3.0, "its newest value is of 2017-12-29"))

    assert (missed.met, missed.severity, missed.error_budget) == (False, "error", 0.05)
    assert missed.told() == "3 d, at most 2 d promised (its newest value is of 2017-12-29)"


def test_what_cannot_be_measured_yet_is_neither_met_nor_missed_and_says_why() -> None:
    promise = SlaProperty("bias", 0.1, "share", "sales_forecast_v1", "", "warn")

    unknown = judged(promise, Figure(None, "no actuals yet"))

    assert (unknown.measured, unknown.met, unknown.reason) == (None, None, "no actuals yet")
    assert unknown.told().startswith("not measured yet, within 0.1 share promised")


def test_a_port_that_cannot_be_read_tells_its_first_error(tmp_path: Path) -> None:
    some = next(item for item in read_ports() if item.relation == "daily_sales_v1")
    with port(tmp_path / "sales.duckdb", read_only=False) as connection:
        connection.execute("create table other (a integer)")

    assert "daily_sales_v1 does not exist" in str(read_port(tmp_path / "sales.duckdb", some).error)
    assert read_port(tmp_path / "none.duckdb", some).milliseconds == ()


@pytest.fixture
def measured_home(home: Path) -> Settings:
    return settings_of(home)


def at(settings: Settings, moment: datetime) -> dict[tuple[str, str], Measurement]:
    return {(item.slo, item.element): item for item in measure_published(settings, moment)}


def status(settings: Settings) -> dict[tuple[str, str], tuple[object, ...]]:
    with duckdb.connect(str(settings.published / "sales.duckdb"), read_only=True) as readers:
        rows = readers.execute(
            "select slo, element, met, measured, days_measured, days_missed, error_budget_left"
            " from slo_status_v1"
        ).fetchall()
    return {(slo, element): tuple(rest) for slo, element, *rest in rows}


def test_every_promise_is_measured_on_what_is_published_and_a_miss_is_told_to_readers(
    measured_home: Settings,
) -> None:
    settings = measured_home
    before = sorted((settings.published / "current").resolve().rglob("*"))
    promises = [promise for contract in read_contracts() for promise in measured_promises(contract)]

    moment = datetime.now(UTC) + timedelta(hours=1)  # the run has measured once, the day before

    first = at(settings, moment)

    assert len(first) == len(promises)
    assert first["availability", "sales_events_v1"].met
    assert first["horizonCompleteness", "sales_forecast_v1"].measured == 1
    assert first["duplicateRate", "sales_events_v1"].measured == 0
    assert first["bias", "sales_forecast_v1"].measured is None
    assert first["schemaStability", "daily_sales_v1"].reason == "it has not been published before"
    assert status(settings)["availability", "sales_events_v1"][:2] == (True, 1)

    # the day after, nobody can read one table any more: one fault, told once, with its severity
    folder = (settings.published / "current" / "daily_sales" / "v1").resolve()
    for file in folder.glob("*.parquet"):
        file.rename(file.with_suffix(".gone"))
    later = Settings(settings.home, settings.today + timedelta(days=1))
    second = at(later, moment + timedelta(days=1))

    assert second["availability", "daily_sales_v1"].met is False
    assert second["availability", "daily_sales_v1"].severity == "error"
    assert second["queryLatencyP95", "daily_sales_v1"].met is None
    assert "see its availability" in str(second["volume", "daily_sales_v1"].reason)
    told = status(settings)
    met, measured, days, missed, left = told["availability", "daily_sales_v1"]
    assert (met, measured, days, missed) == (False, 0, 3, 1)
    assert float(str(left)) == pytest.approx(1 - 1 / (0.05 * 28), abs=1e-4)
    assert told["availability", "sales_forecast_v1"][2:] == (3, 0, 1)
    assert len(told) == len(promises)
    with warehouse(settings) as connection:
        assert len(newest_measurements(connection)) == len(promises)
        kept = connection.execute("select count(*) from state.slo_measurements").fetchone()
    assert kept is not None and kept[0] >= 2 * len(promises)
    for file in folder.glob("*.gone"):
        file.rename(file.with_suffix(".parquet"))
    assert sorted((settings.published / "current").resolve().rglob("*")) == before
    assert [item.relation for item in read_live_ports()] == ["slo_status_v1"]
    assert publishing.ports_are_linked(settings)


def test_nothing_is_measured_while_nothing_is_published(settings: Settings) -> None:
    assert measure_published(settings, MOMENT) == ()
