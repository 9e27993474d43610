"""The demand model as one scalar macro of DuckDB, `predict_units(inputs)`, for what-if questions.

Its argument is a row of `inputs_table`, as a struct, with whatever columns the reader has changed.
The trees are nested `case` expressions; a null goes where the tree sends it, since a comparison
with null is not true. The macro names no table, so it works under any alias. The inputs are columns
of a sub-query: 49,756 rows take 1.7 s of CPU, as the argument of a lambda 77 of them took 18 s.
"""

from __future__ import annotations

import math

import pandas as pd

from dagster_project.forecasting.frames import KEYS, is_closed, is_in_units
from dagster_project.forecasting.inputs import (
    IDS,
    SCALE,
    number_columns,
    raw_inputs,
    series_scale,
)
from dagster_project.forecasting.model import DemandModel, id_categories
from dagster_project.forecasting.trees import LEAF, Tree, Trees, members_of, trees_of

MACRO = "predict_units"


def inputs_table(demand: DemandModel, frame: pd.DataFrame) -> pd.DataFrame:
    """What `predict_units` reads, a row for each row of a frame.

    Returns:
        KEYS, category, is_closed, a code for each of IDS (null where the model has never seen it),
        horizon_days, scale (double) and the model's features (float32), sorted by KEYS.
    """
    rows = frame.sort_values(KEYS, ignore_index=True)
    inputs = raw_inputs(rows, demand.features, demand.parameters)
    codes = {
        _code(name): pd.Index(known).get_indexer(pd.Index(inputs[name]))
        for name, known in id_categories(demand).items()
    }
    found = rows[[*KEYS, "category"]].assign(is_closed=is_closed(rows), **codes)
    found[list(codes)] = found[list(codes)].astype("Int32").mask(found[list(codes)] < 0)
    numbers = inputs[number_columns(demand.features)].assign(
        **{SCALE: series_scale(rows, demand.parameters)}
    )
    return pd.concat([found, numbers], axis=1)


def macro_sql(demand: DemandModel) -> str:
    """The statement that creates `predict_units(inputs)`: units, as `predict` gives them.

    The arithmetic is the model's own: inputs are float32, those in units are divided by the scale,
    leaves are added as doubles in the order of the trees.
    """
    ratios = [_ratio(trees_of(one)) for one in members_of(demand.pipeline["regressor"])]
    ratio = f"({' + '.join(ratios)}) / {len(ratios)}"
    columns = [f"{_given(_code(name))}::double" for name in IDS]
    columns += [_input(name) for name in number_columns(demand.features)]
    return (
        f"create macro {MACRO}(inputs) as (\n"
        f"select case when is_closed then 0.0::double else units_per_ratio * {ratio} end\n"
        f"from (select coalesce({_given('is_closed')}, false) as is_closed,"
        f" {_given(SCALE)}::double as units_per_ratio,\n"
        + ",\n".join(f"{column} as x{position}" for position, column in enumerate(columns))
        + ")\n)"
    )


def _ratio(trees: Trees) -> str:
    """What a member predicts."""
    return f"exp({' + '.join([_number(trees.start), *(_case(tree, 0) for tree in trees.trees)])})"


def _code(name: str) -> str:
    return f"{name}_code"


def _given(name: str) -> str:
    """A column of the argument; `inputs.name` would not be found inside the sub-query."""
    return f"struct_extract(inputs, '{name}')"


def _input(name: str) -> str:
    divisor = f" / {_given(SCALE)}::float" if is_in_units(name) else ""
    return f"({_given(name)}::float{divisor})::double"


def _case(tree: Tree, node: int) -> str:
    """The value of the leaf that is reached from a node."""
    if tree.feature[node] == LEAF:
        return _number(tree.value[node])
    left, right = _case(tree, int(tree.left[node])), _case(tree, int(tree.right[node]))
    value, threshold = f"x{tree.feature[node]}", _number(tree.threshold[node])
    if tree.null_goes_left[node]:
        return f"case when {value}>{threshold} then {right} else {left} end"
    return f"case when {value}<={threshold} then {left} else {right} end"


def _number(value: float) -> str:
    """A literal of exactly this double; with an exponent, since without one it is a decimal."""
    if math.isinf(value):
        return f"'{float(value)}'::double"
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"
