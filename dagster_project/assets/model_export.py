"""What is published of the model: the champion as files, a card, inputs and expected outputs."""

import io
from dataclasses import asdict

import duckdb
import numpy as np
import pandas as pd

from dagster_project import models
from dagster_project.assets.evidence import (
    SHORT_NAMES,
    WORST_SHOWN,
    markdown_table,
    score_table,
)
from dagster_project.assets.frames import read_frame
from dagster_project.forecasting.explanation import GROUPS, group_of
from dagster_project.forecasting.forecast import ForecastModel
from dagster_project.forecasting.frames import KEYS
from dagster_project.forecasting.inputs import raw_inputs, series_scale
from dagster_project.forecasting.model import predict_ratio
from dagster_project.forecasting.onnx_model import onnx_bytes
from dagster_project.forecasting.skops_model import skops_bytes
from dagster_project.forecasting.sql_model import inputs_table, macro_sql
from dagster_project.models import ModelRecord
from dagster_project.publishing import INPUTS_FILE, MACRO_FILE, Publication

CARD_FILE = "model_card.md"
HOLDOUT_ROWS = 200

CARD = """\
# Model {record.model_version}

| | |
|---|---|
| What | expected units per product, store and day ahead: one {record.parameters.estimator} \
regression over all series, with the horizon as a feature |
| Trained through | {record.trained_through_on}, at {record.trained_at:%Y-%m-%d %H:%M} UTC |
| Gate | {reasons} |
| Data | sales and plans as known on that day; scope, SQL and files of the features: \
{record.input_fingerprint} |
| Code | {record.code_revision}; {packages} |
| Parameters | {parameters} |

## Features

{features}

Beside them: product_id, store_id, category, horizon_days, and scale, the series' recent mean \
(`{record.parameters.scale_column}`). The model predicts units / scale.

## Backtest

Means over rolling origins before {record.trained_through_on}; *published* is the model with its
fallbacks, *baseline* the seasonal naive forecast. Undefined scores are left empty.

{scores}

## Intended use

Ordering and staffing for days that are {horizon} days ahead at most, for products and stores in the
declared scope; what-if questions on promotions and prices within what the series has seen.

## Limits

* It forecasts sales, not demand that met an empty shelf: days of likely stock-out are no training
  targets, but features and intervals hold them. It tells what came together with sales, not what
  causes them: a price that never changed has no effect here.
* {fallbacks} series are published with a simpler method instead, since it was better for them.
* A closed day has no units; whether a store is closed is no input of the model.
* Intervals come from past errors (in the skops file), not from the trees. Their levels have
  followed the days since {record.trained_through_on} in the published forecast, not in the file.

## Files

| file | |
|---|---|
| `model.skops` | the whole model with intervals, for `skops.io.load` |
| `model.onnx` | from the inputs in the order of `holdout.parquet` to `ratio` and `units` |
| `{macro_file}` | the same in SQL: `predict_units(inputs)`, in the port files already |
| `{inputs_file}` | the inputs of the published forecast, as `predict_units` reads them |
| `holdout.parquet` | {holdout} of its rows with `expected_ratio` and `expected_units` |
"""

BASELINE_CARD = """\
# No model

Forecast {publication.forecast_version} is the seasonal naive baseline: no model has passed the
gate, so there is nothing to export.
"""


def export_model(
    connection: duckdb.DuckDBPyConnection, publication: Publication
) -> dict[str, bytes]:
    """The files of a publication's model by name; of the baseline only a card that says so."""
    record = models.find_record(connection, publication.model_version)
    if record is None:
        return {CARD_FILE: BASELINE_CARD.format(publication=publication).encode()}
    model = models.load(connection, record.model_version)
    frame = read_frame(connection, publication.cutoff_on)
    return {
        CARD_FILE: model_card(
            record,
            model,
            models.scores_of(connection, record.model_version),
            frame=frame,
        ).encode(),
        **model_files(model, record.model_version, frame),
    }


def model_files(model: ForecastModel, version: str, frame: pd.DataFrame) -> dict[str, bytes]:
    """A model in every form it is published in; the same model and frame give the same bytes."""
    return {
        "model.skops": skops_bytes(model),
        "model.onnx": onnx_bytes(model.demand, version),
        MACRO_FILE: macro_sql(model.demand).encode(),
        INPUTS_FILE: _parquet(inputs_table(model.demand, frame)),
        "holdout.parquet": _parquet(holdout(model, frame)),
    }


def holdout(model: ForecastModel, frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of days that the model has not seen, with what it says of them.

    Returns:
        HOLDOUT_ROWS rows spread evenly over the keys: the model's inputs in its order, then
        expected_ratio and expected_units (double).
    """
    ordered = frame.sort_values(KEYS, ignore_index=True)
    chosen = np.linspace(0, len(ordered) - 1, min(HOLDOUT_ROWS, len(ordered))).round().astype(int)
    rows, demand = ordered.iloc[chosen].reset_index(drop=True), model.demand
    ratio = predict_ratio(demand, rows)
    return raw_inputs(rows, demand.features, demand.parameters).assign(
        expected_ratio=ratio, expected_units=ratio * series_scale(rows, demand.parameters)
    )


def model_card(
    record: ModelRecord, model: ForecastModel, scores: pd.DataFrame, *, frame: pd.DataFrame
) -> str:
    """What a person should know of a model before using it, as Markdown."""
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in model.demand.features:
        groups[group_of(name)].append(f"`{name}`")
    tables = []
    for name in ("overall", "horizon_week", "volume", "category", "store"):
        table = score_table(scores, name)
        title = f"By {name}"
        if name in ("category", "store"):
            table = table[table["method"] == "published"].nlargest(WORST_SHOWN, "rmsse")
            title += ", the worst"
        table = table.rename(columns={**SHORT_NAMES, "slice_value": name})
        tables.append(f"{title}:\n\n{markdown_table(table)}" if len(table) else "")
    return CARD.format(
        record=record,
        reasons="; ".join(record.reasons) or record.verdict,
        packages=", ".join(f"{name} {version}" for name, version in record.packages.items()),
        parameters=", ".join(
            f"{name} {value}" for name, value in asdict(record.parameters).items()
        ),
        features="\n".join(
            f"* {group}: {', '.join(names)}" for group, names in groups.items() if names
        ),
        scores="\n\n".join(table for table in tables if table),
        horizon=int(frame["horizon_days"].max()),
        fallbacks=len(model.calibration.fallbacks),
        holdout=min(HOLDOUT_ROWS, len(frame)),
        macro_file=MACRO_FILE,
        inputs_file=INPUTS_FILE,
    )


def _parquet(rows: pd.DataFrame) -> bytes:
    written = io.BytesIO()
    rows.to_parquet(written, index=False, compression="zstd")
    return written.getvalue()
