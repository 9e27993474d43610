"""The demand model as an ONNX graph, for whoever scores it without Python or scikit-learn.

Its inputs are those of `inputs.input_columns`, in their order, each of shape (rows, 1): ids as
text, the rest as float32, null as NaN. Its outputs are `ratio`, the expected units over the scale,
and `units`. Whether a store is closed is no input: a closed day has no units.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dagster_project.forecasting.frames import is_in_units
from dagster_project.forecasting.inputs import IDS, SCALE, number_columns
from dagster_project.forecasting.metrics import Numbers
from dagster_project.forecasting.model import DemandModel, id_categories
from dagster_project.forecasting.trees import LEAF, Trees, members_of, trees_of

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
IR_VERSION = 9
"""Both are of 2023: readers need not be newer than the graph's operators."""

TREES = "ai.onnx.ml"


def onnx_bytes(demand: DemandModel, name: str) -> bytes:
    """Serialise a model; the same model gives the same bytes.

    Args:
        demand: a fitted model.
        name: name of the graph, such as the model version.
    """
    numbers = number_columns(demand.features)
    members: list[onnx.NodeProto] = []
    ratios: list[str] = []
    for number, member in enumerate(members_of(demand.pipeline["regressor"])):
        score, ratio = f"score_{number}", f"ratio_{number}"
        trees = _ensemble(trees_of(member))
        members.append(_node("TreeEnsembleRegressor", ["inputs"], [score], domain=TREES, **trees))
        members.append(_node("Exp", [score], [ratio]))
        ratios.append(ratio)
    nodes = [
        _node("LabelEncoder", [column], [f"{column}_code"], domain=TREES, **_codes(categories))
        for column, categories in id_categories(demand).items()
    ]
    nodes += [
        # Features in units are divided by the scale, all others by 1.
        _node("Concat", numbers, ["numbers"], axis=1),
        _node("Mul", [SCALE, "in_units"], ["scale_of_units"]),
        _node("Add", ["scale_of_units", "not_in_units"], ["divisors"]),
        _node("Div", ["numbers", "divisors"], ["scaled"]),
        _node("Concat", [*(f"{column}_code" for column in IDS), "scaled"], ["inputs"], axis=1),
        *members,
        _node("Mean", ratios, ["ratio"]),
        _node("Mul", ["ratio", SCALE], ["units"]),
    ]
    in_units = np.array([[is_in_units(column) for column in numbers]], dtype=np.float32)
    graph = helper.make_graph(
        nodes,
        name,
        [_column(column, TensorProto.STRING) for column in IDS]
        + [_column(column, TensorProto.FLOAT) for column in numbers],
        [_column(column, TensorProto.FLOAT) for column in ("ratio", "units")],
        [
            numpy_helper.from_array(in_units, "in_units"),
            numpy_helper.from_array(1 - in_units, "not_in_units"),
        ],
    )
    model = helper.make_model(
        graph, opset_imports=OPSETS, ir_version=IR_VERSION, producer_name="meshcast"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, outputs, **attributes)


def _column(name: str, kind: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["rows", 1])


def _codes(categories: list[str]) -> dict[str, Any]:
    """Attributes of an encoder; what the model has never seen is null."""
    return {
        "keys_strings": categories,
        "values_floats": [float(code) for code in range(len(categories))],
        "default_float": math.nan,
    }


def _ensemble(trees: Trees) -> dict[str, Any]:
    """Attributes of the regressor: all nodes of all trees, one after the other."""
    found: dict[str, list[Any]] = {}

    def put(**values: Any) -> None:
        for key, value in values.items():
            found.setdefault(key, []).append(value)

    for number, tree in enumerate(trees.trees):
        thresholds = round_down(tree.threshold)
        for node, feature in enumerate(tree.feature):
            is_leaf = feature == LEAF
            put(
                nodes_treeids=number,
                nodes_nodeids=node,
                nodes_featureids=0 if is_leaf else int(feature),
                nodes_modes="LEAF" if is_leaf else "BRANCH_LEQ",
                nodes_values=float(thresholds[node]),
                nodes_truenodeids=0 if is_leaf else int(tree.left[node]),
                nodes_falsenodeids=0 if is_leaf else int(tree.right[node]),
                nodes_missing_value_tracks_true=int(tree.null_goes_left[node]),
            )
            if is_leaf:
                put(
                    target_treeids=number,
                    target_nodeids=node,
                    target_ids=0,
                    target_weights=float(tree.value[node]),
                )
    return {**found, "n_targets": 1, "base_values": [trees.start]}


def round_down(thresholds: Numbers) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The largest float32 that is not above each threshold, so that no float32 changes sides."""
    with np.errstate(over="ignore"):  # a threshold above all that float32 can hold
        nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest)
