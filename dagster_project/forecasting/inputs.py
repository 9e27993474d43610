"""What a fitted demand model reads, column by column, for whoever explains or exports it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.forecasting.metrics import Numbers
from dagster_project.forecasting.model import (
    IDS,
    SCALE,
    DemandModel,
    model_inputs,
    series_scale,
)


def number_columns(demand: DemandModel) -> list[str]:
    """The numbers that a model reads, in its order; the ids come before them."""
    return ["horizon_days", SCALE, *demand.features]


def input_columns(demand: DemandModel) -> list[str]:
    """Everything that a model reads, in its order."""
    return [*IDS, *number_columns(demand)]


def id_categories(demand: DemandModel) -> dict[str, list[str]]:
    """The ids that a model knows by column; the position of one is its code, others are null."""
    known = demand.pipeline["columns"].named_transformers_["ids"].categories_
    return {name: [str(value) for value in values] for name, values in zip(IDS, known, strict=True)}


def raw_inputs(demand: DemandModel, frame: pd.DataFrame) -> pd.DataFrame:
    """The `input_columns` of a frame as they are told to readers: nothing is divided by the scale.

    Returns:
        Ids as text, empty where unknown; numbers as float32, NaN where null.
    """
    ids = {name: frame[name].astype(object).where(frame[name].notna(), "") for name in IDS}
    numbers = frame[["horizon_days", *demand.features]].astype(np.float32)
    numbers.insert(1, SCALE, series_scale(frame, demand.parameters).astype(np.float32))
    return pd.concat([pd.DataFrame(ids, index=frame.index, dtype=object), numbers], axis=1)


def input_matrix(demand: DemandModel, frame: pd.DataFrame) -> Numbers:
    """What the trees read: codes of ids, then numbers, shape (rows, inputs), NaN is null."""
    inputs = model_inputs(frame, list(demand.features), demand.parameters)
    return np.asarray(demand.pipeline["columns"].transform(inputs), dtype=np.float64)
