"""Shapley values of trees equal their definition over all coalitions, and LightGBM's own."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from dagster_project.forecasting.metrics import Numbers
from dagster_project.forecasting.shapley import product_values, shapley_values
from dagster_project.forecasting.trees import LEAF, Tree, TreesUnknown, trees_of

FEATURES = 7
PLAYER_OF = np.array([0, 1, 1, 2, 3, 3, 3])


def invented(rows: int, seed: int) -> tuple[Numbers, Numbers]:
    """Inputs with nulls in all columns but the last, and counts that depend on them."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(rows, FEATURES))
    inputs[:, 1] = chance.integers(0, 4, rows)
    inputs[:, :-1][chance.random((rows, FEATURES - 1)) < 0.1] = np.nan
    known = np.nan_to_num(inputs, nan=0.7)
    mean = np.exp(0.4 * known[:, 0] + 0.3 * known[:, 1] * (known[:, 3] > 0) + 0.2 * known[:, 6])
    return inputs, chance.poisson(mean).astype(float)


def fitted(kind: str) -> Any:
    inputs, units = invented(2000, seed=1)
    regressor: Any = (
        LGBMRegressor(objective="tweedie", n_estimators=6, num_leaves=12, verbose=-1)
        if kind == "lightgbm"
        else HistGradientBoostingRegressor(loss="poisson", max_iter=6, max_leaf_nodes=12)
    )
    return regressor.fit(inputs, units)


@pytest.fixture(scope="module", params=["lightgbm", "scikit-learn"])
def regressor(request: pytest.FixtureRequest) -> Any:
    return fitted(request.param)


def expected_score(tree: Tree, row: Numbers, known: set[int], node: int = 0) -> float:
    """Expected value of a tree when only the features of some players are known."""
    feature = tree.feature[node]
    if feature == LEAF:
        return float(tree.value[node])
    left, right = int(tree.left[node]), int(tree.right[node])
    if PLAYER_OF[feature] in known:
        value = row[feature]
        is_left = tree.null_goes_left[node] if np.isnan(value) else value <= tree.threshold[node]
        return expected_score(tree, row, known, left if is_left else right)
    share = tree.cover[left] / tree.cover[node]
    return share * expected_score(tree, row, known, left) + (1 - share) * expected_score(
        tree, row, known, right
    )


def test_values_are_those_of_the_definition_over_all_coalitions(regressor: Any) -> None:
    rows, _ = invented(25, seed=2)
    trees, players = trees_of(regressor), set(PLAYER_OF.tolist())
    start, found = shapley_values(trees, rows, PLAYER_OF, len(players))

    def worth(row: Numbers, coalition: set[int]) -> float:
        return trees.start + sum(expected_score(tree, row, coalition) for tree in trees.trees)

    assert start == pytest.approx(worth(rows[0], set()))
    for row, values in zip(rows, found, strict=True):
        for player in players:
            others, value = players - {player}, 0.0
            for size in range(len(others) + 1):
                weight = factorial(size) * factorial(len(others) - size) / factorial(len(players))
                for chosen in combinations(others, size):
                    gain = worth(row, {*chosen, player}) - worth(row, set(chosen))
                    value += weight * gain
            assert values[player] == pytest.approx(value, abs=1e-12)


def test_with_a_player_per_feature_they_are_those_of_lightgbm() -> None:
    model, (rows, _) = fitted("lightgbm"), invented(3000, seed=3)
    start, found = shapley_values(trees_of(model), rows, np.arange(FEATURES), FEATURES)
    theirs = model.booster_.predict(rows, pred_contrib=True)
    assert start == pytest.approx(theirs[0, -1], rel=1e-12)
    assert found == pytest.approx(theirs[:, :-1], abs=1e-12)


def test_start_and_values_add_up_to_the_logarithm_of_the_prediction(regressor: Any) -> None:
    rows, _ = invented(500, seed=4)
    start, found = shapley_values(trees_of(regressor), rows, PLAYER_OF, 4)
    assert np.exp(start + found.sum(axis=1)) == pytest.approx(regressor.predict(rows), rel=1e-12)


def test_rows_that_differ_in_no_decision_have_equal_values_whatever_their_number() -> None:
    inputs, units = invented(4000, seed=5)
    model = LGBMRegressor(objective="poisson", n_estimators=2, num_leaves=150, verbose=-1)
    trees = trees_of(model.fit(inputs, units))
    assert max((tree.feature != LEAF).sum() for tree in trees.trees) > 2 * 62
    rows, _ = invented(40, seed=6)
    _, alone = shapley_values(trees, rows, PLAYER_OF, 4)
    _, many = shapley_values(trees, np.tile(rows, (3, 1)), PLAYER_OF, 4)
    assert np.array_equal(many, np.tile(alone, (3, 1)))


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_values_of_a_product_add_up_to_it(shares: list[float]) -> None:
    values = product_values(np.array(shares))
    for number in range(2 ** len(shares)):
        known = [number >> player & 1 for player in range(len(shares))]
        assert values[:, number].sum() == pytest.approx(np.prod(known) - np.prod(shares), abs=1e-12)


def test_a_regressor_whose_trees_cannot_be_read_is_refused() -> None:
    inputs, units = invented(300, seed=7)
    with pytest.raises(TreesUnknown, match="found LinearRegression"):
        trees_of(LinearRegression())
    with pytest.raises(TreesUnknown, match="logarithmic link.*found 'regression'"):
        trees_of(LGBMRegressor(n_estimators=2, verbose=-1).fit(inputs, units))
    with pytest.raises(TreesUnknown, match="logarithmic link.*found 'squared_error'"):
        trees_of(HistGradientBoostingRegressor(max_iter=2).fit(inputs, units))
