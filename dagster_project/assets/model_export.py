"""What is published of the model: the champion as files, a card, inputs and expected outputs."""

import io

import duckdb
import numpy as np
import pandas as pd

from dagster_project import models
from dagster_project.assets.catalog import owners
from dagster_project.assets.frames import read_frame
from dagster_project.assets.model_card import (
    CARD_FILE,
    baseline_card,
    model_card,
    series_scores,
)
from dagster_project.forecasting.forecast import ForecastModel
from dagster_project.forecasting.frames import KEYS
from dagster_project.forecasting.inputs import raw_inputs, series_scale
from dagster_project.forecasting.model import predict_ratio
from dagster_project.forecasting.onnx_model import onnx_bytes
from dagster_project.forecasting.skops_model import skops_bytes
from dagster_project.forecasting.sql_model import inputs_table, macro_sql
from dagster_project.publishing import INPUTS_FILE, MACRO_FILE, Publication

HOLDOUT_ROWS = 200


def export_model(
    connection: duckdb.DuckDBPyConnection, publication: Publication
) -> dict[str, bytes]:
    """The files of a publication's model by name; of the baseline only a card that says so."""
    contact = ", ".join(owners())
    record = models.find_record(connection, publication.model_version)
    if record is None:
        return {CARD_FILE: baseline_card(publication, contact).encode()}
    model = models.load(connection, record.model_version)
    frame = read_frame(connection, publication.cutoff_on)
    return {
        CARD_FILE: model_card(
            record,
            model,
            models.scores_of(connection, record.model_version),
            frame=frame,
            by_series=series_scores(connection, record.model_version),
            contact=contact,
            holdout_rows=min(HOLDOUT_ROWS, len(frame)),
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


def _parquet(rows: pd.DataFrame) -> bytes:
    written = io.BytesIO()
    rows.to_parquet(written, index=False, compression="zstd")
    return written.getvalue()
