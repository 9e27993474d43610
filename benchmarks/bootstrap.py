"""Is a difference between two methods more than chance? A paired bootstrap in two stages.

Errors of days that follow each other, and of series on the same day, go together. So origins are
drawn, and in each drawn origin whole weeks of target days, for all series at once and for both
methods the same (two-stage and block bootstrap, Davison and Hinkley, 1997, 3.8, and Kuensch, 1989;
paired as in Diebold and Mariano, 1995). With few origins the interval is rather too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dagster_project.forecasting.metrics import Numbers

SAMPLES = 2_000
SEED = 20160522


@dataclass(frozen=True)
class Measured:
    """A score at one origin, taken apart by week so that weeks can be drawn again.

    The score is sum_u w_u f(sum_b parts / sum_b sizes), over units u (series, or a single one for
    a ratio of totals) and blocks b, divided by the weights of the units that have a size. f is the
    square root or nothing.

    Attributes:
        parts: shape (blocks, units), such as squared errors.
        sizes: shape (blocks, units), such as days.
        weights: shape (units,).
        is_root: whether f is the square root.
    """

    parts: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]
    weights: Numbers
    is_root: bool = False

    def scores(self, drawn: npt.NDArray[np.float64]) -> Numbers:
        """Score of each sample.

        Args:
            drawn: how often each block is drawn, shape (samples, blocks).
        """
        parts, sizes = drawn @ self.parts, drawn @ self.sizes
        counted = sizes > 0
        ratio = np.divide(parts, sizes, out=np.zeros_like(parts), where=counted)
        values = np.sqrt(ratio) if self.is_root else ratio
        total = counted @ self.weights
        scores = np.full(len(drawn), np.nan)
        np.divide(values @ self.weights, total, out=scores, where=total > 0)
        return scores


@dataclass(frozen=True)
class Difference:
    """Score of another method less ours, mean over origins, with a 95 % interval."""

    mean: float
    lower: float
    upper: float


def paired_difference(
    ours: Sequence[Measured],
    other: Sequence[Measured],
    *,
    samples: int = SAMPLES,
    seed: int = SEED,
) -> Difference:
    """Difference of the mean score over origins, other less ours, with its bootstrap interval.

    A sample draws as many origins as there are, with replacement, and anew for each of them as many
    of its weeks as it has.

    Args:
        ours: one score per origin.
        other: the same origins and blocks.
        samples: bootstrap samples.
        seed: of the draws.

    Raises:
        ValueError: the two do not have the same origins or weeks.
    """
    if [one.parts.shape[0] for one in ours] != [one.parts.shape[0] for one in other]:
        raise ValueError(
            "paired_difference: expected the same origins and weeks of both methods, found "
            f"{[one.parts.shape[0] for one in ours]} and {[one.parts.shape[0] for one in other]} "
            "weeks. Score both on the same rows."
        )
    generator = np.random.default_rng(seed)
    origins = generator.integers(len(ours), size=(samples, len(ours)))
    observed, drawn = 0.0, np.zeros(samples)
    for number, (mine, theirs) in enumerate(zip(ours, other, strict=True)):
        blocks = mine.parts.shape[0]
        once = np.ones((1, blocks))
        observed += (theirs.scores(once) - mine.scores(once)).item() / len(ours)
        sample = np.nonzero(origins == number)[0]  # one of them per time the origin is drawn
        counts = generator.multinomial(blocks, np.full(blocks, 1 / blocks), len(sample))
        draws = counts.astype(np.float64)
        np.add.at(drawn, sample, (theirs.scores(draws) - mine.scores(draws)) / len(ours))
    lower, upper = np.nanquantile(drawn, [0.025, 0.975])
    return Difference(observed, float(lower), float(upper))
