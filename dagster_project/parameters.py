"""How a model is fitted, as data: a source declares under `forecast: model:` what differs."""

from __future__ import annotations

from dataclasses import dataclass

LIGHTGBM = "lightgbm"
HIST_GRADIENT_BOOSTING = "hist_gradient_boosting"
ESTIMATORS = {LIGHTGBM: ("tweedie", "poisson"), HIST_GRADIENT_BOOSTING: ("poisson",)}
"""Losses that each estimator knows."""


@dataclass(frozen=True)
class Parameters:
    """How a model is fitted; docs/decisions/0014 tells how the defaults were chosen.

    Attributes:
        estimator: lightgbm (LGBMRegressor) or hist_gradient_boosting (scikit-learn's).
        loss: tweedie or poisson; HistGradientBoostingRegressor knows poisson alone.
        tweedie_power: variance power of the Tweedie loss, between 1 (Poisson) and 2 (gamma).
        learning_rate: shrinkage of each tree.
        iterations: number of trees.
        leaves: most leaves of a tree.
        min_samples_leaf: fewest rows in a leaf.
        l2: L2 regularisation of leaf values.
        max_bins: histogram bins per feature.
        feature_share: share of the features that a tree (of scikit-learn: a node) may use.
        row_share: share of the rows that a tree sees; lightgbm only.
        max_training_rows: cap of the sample of as-of rows.
        scale_column: what units are divided by before the fit: units per day, as of the cutoff.
        scale_floor: least scale, in units per day, so that a sleeping series can wake up.
        members: models whose mean is forecast, each with a seed of its own.
        seed: seed of the sample and of the first member.
    """

    estimator: str = LIGHTGBM
    loss: str = "tweedie"
    tweedie_power: float = 1.3
    learning_rate: float = 0.1
    iterations: int = 120
    leaves: int = 31
    min_samples_leaf: int = 100
    l2: float = 1.0
    max_bins: int = 127
    feature_share: float = 0.8
    row_share: float = 0.7
    max_training_rows: int = 300_000
    scale_column: str = "f_mean_56"
    scale_floor: float = 0.05
    members: int = 1
    seed: int = 20171231

    def __post_init__(self) -> None:
        """Refuse what no estimator could be fitted with.

        Raises:
            ValueError: an unknown estimator, a loss it does not know, or a number out of range.
        """
        if self.estimator not in ESTIMATORS:
            raise ValueError(
                f"estimator: expected {' or '.join(ESTIMATORS)}, found {self.estimator!r}"
            )
        if self.loss not in ESTIMATORS[self.estimator]:
            raise ValueError(
                f"loss: expected {' or '.join(ESTIMATORS[self.estimator])} for "
                f"{self.estimator}, found {self.loss!r}"
            )
        for name, lowest, highest in (
            ("tweedie_power", 1.0, 1.99),
            ("learning_rate", 1e-4, 1.0),
            ("iterations", 1, 10_000),
            ("leaves", 2, 4096),
            ("min_samples_leaf", 1, 1_000_000),
            ("l2", 0.0, 1e6),
            ("max_bins", 2, 255),
            ("feature_share", 0.01, 1.0),
            ("row_share", 0.01, 1.0),
            ("max_training_rows", 1, 1_000_000_000),
            ("scale_floor", 1e-9, 1e9),
            ("members", 1, 20),
        ):
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ValueError(f"{name}: expected {lowest} to {highest}, found {value!r}")
