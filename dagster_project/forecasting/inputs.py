"""What a demand model reads, column by column, for whoever fits, explains or exports it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dagster_project.forecasting.frames import check_columns, is_in_units
from dagster_project.forecasting.metrics import Numbers
from dagster_project.parameters import Parameters

IDS = ["product_id", "store_id", "category"]
SCALE = "scale"


def number_columns(features: Sequence[str]) -> list[str]:
    """The numbers that a model of these features reads, in its order; the ids come before them."""
    return ["horizon_days", SCALE, *features]


def input_columns(features: Sequence[str]) -> list[str]:
    """Everything that a model of these features reads, in its order."""
    return [*IDS, *number_columns(features)]


def series_scale(frame: pd.DataFrame, parameters: Parameters) -> Numbers:
    """Scale per row in units per day: the recent mean, or the floor where that is less or null."""
    check_columns(frame, [parameters.scale_column])
    recent = frame[parameters.scale_column].astype(np.float64).fillna(0.0).to_numpy()
    return np.maximum(recent, parameters.scale_floor)


def raw_inputs(
    frame: pd.DataFrame, features: Sequence[str], parameters: Parameters
) -> pd.DataFrame:
    """IDS and `number_columns` as they are told to readers: nothing is divided by the scale.

    Returns:
        Ids as text, empty where unknown; numbers as float32, NaN where null.
    """
    ids = {name: frame[name].astype(object).where(frame[name].notna(), "") for name in IDS}
    numbers = frame[["horizon_days", *features]].astype(np.float32)
    numbers.insert(1, SCALE, series_scale(frame, parameters).astype(np.float32))
    return pd.concat([pd.DataFrame(ids, index=frame.index, dtype=object), numbers], axis=1)


def model_inputs(
    frame: pd.DataFrame, features: Sequence[str], parameters: Parameters
) -> pd.DataFrame:
    """What the pipeline reads: `raw_inputs`, with features in units divided by the scale."""
    inputs = raw_inputs(frame, features, parameters)
    units = [name for name in features if is_in_units(name)]
    inputs[units] = inputs[units].to_numpy() / inputs[[SCALE]].to_numpy()
    return inputs
