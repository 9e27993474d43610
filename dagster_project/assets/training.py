"""Train a challenger, judge it on rolling origins, and let it become champion when it passes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg
import duckdb
import pandas as pd

from dagster_project import models
from dagster_project.assets.catalog import owners, state_columns
from dagster_project.assets.dbt import WAREHOUSE_POOL
from dagster_project.assets.evidence import backtest_tables, ladder_table, verdict_table
from dagster_project.assets.frames import WarehouseHistory
from dagster_project.features import built_features
from dagster_project.forecasting.backtest import (
    Backtest,
    BacktestPlan,
    backtest_cutoffs,
    rolling_origin_backtest,
)
from dagster_project.forecasting.forecast import ForecastModel
from dagster_project.forecasting.gate import PASSED, GateThresholds, Verdict, judge
from dagster_project.forecasting.model import fit
from dagster_project.forecasting.value_added import value_added
from dagster_project.parameters import Parameters
from dagster_project.settings import Settings
from dagster_project.sources import WEEKDAYS, ForecastScope, deployed_sources
from dagster_project.stages import stage
from dagster_project.warehouse import warehouse

TRAINING_GROUP = "training"
CHALLENGER = dg.AssetKey(["challenger"])
BACKTEST = dg.AssetKey(["backtest"])
CHAMPION = dg.AssetKey(["champion"])
GATE_CHECK = "gate"
RETRAIN_AFTER_DAYS = 7


@dataclass(frozen=True)
class Trained:
    """A model with the evidence for it: the backtest and the ladder of its methods."""

    model: ForecastModel
    backtest: Backtest
    value_added: pd.DataFrame


def forecast_scope(settings: Settings) -> ForecastScope:
    """Horizon, origin weekday and model, on which the sources of a deployment agree."""
    return deployed_sources(settings)[0].forecast


def run_backtest(
    connection: duckdb.DuckDBPyConnection,
    scope: ForecastScope,
    *,
    cutoff_on: date,
    parameters: Parameters,
) -> tuple[Backtest, WarehouseHistory]:
    """Backtest on the last origins whose horizon had ended by `cutoff_on`.

    Raises:
        NotEnoughHistory: says how much is missing.
    """
    plan = BacktestPlan()
    history = WarehouseHistory(
        connection,
        known_through_on=cutoff_on,
        max_rows=parameters.max_training_rows,
        seed=parameters.seed,
    )
    cutoffs = backtest_cutoffs(
        history.cutoffs,
        known_through_on=cutoff_on,
        horizon_days=scope.horizon_days,
        cutoff_weekday=(WEEKDAYS.index(scope.origin_weekday) - 1) % 7,
        plan=plan,
    )
    found = rolling_origin_backtest(
        history, cutoffs, known_through_on=cutoff_on, parameters=parameters, plan=plan
    )
    return found, history


def train_as_of(
    connection: duckdb.DuckDBPyConnection,
    scope: ForecastScope,
    *,
    cutoff_on: date,
    parameters: Parameters | None = None,
) -> Trained:
    """Backtest and fit with nothing but what was known on `cutoff_on`."""
    parameters = parameters or scope.model
    with stage("backtest"):
        backtest, history = run_backtest(
            connection, scope, cutoff_on=cutoff_on, parameters=parameters
        )
        ladder = value_added(backtest.forecasts, regions_of_stores(connection))
    with stage("train"):
        demand = fit(history.training_rows(cutoff_on), parameters)
    model = ForecastModel(
        trained_through_on=cutoff_on, demand=demand, calibration=backtest.calibration
    )
    return Trained(model, backtest, ladder)


def regions_of_stores(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The region of each store, `unknown` where no source tells one."""
    rows = connection.execute("select store_id, region from dim_store").fetchall()
    return {store_id: region for store_id, region in rows}


def latest_cutoff(connection: duckdb.DuckDBPyConnection) -> date | None:
    """The last day of accepted sales, or None before any."""
    row = connection.execute("select max(cutoff_on) from forecast_origins").fetchone()
    return row[0] if row else None


def backtest_newest(settings: Settings) -> tuple[Backtest, Verdict]:
    """Backtest and judge at the newest cutoff, without keeping a model.

    Raises:
        NotEnoughHistory: says how much is missing.
        ValueError: nothing has been ingested yet.
    """
    with stage("backtest"), warehouse(settings) as connection:
        cutoff_on = latest_cutoff(connection)
        if cutoff_on is None:
            raise ValueError("backtest: expected accepted sales lines, found none. Land some.")
        scope = forecast_scope(settings)
        backtest, _ = run_backtest(connection, scope, cutoff_on=cutoff_on, parameters=scope.model)
        scores = models.champion_scores(connection, built_features(connection, cutoff_on))
    return backtest, judge(backtest.scores, scores, GateThresholds())


def retraining_is_due(settings: Settings, cutoff_on: date) -> bool:
    """Whether no model fits the features, or none has seen the last `RETRAIN_AFTER_DAYS` days.

    Another scope or other SQL makes other features, which no earlier model was trained on. A
    refused challenger counts too: the same data would be refused again. One that passed and is not
    champion was stored by a run that ended before its promotion: training is repeated, which gives
    the same model.
    """
    with warehouse(settings) as connection:
        fitting = models.fitting_records(connection, built_features(connection, cutoff_on))
    if not fitting:
        return True
    trained_through_on = max(record.trained_through_on for record in fitting)
    return (cutoff_on - trained_through_on).days >= RETRAIN_AFTER_DAYS or (
        fitting[-1].verdict == PASSED and not fitting[-1].is_champion
    )


def build_training_assets() -> list[dg.AssetsDefinition]:
    """The backtest and challenger, with the gate as a blocking check, and the champion."""

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                BACKTEST,
                deps=["forecast_frame", "daily_sales_changes", "open_days", "improbable_zero_runs"],
                group_name=TRAINING_GROUP,
                description="What would have been published at past origins, and how good it was.",
                owners=owners(),
                kinds={"lightgbm"},
                metadata=state_columns("backtest_scores"),
            ),
            dg.AssetSpec(
                CHALLENGER,
                deps=["forecast_frame", "daily_sales_changes", "open_days", "improbable_zero_runs"],
                group_name=TRAINING_GROUP,
                description="The model trained on everything known, a row of state.model_versions.",
                owners=owners(),
                kinds={"lightgbm"},
                metadata=state_columns("model_versions"),
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                GATE_CHECK,
                asset=CHALLENGER,
                blocking=True,
                description="Beats the baseline, no worse than the champion, fails in no slice.",
            )
        ],
        pool=WAREHOUSE_POOL,
        name="train",
    )
    def train(settings: dg.ResourceParam[Settings]) -> Iterator[dg.MaterializeResult[None]]:
        with warehouse(settings) as connection:
            cutoff_on = latest_cutoff(connection)
            if cutoff_on is None:
                raise dg.Failure("no accepted sales lines: land some and run `ingest` first")
            features = built_features(connection, cutoff_on)
            trained = train_as_of(connection, forecast_scope(settings), cutoff_on=cutoff_on)
            verdict = judge(
                trained.backtest.scores,
                models.champion_scores(connection, features),
                GateThresholds(),
            )
            version = models.save(
                connection,
                trained.model,
                scores=trained.backtest.scores,
                value_added=trained.value_added,
                verdict=verdict,
                features=features,
            )
        yield dg.MaterializeResult(
            asset_key=BACKTEST,
            metadata={
                **backtest_tables(trained.backtest.scores),
                "value_added": ladder_table(trained.value_added),
            },
        )
        yield dg.MaterializeResult(
            asset_key=CHALLENGER,
            metadata={
                "model_version": version,
                "trained_through_on": cutoff_on.isoformat(),
                "features": len(trained.model.demand.features),
                "fallback_series": len(trained.model.calibration.fallbacks),
            },
            check_results=[gate_check(verdict)],
        )

    @dg.asset(
        key=CHAMPION,
        deps=[CHALLENGER],
        group_name=TRAINING_GROUP,
        description="The model that forecasts are made with: the last that passed the gate.",
        owners=owners(),
        kinds={"lightgbm", "duckdb"},
        metadata=state_columns("model_versions"),
        pool=WAREHOUSE_POOL,
    )
    def champion(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult[None]:
        with stage("promote"), warehouse(settings) as connection:
            version = models.promote_newest(connection)
        return dg.MaterializeResult(metadata={"model_version": version or "none passed the gate"})

    return [train, champion]


def gate_check(verdict: Verdict) -> dg.AssetCheckResult:
    """The gate as a check: every rule with its figure and limit."""
    failed = [str(reason) for reason in verdict.reasons if not reason.passed]
    return dg.AssetCheckResult(
        asset_key=CHALLENGER,
        check_name=GATE_CHECK,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(failed) or "every rule holds",
        metadata={"reasons": verdict_table(verdict)},
    )
