"""The demand model: one global, direct regression over all series, with the horizon as a feature.

The target is y / scale and rows weigh as much as their scale, where scale is the recent mean of the
series: a category that sells 200 a day and one that sells 2 then share the same trees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from dagster_project.forecasting.frames import (
    FrameError,
    check_columns,
    check_frame,
    feature_columns,
    is_closed,
    rows_for_training,
)
from dagster_project.forecasting.metrics import Numbers

IDS = ["product_id", "store_id", "category"]


@dataclass(frozen=True)
class Parameters:
    """How a model is fitted. The defaults were chosen on four rolling origins of the demo data.

    There 0.03 to 0.1 as learning rate, 15 to 31 leaves and 150,000 to 600,000 rows all score
    RMSSE 0.657 to 0.660, so the defaults are the cheap and steady ones among them.

    Attributes:
        learning_rate: shrinkage of each tree.
        iterations: number of trees.
        leaves: most leaves of a tree.
        min_samples_leaf: fewest rows in a leaf.
        l2: L2 regularisation of leaf values.
        max_bins: histogram bins per feature.
        loss: loss of HistGradientBoostingRegressor.
        max_training_rows: cap of the sample of as-of rows.
        scale_column: the series' recent mean at the cutoff, in units per day.
        scale_floor: least scale, in units per day, so that a sleeping series can wake up.
        seed: seed of the sample and of the regressor.
    """

    learning_rate: float = 0.05
    iterations: int = 150
    leaves: int = 31
    min_samples_leaf: int = 100
    l2: float = 1.0
    max_bins: int = 127
    loss: str = "poisson"
    max_training_rows: int = 300_000
    scale_column: str = "f_mean_56"
    scale_floor: float = 0.05
    seed: int = 20171231


@dataclass(frozen=True)
class DemandModel:
    """A fitted pipeline with the features it was fitted on, in their order."""

    pipeline: Pipeline
    features: tuple[str, ...]
    parameters: Parameters


def series_scale(frame: pd.DataFrame, parameters: Parameters) -> Numbers:
    """Scale per row in units per day: the recent mean, or the floor where that is less or null."""
    check_columns(frame, [parameters.scale_column])
    recent = frame[parameters.scale_column].astype(np.float64).fillna(0.0).to_numpy()
    return np.maximum(recent, parameters.scale_floor)


def fit(frame: pd.DataFrame, parameters: Parameters) -> DemandModel:
    """Fit a model on the rows whose units are known.

    Args:
        frame: forecast frame with `units` as known at the training cutoff; null units are skipped.
        parameters: how to fit.

    Returns:
        The same model for the same rows in any order and with any number of threads.

    Raises:
        FrameError: the frame breaks a rule, or no row has units above zero.
    """
    features = feature_columns(frame)
    check_columns(frame, ["units", parameters.scale_column])
    rows = rows_for_training(frame, max_rows=parameters.max_training_rows, seed=parameters.seed)
    check_frame(rows, features)
    units = rows["units"].to_numpy(dtype=np.float64)
    if not units.sum() > 0:
        raise FrameError(
            f"forecast frame: expected training rows with units above 0, found none in {len(rows)} "
            "rows. Check that the sold units of the source reach sales_by_day."
        )
    scale = series_scale(rows, parameters)
    pipeline = _pipeline(features, parameters)
    inputs = _inputs(rows, features)
    # Binning fails on a column of nulls. As a constant it is never split on, whatever it holds when
    # the model predicts.
    inputs[inputs.columns[inputs.isna().all()]] = np.float32(0)
    pipeline.fit(inputs, units / scale, regressor__sample_weight=scale)
    return DemandModel(pipeline, tuple(features), parameters)


def predict(model: DemandModel, frame: pd.DataFrame) -> Numbers:
    """Expected units per row, never negative, 0 where the store is known to be closed.

    Raises:
        FrameError: the frame breaks a rule, or lacks a feature of the model.
    """
    check_frame(frame, list(model.features))
    if frame.empty:
        return np.zeros(0)
    ratio = model.pipeline.predict(_inputs(frame, list(model.features)))
    units = np.maximum(ratio, 0.0) * series_scale(frame, model.parameters)
    return np.where(is_closed(frame), 0.0, units)


def _pipeline(features: list[str], parameters: Parameters) -> Pipeline:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer(
        [("ids", encoder, IDS), ("numbers", "passthrough", ["horizon_days", *features])],
        sparse_threshold=0,
    )
    regressor = HistGradientBoostingRegressor(
        loss=parameters.loss,
        learning_rate=parameters.learning_rate,
        max_iter=parameters.iterations,
        max_leaf_nodes=parameters.leaves,
        min_samples_leaf=parameters.min_samples_leaf,
        l2_regularization=parameters.l2,
        max_bins=parameters.max_bins,
        categorical_features=None,
        early_stopping=False,
        random_state=parameters.seed,
    )
    return Pipeline([("columns", columns), ("regressor", regressor)])


def _inputs(frame: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """Ids as text, everything else as float32, in the order of the model."""
    ids = {name: frame[name].astype(object).where(frame[name].notna(), "") for name in IDS}
    numbers = frame[["horizon_days", *features]].astype(np.float32)
    return pd.concat([pd.DataFrame(ids, index=frame.index, dtype=object), numbers], axis=1)
