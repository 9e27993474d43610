"""Shapley values of a sum of trees for groups of features: how much each moves a raw score.

The game is that of TreeSHAP with path-dependent expectations (Lundberg et al., 2020): a coalition's
worth is the expected score when its features are known; at a node that asks for another feature
both sides count, weighted with the training rows that went there. Here a whole group of features
is one player (Jullum et al., 2021), so the values are exact for the group and not a sum of those of
its features; with one feature per group they are TreeSHAP's. Nulls are values like others: they go
where the tree sends them.

A leaf is worth its value times one factor per player p: whether the row meets the conditions of p
on the way to the leaf (o_p, 0 or 1) where p is known, else the share of training rows that meet
them (z_p). The Shapley value of p in such a product is (Owen, 1972)

    value x (o_p - z_p) x integral from 0 to 1 of prod over q != p of (t o_q + (1 - t) z_q) dt

and a Gauss-Legendre rule of n nodes is exact for 2 n players. It is computed once for every
combination of o, and looked up for the rows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.forecasting.metrics import Codes, Numbers
from dagster_project.forecasting.trees import LEAF, Tree, Trees

BITS = 62
"""Decisions that fit into one integer, by which rows that a tree treats alike are found."""

CHUNK_ROWS = 65_536
"""Rows at a time: 30 decisions of each are 2 MB."""


def shapley_values(
    trees: Trees, inputs: Numbers, player_of: Codes, players: int
) -> tuple[float, Numbers]:
    """Expected raw score, and by how much each player moves it from there for each row.

    Args:
        trees: of a fitted regressor.
        inputs: what it reads, shape (rows, features), NaN is null.
        player_of: player of each feature, shape (features,), from 0 to players - 1.
        players: number of players.

    Returns:
        The raw score when nothing is known, and an array of shape (rows, players); the first plus
        the sum of a row is the row's raw score.
    """
    columns = np.ascontiguousarray(inputs.T)
    values = np.zeros((len(inputs), players))
    expected = trees.start
    for tree in trees.trees:
        expected += _expected(tree)
        if tree.feature[0] == LEAF:
            continue
        for first in range(0, len(inputs), CHUNK_ROWS):
            part = slice(first, first + CHUNK_ROWS)
            decided = tree.decisions(columns[:, part])
            kinds, representatives = _alike(decided[tree.feature != LEAF])
            found = _of_tree(tree, decided[:, representatives], player_of, players)
            values[part] += np.ascontiguousarray(found.T)[kinds]
    return expected, values


def _expected(tree: Tree) -> float:
    """Mean of the leaves, weighted with the shares of training rows on the way to them."""
    mean = tree.value.copy()
    for node in range(len(tree.feature) - 1, -1, -1):  # children before their parent
        if tree.feature[node] != LEAF:
            left, right = tree.left[node], tree.right[node]
            share = _share(tree, int(node), goes_left=True)
            mean[node] = share * mean[left] + (1 - share) * mean[right]
    return float(mean[0])


def _share(tree: Tree, node: int, *, goes_left: bool) -> float:
    child = tree.left[node] if goes_left else tree.right[node]
    return float(tree.cover[child] / tree.cover[node])


def _alike(decided: npt.NDArray[np.bool_]) -> tuple[Codes, Codes]:
    """Number of the kind of each row, and one row of each kind; alike means equal decisions.

    A forecast has many rows per series, and few of them differ at the nodes of one tree.
    """
    kinds = np.zeros(decided.shape[1], dtype=np.int64)
    count = 1
    while len(decided):
        room = BITS - (count - 1).bit_length()
        code = kinds
        for decision in decided[:room]:
            code = (code << 1) | decision
        kinds, known = pd.factorize(code)
        count, decided = len(known), decided[room:]
    representatives = np.zeros(count, dtype=np.int64)
    representatives[kinds] = np.arange(len(kinds))
    return kinds, representatives


def _of_tree(tree: Tree, decided: npt.NDArray[np.bool_], player_of: Codes, players: int) -> Numbers:
    """Values of one tree for rows whose decisions are given, shape (players, rows)."""
    values = np.zeros((players, decided.shape[1]))
    undecided = ~decided
    for leaf, way in tree.paths():
        met: dict[int, npt.NDArray[np.bool_]] = {}
        shares: dict[int, float] = {}
        for node, goes_left in way:
            player = int(player_of[tree.feature[node]])
            step = decided[node] if goes_left else undecided[node]
            met[player] = met[player] & step if player in met else step
            share = _share(tree, node, goes_left=goes_left)
            shares[player] = shares.get(player, 1.0) * share
        code = np.zeros(decided.shape[1], dtype=np.intp)
        for position, step in enumerate(met.values()):
            code |= step.astype(np.intp) << position
        table = tree.value[leaf] * product_values(np.array(list(shares.values())))
        for position, player in enumerate(met):
            values[player] += table[position][code]
    return values


def product_values(shares: Numbers) -> Numbers:
    """Shapley values of the game whose worth is a product of one factor per player.

    Args:
        shares: z, the factor of a player that is not known, shape (players,).

    Returns:
        Shape (players, 2 ** players): for every combination of o, the factors of known players;
        bit p of the column's number is o of player p.
    """
    players = len(shares)
    known = (np.arange(2**players) >> np.arange(players)[:, np.newaxis] & 1).astype(np.float64)
    factors = [at * known + (1 - at) * shares[:, np.newaxis] for at, _ in _rule(players)]
    values = np.empty_like(known)
    for player in range(players):
        others = np.arange(players) != player
        integral = sum(
            weight * factor[others].prod(axis=0)
            for factor, (_, weight) in zip(factors, _rule(players), strict=True)
        )
        values[player] = (known[player] - shares[player]) * integral
    return values


@cache
def _rule(players: int) -> list[tuple[float, float]]:
    """Nodes and weights on 0 to 1 that integrate a product of all players but one exactly."""
    nodes, weights = np.polynomial.legendre.leggauss((players + 1) // 2)
    return [
        (float(at + 1) / 2, float(weight) / 2) for at, weight in zip(nodes, weights, strict=True)
    ]
