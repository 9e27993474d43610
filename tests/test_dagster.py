"""The deployment as Dagster sees it: assets, checks, jobs, what starts them, and what they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.errors import DagsterAssetCheckFailedError

from dagster_project import models, publishing, schedules
from dagster_project.assets import landing, publication, training
from dagster_project.assets.forecast import BASELINE_VERSION, ORIGINS
from dagster_project.contracts.contract import read_contracts
from dagster_project.definitions import build_definitions
from dagster_project.forecasting.gate import GateThresholds
from dagster_project.pipeline import prepare_dagster_home
from dagster_project.settings import Settings
from dagster_project.warehouse import port, warehouse
from tests.command_line import CUTOFF_ON, NEXT_DAY, copy_home, settings_of

ENVIRONMENT = (
    "DAGSTER_HOME",
    "DAGSTER_DISABLE_TELEMETRY",
    "MESHCAST_HOME",
    "MESHCAST_TODAY",
    "MESHCAST_SOURCES",
)
PAST_ORIGIN = "2017-10-09"
LAYERS = {
    "landing": {"landing_files"},
    "staging": {"stg_complete_journey__sales_events"},
    "events": {"sales_events_accepted"},
    "entities": {"dim_product"},
    "features": {"forecast_frame"},
    "training": {"backtest", "challenger", "champion"},
    "forecast": {"forecast"},
    "data_products": {"sales_forecast_v1"},
    "ports": {"ports/sales_forecast_v1", "state/publications"},
}


@pytest.fixture(scope="module")
def deployment(
    published_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A copy of the published home, prepared for Dagster; the environment is put back after."""
    home = copy_home(published_home, tmp_path_factory.mktemp("dagster") / "copy")
    settings = replace(settings_of(home), today=NEXT_DAY, lock_timeout_seconds=30)
    with pytest.MonkeyPatch.context() as patched:
        for name in ENVIRONMENT:
            patched.setenv(name, "")
        prepare_dagster_home(settings)
        yield settings


@pytest.fixture(scope="module")
def definitions(deployment: Settings) -> dg.Definitions:
    return build_definitions(deployment)


def run_job(definitions: dg.Definitions, name: str, partition: str | None = None) -> None:
    with dg.DagsterInstance.get() as instance:
        if partition:
            instance.add_dynamic_partitions(ORIGINS.name or "", [partition])
        definitions.resolve_job_def(name).execute_in_process(
            instance=instance, partition_key=partition
        )


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with warehouse(settings, read_only=True) as connection:
        return connection.execute(query).fetchall()


def finished_ingest() -> Any:
    """A run that has succeeded, for sensors that look at one."""

    @dg.op
    def nothing() -> None:
        """Do nothing, with success."""

    @dg.job(name="ingest")
    def ingest() -> None:
        nothing()

    return ingest.execute_in_process()


def test_every_asset_says_what_it_is_who_owns_it_and_which_columns_it_has(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in sorted(graph.get_all_asset_keys())]
    for what in ("group_name", "description", "owners", "kinds"):
        assert [n.key.to_user_string() for n in nodes if not getattr(n, what)] == []
    without_columns = [n.key for n in nodes if "dagster/column_schema" not in n.metadata]
    assert without_columns == []
    assert {owner for node in nodes for owner in node.owners} == {"sales-data@example.com"}
    for group, expected in LAYERS.items():
        found = {n.key.to_user_string() for n in nodes if n.group_name == group}
        assert expected <= found, group
    assert "default" not in {n.group_name for n in nodes}


def test_lineage_leads_from_the_landing_files_to_every_port(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    downstream = {landing.REGISTER}
    waiting = [landing.REGISTER]
    while waiting:
        for child in graph.get(waiting.pop()).child_keys - downstream:
            downstream.add(child)
            waiting.append(child)
    ports = {publication.port_key(item.relation) for item in publishing.read_ports()}
    assert ports <= downstream
    external = {key for key in graph.get_all_asset_keys() if not graph.get(key).is_materializable}
    earlier = ("publications", "slo_measurements")  # what earlier runs have left
    assert external == {dg.AssetKey(["state", name]) for name in earlier}


def test_dbt_tests_are_checks_and_the_gate_is_one_that_blocks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {(key.asset_key.to_user_string(), key.name): key for key in graph.asset_check_keys}
    assert ("loads", "loads_account_for_every_row_read") in checks
    assert ("ports/sales_forecast_v1", "slo_freshness_cutoff_on") in checks
    assert ("landing_files", landing.REJECTED_CHECK) in checks
    gate = graph.get(checks["challenger", training.GATE_CHECK])
    assert gate.blocking
    assert "baseline" in (gate.description or "")


def test_dagster_says_of_a_port_what_its_contract_says(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    told = 0
    for contract in read_contracts():
        for table in contract.tables:
            node = graph.get(publication.port_key(table.relation))
            freshness = contract.promised("freshness", table.relation)
            assert node.description == table.description
            assert list(node.owners) == [contract.owner]
            assert node.tags["contract_version"] == contract.version
            if freshness is None:
                assert node.freshness_policy is None
            else:
                policy = dg.FreshnessPolicy.time_window(fail_window=freshness.span())
                assert node.freshness_policy == policy
                told += 1
    assert told >= 3


def test_ports_and_landing_have_a_freshness_policy(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    watched = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).freshness_policy is not None
    }
    assert {"landing_files", "complete_journey/sales_events", "ports/sales_forecast_v1"} <= watched


def test_what_landing_promises_is_judged_against_the_day_that_was_passed_in(
    deployment: Settings,
) -> None:
    for today, passed in ((NEXT_DAY, True), (date(2018, 1, 1), False)):
        settings = replace(deployment, today=today)
        landing_check = landing.fresh_check(settings, {"complete_journey": CUTOFF_ON})
        assert landing_check.passed == passed
    assert landing_check.description == "complete_journey: 80 days before 2018-01-01"
    assert not landing.fresh_check(deployment, {}).passed


def test_a_code_server_can_load_the_definitions(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_jobs_run_each_morning_and_retrain_each_week(definitions: dg.Definitions) -> None:
    crons = {
        schedule.name: (schedule.job_name, schedule.cron_schedule)
        for schedule in definitions.schedules or []
    }
    assert crons == {
        "daily": ("ingest", "0 6 * * *"),
        "weekly_retraining": ("retrain", "0 5 * * 1"),
        "service_levels_daily": ("measure_service_levels", "0 8 * * *"),
    }
    for schedule in definitions.schedules or []:
        at = dg.build_schedule_context(scheduled_execution_time=datetime(2018, 1, 1, 6))
        assert len(schedule.evaluate_tick(at).run_requests or []) == 1


def test_new_landing_files_start_the_ingestion_once(settings: Settings) -> None:
    def look(cursor: str | None) -> tuple[Any, str | None]:
        context = dg.build_sensor_context(cursor=cursor, resources={"settings": settings})
        return schedules.new_landing_files(context), context.cursor

    nothing, cursor = look(None)
    assert isinstance(nothing, dg.SkipReason)
    folder = settings.landing / "complete_journey" / "sales_events"
    folder.mkdir(parents=True)
    (folder / "2017-01-01.csv").write_text("basket_id\n1\n")
    first, cursor = look(cursor)
    assert isinstance(first, dg.RunRequest)
    again, cursor = look(cursor)
    assert isinstance(again, dg.SkipReason)
    assert "1 files, none new" in str(again.skip_message)
    (folder / ".unfinished").write_text("")
    hidden, cursor = look(cursor)
    assert isinstance(hidden, dg.SkipReason)
    (folder / "2017-01-02.csv").write_text("basket_id\n2\n")
    second, _ = look(cursor)
    assert isinstance(second, dg.RunRequest)
    assert second.run_key != first.run_key


def test_the_newest_origin_is_forecast_after_an_ingestion(deployment: Settings) -> None:
    result = finished_ingest()
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_run_status_sensor_context(
            sensor_name="forecast_after_ingest",
            dagster_event=result.get_run_success_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"settings": deployment},
        )
        wanted = schedules.forecast_after_ingest(context)
    assert [request.partition_key for request in wanted.run_requests] == [str(NEXT_DAY)]
    (added,) = wanted.dynamic_partitions_requests
    assert (added.partitions_def_name, list(added.partition_keys)) == ("origin", [str(NEXT_DAY)])


def test_before_any_sales_nothing_is_forecast_after_an_ingestion(settings: Settings) -> None:
    with warehouse(settings) as connection:
        connection.execute("create table forecast_origins (cutoff_on date)")
    result = finished_ingest()
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_run_status_sensor_context(
            sensor_name="forecast_after_ingest",
            dagster_event=result.get_run_success_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"settings": settings},
        )
        assert isinstance(schedules.forecast_after_ingest(context), dg.SkipReason)


def test_dagsters_home_has_no_telemetry_and_one_writer_at_a_time(deployment: Settings) -> None:
    found = yaml.safe_load((deployment.dagster_home / "dagster.yaml").read_text())
    assert found["telemetry"] == {"enabled": False}
    assert found["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}
    with dg.DagsterInstance.get() as instance:
        assert not instance.telemetry_enabled
        assert Path(instance.root_directory) == deployment.dagster_home


def test_every_step_that_opens_the_warehouse_is_in_its_pool(definitions: dg.Definitions) -> None:
    jobs = [definitions.resolve_job_def(str(job.name)) for job in schedules.jobs]
    pools = {node.definition.name: node.definition.pool for job in jobs for node in job.nodes}
    assert set(pools) >= {"landing", "dbt", "train", "champion", "forecast", "publication"}
    assert set(pools.values()) == {"warehouse"}


def test_a_past_origin_is_backfilled_by_its_partition(
    deployment: Settings, definitions: dg.Definitions
) -> None:
    run_job(definitions, "backfill_forecasts", PAST_ORIGIN)
    run_job(definitions, "backfill_forecasts", PAST_ORIGIN)

    found = rows(
        deployment,
        "select cutoff_on, is_backfill, model_version, series from state.forecast_versions"
        " order by forecast_version",
    )
    (cutoff_on, is_backfill, model_version, series) = found[-1]
    assert len(found) == 2, "asked for twice, given once"
    assert (cutoff_on, is_backfill) == (date(2017, 10, 8), True)
    assert model_version.startswith("2017-10-08-") and model_version != found[0][2]
    assert series == found[0][3]
    assert rows(
        deployment,
        "select min(target_on), max(target_on), bool_and(is_backfill)"
        " from state.forecast_ledger where cutoff_on = date '2017-10-08'",
    ) == [(date(2017, 10, 9), date(2017, 11, 5), True)]
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("forecast"))
    assert event is not None and event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["is_backfill"].value is True
    assert str(metadata["forecast_against_actual"].value).startswith("![forecast against actual](")


# dagster-dbt itself reads the deprecated name.
@pytest.mark.filterwarnings("ignore:AssetExecutionContext.op is deprecated:DeprecationWarning")
def test_a_refused_challenger_leaves_the_champion_and_without_one_the_baseline_is_published(
    deployment: Settings, definitions: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse(deployment) as connection:
        connection.execute(
            "update state.model_versions set model_version = 'before',"
            " trained_at = trained_at - interval 1 day where not is_backfill"
        )
        connection.execute("update state.forecast_value_added set model_version = 'before'")
    monkeypatch.setattr(training, "GateThresholds", lambda: GateThresholds(baseline_ratio=0.1))

    with pytest.raises(DagsterAssetCheckFailedError, match="gate"):
        run_job(definitions, "retrain")

    with warehouse(deployment, read_only=True) as connection:
        records = {record.model_version: record for record in models.records(connection)}
    (refused,) = (r for name, r in records.items() if name != "before" and not r.is_backfill)
    assert (refused.verdict, refused.is_champion) == ("failed", False)
    assert any("ratio to the baseline" in reason for reason in refused.reasons)
    assert records["before"].is_champion

    with warehouse(deployment) as connection:
        connection.execute("update state.model_versions set is_champion = false")
    run_job(definitions, "forecast_and_publish", str(NEXT_DAY))

    with port(publishing.reader_file(deployment)) as connection:
        published = connection.execute(
            "select distinct model_version, is_fallback, method from sales_forecast_v1"
        ).fetchall()
        judged = connection.execute(
            "select distinct model_version, days > 0 from forecast_value_added_v1"
        ).fetchall()
    assert published == [(BASELINE_VERSION, True, "seasonal_naive")]
    assert judged == [(refused.model_version, True)]
