"""The decision trees of a fitted regressor as flat arrays, whichever library has fitted them.

A node with a feature sends a row to the left where its value is at most the threshold, a null to
the side that was decided at training. A regressor's raw score is the start plus the value of the
leaf that a row reaches in each tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from lightgbm import LGBMRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor

from dagster_project.forecasting.metrics import Codes, Numbers

LEAF = -1


class TreesUnknown(ValueError):
    """A regressor is none whose trees can be read."""


@dataclass(frozen=True)
class Tree:
    """One tree; node 0 is its root, every child has a higher number than its parent.

    Attributes:
        feature: position of the feature that a node asks for, LEAF in a leaf, shape (nodes,).
        threshold: values up to it go left.
        left: number of the left child.
        right: number of the right child.
        null_goes_left: where a null goes.
        value: what a leaf adds to the raw score.
        cover: training rows that came by.
    """

    feature: Codes
    threshold: Numbers
    left: Codes
    right: Codes
    null_goes_left: npt.NDArray[np.bool_]
    value: Numbers
    cover: Numbers

    def decisions(self, inputs: Numbers) -> npt.NDArray[np.bool_]:
        """Whether each row would go left at each node, shape (nodes, rows); False in leaves.

        Args:
            inputs: one row per feature of the regressor, shape (features, rows), NaN is null.
        """
        found = np.zeros((len(self.feature), inputs.shape[1]), dtype=np.bool_)
        for node in np.flatnonzero(self.feature != LEAF):
            values = inputs[self.feature[node]]
            if self.null_goes_left[node]:
                np.logical_not(values > self.threshold[node], out=found[node])
            else:
                np.less_equal(values, self.threshold[node], out=found[node])
        return found

    def paths(self) -> Iterator[tuple[int, list[tuple[int, bool]]]]:
        """Each leaf with the way to it: the nodes from the root and whether it goes left there."""
        ways: dict[int, list[tuple[int, bool]]] = {0: []}
        for node, feature in enumerate(self.feature):
            if feature == LEAF:
                yield node, ways[node]
            else:
                ways[int(self.left[node])] = [*ways[node], (node, True)]
                ways[int(self.right[node])] = [*ways[node], (node, False)]


@dataclass(frozen=True)
class Trees:
    """All trees of a regressor.

    Attributes:
        start: raw score before the first tree.
        trees: in the order in which their values are added.
    """

    start: float
    trees: tuple[Tree, ...]


def members_of(regressor: Any) -> list[Any]:
    """The fitted regressors whose mean a regressor predicts: itself alone, unless it is several."""
    return list(regressor.estimators_) if isinstance(regressor, VotingRegressor) else [regressor]


def trees_of(regressor: Any) -> Trees:
    """Read the trees of a fitted member, which predicts the exponential of its raw score.

    Raises:
        TreesUnknown: it is of another class, or has another link than the logarithm.
    """
    if isinstance(regressor, LGBMRegressor):
        return _of_lightgbm(regressor)
    if isinstance(regressor, HistGradientBoostingRegressor):
        return _of_scikit_learn(regressor)
    raise TreesUnknown(
        "trees: expected LGBMRegressor or HistGradientBoostingRegressor, found "
        f"{type(regressor).__name__}. Teach forecasting/trees.py to read it."
    )


def _of_lightgbm(regressor: LGBMRegressor) -> Trees:
    dump = regressor.booster_.dump_model()
    objective = dump["objective"].split()[0]
    if objective not in ("poisson", "tweedie", "gamma"):
        raise _no_logarithm(objective)
    trees = [_lightgbm_tree(item["tree_structure"]) for item in dump["tree_info"]]
    return Trees(0.0, tuple(trees))  # what it starts from is in the leaves of the first tree


def _lightgbm_tree(root: dict[str, Any]) -> Tree:
    nodes: list[dict[str, Any]] = [root]
    rows: list[tuple[float, ...]] = []
    for node in nodes:  # grows as children are found: a parent comes before them
        if "leaf_value" in node:
            cover = node.get("leaf_count", 0)  # absent in a tree of one leaf
            rows.append((LEAF, 0.0, LEAF, LEAF, False, node["leaf_value"], cover))
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise TreesUnknown(
                "trees: expected splits of numbers that are null or at most a threshold, found "
                f"{node['decision_type']!r} with missing {node['missing_type']!r}. Fit without "
                "categorical features and zero_as_missing."
            )
        left = len(nodes)
        nodes += [node["left_child"], node["right_child"]]
        # A feature that had no null in training takes one for 0.
        has_nulls = node["missing_type"] == "NaN"
        null_left = node["default_left"] if has_nulls else node["threshold"] >= 0
        rows.append(
            (
                node["split_feature"],
                node["threshold"],
                left,
                left + 1,
                null_left,
                0.0,
                node["internal_count"],
            )
        )
    return _tree(*(np.array(column) for column in zip(*rows, strict=True)))


def _of_scikit_learn(regressor: HistGradientBoostingRegressor) -> Trees:
    if regressor.loss not in ("poisson", "gamma"):
        raise _no_logarithm(regressor.loss)
    trees = []
    for (predictor,) in regressor._predictors:
        nodes = predictor.nodes
        if nodes["is_categorical"].any():
            raise TreesUnknown(
                "trees: expected splits of numbers only, found one of a category. Fit without "
                "categorical_features."
            )
        is_leaf = nodes["is_leaf"].astype(np.bool_)
        trees.append(
            _tree(
                np.where(is_leaf, LEAF, nodes["feature_idx"]),
                nodes["num_threshold"],
                nodes["left"],
                nodes["right"],
                nodes["missing_go_to_left"],
                np.where(is_leaf, nodes["value"], 0.0),
                nodes["count"],
            )
        )
    return Trees(float(np.ravel(regressor._baseline_prediction)[0]), tuple(trees))


def _tree(
    feature: Any, threshold: Any, left: Any, right: Any, null_left: Any, value: Any, cover: Any
) -> Tree:
    return Tree(
        feature.astype(np.int64),
        threshold.astype(np.float64),
        left.astype(np.int64),
        right.astype(np.int64),
        null_left.astype(np.bool_),
        value.astype(np.float64),
        cover.astype(np.float64),
    )


def _no_logarithm(found: str) -> TreesUnknown:
    return TreesUnknown(
        "trees: expected a regressor of units with a logarithmic link (tweedie, poisson, gamma), "
        f"found {found!r}. Choose such a loss in Parameters."
    )
