"""The demand model: one global, direct regression over all series, with the horizon as a feature.

The target is y / scale and rows weigh as much as their scale, where scale is the recent mean of the
series: a category that sells 200 a day and one that sells 2 then share the same trees. So do the
features that are units of the series: they are divided by the scale, and the scale is one itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
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
from dagster_project.forecasting.inputs import IDS, model_inputs, number_columns, series_scale
from dagster_project.forecasting.metrics import Numbers
from dagster_project.forecasting.trees import members_of
from dagster_project.parameters import LIGHTGBM, Parameters

try:
    from lightgbm import LGBMRegressor
except OSError as error:  # its wheel leaves OpenMP's library to the system
    raise ImportError(
        f"LightGBM: expected OpenMP's library, found {error}. Install it: `apt-get install "
        "libgomp1`, or your system's package of that name."
    ) from error


@dataclass(frozen=True)
class DemandModel:
    """A fitted pipeline with the features it was fitted on, in their order."""

    pipeline: Pipeline
    features: tuple[str, ...]
    parameters: Parameters


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
    if len(rows) == 1:
        rows = pd.concat([rows, rows], ignore_index=True)  # what LightGBM asks for at least
    units = rows["units"].to_numpy(dtype=np.float64)
    if not units.sum() > 0:
        raise FrameError(
            f"forecast frame: expected training rows with units above 0, found none in {len(rows)} "
            "rows. Check that the sold units of the source reach sales_by_day."
        )
    scale = series_scale(rows, parameters)
    pipeline = _pipeline(features, parameters)
    inputs = model_inputs(rows, features, parameters)
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
    units = np.maximum(predict_ratio(model, frame), 0.0) * series_scale(frame, model.parameters)
    return np.where(is_closed(frame), 0.0, units)


def predict_ratio(model: DemandModel, frame: pd.DataFrame) -> Numbers:
    """What the regressor says per row: expected units over the scale, closed days or not."""
    inputs = model_inputs(frame, model.features, model.parameters)
    return np.asarray(model.pipeline.predict(inputs), dtype=np.float64)


def id_categories(model: DemandModel) -> dict[str, list[str]]:
    """The ids that a model knows by column; the position of one is its code, others are null."""
    known = model.pipeline["columns"].named_transformers_["ids"].categories_
    return {name: [str(value) for value in values] for name, values in zip(IDS, known, strict=True)}


def input_matrix(model: DemandModel, frame: pd.DataFrame) -> Numbers:
    """What the trees read: codes of ids, then numbers, shape (rows, inputs), NaN is null."""
    inputs = model_inputs(frame, model.features, model.parameters)
    return np.asarray(model.pipeline["columns"].transform(inputs), dtype=np.float64)


def _pipeline(features: list[str], parameters: Parameters) -> Pipeline:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer(
        [("ids", encoder, IDS), ("numbers", "passthrough", number_columns(features))],
        sparse_threshold=0,
    )
    return Pipeline([("columns", columns), ("regressor", _regressor(parameters))])


def _regressor(
    parameters: Parameters,
) -> LGBMRegressor | HistGradientBoostingRegressor | VotingRegressor:
    if parameters.members == 1:
        return _member(parameters)
    seeds = range(parameters.seed, parameters.seed + parameters.members)
    return VotingRegressor([(f"seed_{s}", _member(replace(parameters, seed=s))) for s in seeds])


def _member(parameters: Parameters) -> LGBMRegressor | HistGradientBoostingRegressor:
    if parameters.estimator == LIGHTGBM:
        return LGBMRegressor(
            objective=parameters.loss,
            tweedie_variance_power=parameters.tweedie_power,
            learning_rate=parameters.learning_rate,
            n_estimators=parameters.iterations,
            num_leaves=parameters.leaves,
            min_child_samples=parameters.min_samples_leaf,
            reg_lambda=parameters.l2,
            max_bin=parameters.max_bins,
            colsample_bytree=parameters.feature_share,
            subsample=parameters.row_share,
            subsample_freq=1,
            random_state=parameters.seed,
            # the same trees with any number of threads
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        )
    return HistGradientBoostingRegressor(
        loss=parameters.loss,
        learning_rate=parameters.learning_rate,
        max_iter=parameters.iterations,
        max_leaf_nodes=parameters.leaves,
        min_samples_leaf=parameters.min_samples_leaf,
        l2_regularization=parameters.l2,
        max_bins=parameters.max_bins,
        max_features=parameters.feature_share,
        categorical_features=None,
        early_stopping=False,
        random_state=parameters.seed,
    )


def trees_bytes(model: DemandModel) -> bytes:
    """What decides the predictions of the fitted trees; the same fit gives the same bytes."""
    return b"".join(_member_bytes(member) for member in members_of(model.pipeline["regressor"]))


def _member_bytes(regressor: LGBMRegressor | HistGradientBoostingRegressor) -> bytes:
    if isinstance(regressor, LGBMRegressor):
        return str(regressor.booster_.model_to_string()).encode()
    parts = [np.asarray(regressor._baseline_prediction, dtype=np.float64).tobytes()]
    for (tree,) in regressor._predictors:
        for column in tree.nodes.dtype.names:  # by field: padding between fields is arbitrary
            parts.append(np.ascontiguousarray(tree.nodes[column]).tobytes())
    return b"".join(parts)
