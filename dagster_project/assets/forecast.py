"""The forecast: score an origin with the champion, or give a past origin its own vintage."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa

from dagster_project import models
from dagster_project.assets.catalog import owners, state_columns
from dagster_project.assets.dbt import WAREHOUSE_POOL
from dagster_project.assets.evidence import forecast_picture
from dagster_project.assets.frames import WarehouseHistory, read_frame
from dagster_project.assets.training import (
    CHAMPION,
    forecast_scope,
    latest_cutoff,
    train_as_of,
)
from dagster_project.features import BuiltFeatures, built_features, origin_key
from dagster_project.forecasting.backtest import adapted_to
from dagster_project.forecasting.explanation import explain
from dagster_project.forecasting.forecast import ForecastModel, forecast
from dagster_project.forecasting.gate import GateThresholds, judge
from dagster_project.settings import Settings
from dagster_project.sources import ForecastScope
from dagster_project.stages import stage
from dagster_project.warehouse import commit_point, transaction, warehouse

FORECAST_GROUP = "forecast"
FORECAST = dg.AssetKey(["forecast"])
ORIGINS = dg.DynamicPartitionsDefinition(name="origin")
"""One partition per origin, named for its day: origin_on is the day after the cutoff."""

BASELINE_VERSION = "seasonal-naive"

# The version that the model sales_forecast publishes keeps its paths, and no other.
OLDER_PATHS = """
delete from state.forecast_paths
where forecast_version != (
    select forecast_version
    from state.forecast_versions
    where not is_backfill
    order by cutoff_on desc, forecast_version desc
    limit 1
)
"""


@dataclass(frozen=True)
class ForecastVersion:
    """One forecast in the ledger.

    Attributes:
        forecast_version: its number.
        cutoff_on: last day of data used.
        model_version: what it was made with.
        series: number of series.
        fallback_series: those for which a simpler method than the model is published.
        is_backfill: whether a past origin was forecast afterwards.
        is_new: whether this call wrote it.
    """

    forecast_version: int
    cutoff_on: date
    model_version: str
    series: int
    fallback_series: int
    is_backfill: bool
    is_new: bool


def cutoff_of(key: str) -> date:
    """The cutoff before an origin's partition."""
    return date.fromisoformat(key) - timedelta(days=1)


def newest_cutoff(settings: Settings) -> date | None:
    """The last day of accepted sales, or None before any."""
    with warehouse(settings) as connection:
        return latest_cutoff(connection)


def score(
    connection: duckdb.DuckDBPyConnection, scope: ForecastScope, cutoff_on: date
) -> ForecastVersion:
    """Forecast one origin and append it to the ledger, once for the same features and model.

    The newest origin is forecast with the champion, or with the baseline when no model of its
    features has passed the gate. A past origin is forecast as it would have been then: with a model
    trained and judged on what was known at its cutoff, and marked as a backfill. Intervals have
    followed every day that was known at the cutoff, also those since the training.

    Raises:
        ValueError: it is no origin or has no series, or no model has been trained yet.
        FeaturesUnfinished: the last dbt build ended before its features were whole.
    """
    features = built_features(connection, cutoff_on)
    frame = read_frame(connection, cutoff_on)
    if frame.empty:
        raise ValueError(
            f"forecast: expected series in scope at the origin {origin_key(cutoff_on)}, found none."
            " Look at series_left_out for the reasons, and at the scope the sources declare."
        )
    latest = latest_cutoff(connection)
    is_backfill = latest is not None and cutoff_on < latest
    fingerprint = features.fingerprint
    if is_backfill:
        known = _find(
            connection,
            "cutoff_on = ? and (not is_backfill or input_fingerprint = ?)",
            [cutoff_on, fingerprint],
        )
        if known is not None:
            return known
        version, model = model_of_then(connection, scope, cutoff_on, features)
    else:
        version, model = model_in_use(connection, features)
        known = _find(
            connection,
            "cutoff_on = ? and model_version = ? and input_fingerprint = ? and not is_backfill",
            [cutoff_on, version, fingerprint],
        )
        if known is not None:
            return known
    rows = forecast(as_adapted(connection, model, cutoff_on), frame)
    return append_forecast(
        connection,
        rows,
        explain(model, frame, rows),
        model_version=version,
        fingerprint=fingerprint,
        cutoff_on=cutoff_on,
        is_backfill=is_backfill,
    )


def model_in_use(
    connection: duckdb.DuckDBPyConnection, features: BuiltFeatures
) -> tuple[str, ForecastModel]:
    """The champion; without one, the baseline with the intervals its backtest gave it.

    Raises:
        ValueError: nothing has been trained on such features yet.
    """
    champion = models.champion(connection, features)
    if champion is not None:
        return champion
    newest = models.newest(connection, features)
    if newest is None:
        raise ValueError(
            "forecast: expected a model trained on features of this scope and SQL, found none. Run "
            "the job `retrain`, or `meshcast run`, which does it where it is due."
        )
    return BASELINE_VERSION, newest[1].as_baseline()


def as_adapted(
    connection: duckdb.DuckDBPyConnection, model: ForecastModel, cutoff_on: date
) -> ForecastModel:
    """The model with intervals that have followed what came true from its training to a cutoff."""
    parameters = model.demand.parameters
    history = WarehouseHistory(
        connection,
        known_through_on=cutoff_on,
        max_rows=parameters.max_training_rows,
        seed=parameters.seed,
    )
    return adapted_to(model, history, cutoff_on)


def model_of_then(
    connection: duckdb.DuckDBPyConnection,
    scope: ForecastScope,
    cutoff_on: date,
    features: BuiltFeatures,
) -> tuple[str, ForecastModel]:
    """Train, judge and store the model of a past origin; the baseline where it fails the gate."""
    trained = train_as_of(connection, scope, cutoff_on=cutoff_on)
    verdict = judge(trained.backtest.scores, None, GateThresholds())
    version = models.save(
        connection,
        trained.model,
        scores=trained.backtest.scores,
        value_added=trained.value_added,
        verdict=verdict,
        features=features,
        is_backfill=True,
    )
    if verdict.passed:
        return version, trained.model
    return BASELINE_VERSION, trained.model.as_baseline()


def append_forecast(
    connection: duckdb.DuckDBPyConnection,
    rows: pd.DataFrame,
    explanation: pd.DataFrame,
    *,
    model_version: str,
    fingerprint: str,
    cutoff_on: date,
    is_backfill: bool,
) -> ForecastVersion:
    """Append a version, its rows and why they are so to the ledger, in one transaction.

    Sample paths are kept of the newest forecast only; a backfill is history and needs none.
    """
    issued_at = datetime.now(UTC)
    last = connection.execute("select max(forecast_version) from state.forecast_versions")
    number = ((last.fetchone() or (None,))[0] or 0) + 1
    series = rows.drop_duplicates(["product_id", "store_id"])
    version = ForecastVersion(
        forecast_version=number,
        cutoff_on=cutoff_on,
        model_version=model_version,
        series=len(series),
        fallback_series=int(series["is_fallback"].sum()),
        is_backfill=is_backfill,
        is_new=True,
    )
    with transaction(connection):
        connection.execute(
            "insert into state.forecast_versions by name select ? as forecast_version,"
            " ? as cutoff_on, ? as issued_at, ? as known_as_of, ? as model_version,"
            " ? as input_fingerprint, ? as horizon_days, ? as series, ? as fallback_series,"
            " ? as is_backfill",
            [
                number,
                cutoff_on,
                issued_at,
                cutoff_on,
                model_version,
                fingerprint,
                int(rows["horizon_days"].max()),
                version.series,
                version.fallback_series,
                is_backfill,
            ],
        )
        connection.register("forecast_rows", pa.Table.from_pandas(rows, preserve_index=False))
        connection.execute(
            "insert into state.forecast_ledger by name select ? as forecast_version,"
            " ? as issued_at, ? as model_version, ? as is_backfill,"
            " forecast_rows.* exclude (units_paths)"
            " replace (cutoff_on::date as cutoff_on, target_on::date as target_on)"
            " from forecast_rows",
            [number, issued_at, model_version, is_backfill],
        )
        if not is_backfill:
            connection.execute(
                "insert into state.forecast_paths by name select ? as forecast_version, store_id,"
                " product_id, target_on::date as target_on, units_paths from forecast_rows",
                [number],
            )
            connection.execute(OLDER_PATHS)
        connection.unregister("forecast_rows")
        connection.register("explanation_rows", explanation)
        connection.execute(
            "insert into state.forecast_explanations by name select ? as forecast_version,"
            " ? as model_version, ? as is_backfill, explanation_rows.*"
            " replace (cutoff_on::date as cutoff_on, target_on::date as target_on)"
            " from explanation_rows",
            [number, model_version, is_backfill],
        )
        connection.unregister("explanation_rows")
    commit_point("forecast_written")
    return version


def _find(
    connection: duckdb.DuckDBPyConnection, where: str, values: list[object]
) -> ForecastVersion | None:
    row = connection.execute(
        "select forecast_version, cutoff_on, model_version, series, fallback_series, is_backfill,"
        f" false from state.forecast_versions where {where} order by forecast_version desc limit 1",
        values,
    ).fetchone()
    return None if row is None else ForecastVersion(*row)


def build_forecast_asset() -> dg.AssetsDefinition:
    """The forecast of one origin per partition; past origins can be backfilled."""

    @dg.asset(
        key=FORECAST,
        deps=["forecast_frame", CHAMPION],
        partitions_def=ORIGINS,
        group_name=FORECAST_GROUP,
        description="Units per product, store and day ahead of an origin, with intervals.",
        owners=owners(),
        kinds={"lightgbm", "duckdb"},
        metadata=state_columns("forecast_ledger"),
        pool=WAREHOUSE_POOL,
    )
    def forecast_of_origin(
        context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> dg.MaterializeResult[None]:
        with stage("score") as tell, warehouse(settings) as connection:
            cutoff_on = cutoff_of(context.partition_key)
            version = score(connection, forecast_scope(settings), cutoff_on)
            tell(f"{version.series:,} series with {version.model_version}")
            rows = connection.execute(
                "select count(*) from state.forecast_ledger where forecast_version = ?",
                [version.forecast_version],
            ).fetchall()[0][0]
            picture = forecast_picture(connection, version.forecast_version)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "forecast_version": version.forecast_version,
                "cutoff_on": cutoff_on.isoformat(),
                "model_version": version.model_version,
                "series": version.series,
                "fallback_series": version.fallback_series,
                "is_backfill": version.is_backfill,
                "forecast_against_actual": picture,
            }
        )

    return forecast_of_origin
