"""The bootstrap against scores computed the plain way, and against what is known of chance."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.bootstrap import Measured, paired_difference


def invented(seed: int, *, blocks: int = 4, units: int = 3, is_root: bool = True) -> Measured:
    generator = np.random.default_rng(seed)
    sizes = generator.integers(0, 8, (blocks, units)).astype(float)
    sizes[:, 0] = 7
    parts = generator.gamma(2, 1, (blocks, units)) * sizes
    return Measured(parts, sizes, generator.uniform(0.1, 1, units), is_root)


@pytest.mark.parametrize("is_root", [True, False])
@pytest.mark.parametrize("draw", [[1, 1, 1, 1], [2, 0, 1, 1], [4, 0, 0, 0]])
def test_a_drawn_score_is_that_of_the_drawn_weeks(draw: list[int], is_root: bool) -> None:
    one = invented(5, is_root=is_root)
    score = weight = 0.0
    for unit in range(one.parts.shape[1]):
        part = size = 0.0
        for block, times in enumerate(draw):
            for _ in range(times):
                part += one.parts[block, unit]
                size += one.sizes[block, unit]
        if size:
            ratio = part / size
            score += one.weights[unit] * (ratio**0.5 if is_root else ratio)
            weight += one.weights[unit]
    assert one.scores(np.array([draw], dtype=float)).item() == pytest.approx(score / weight)


def test_a_method_does_not_differ_from_itself() -> None:
    origins = [invented(seed) for seed in range(6)]
    found = paired_difference(origins, origins)
    assert (found.mean, found.lower, found.upper) == (0.0, 0.0, 0.0)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    ours, other = [invented(1), invented(2)], [invented(3), invented(4)]
    found = paired_difference(ours, other, seed=1)
    assert found == paired_difference(ours, other, seed=1)
    assert found != paired_difference(ours, other, seed=2)
    assert found.lower <= found.mean <= found.upper


def test_a_difference_that_is_the_same_in_every_week_is_certain() -> None:
    ours = [Measured(np.full((4, 1), 7.0), np.full((4, 1), 7.0), np.ones(1))]
    other = [Measured(np.full((4, 1), 14.0), np.full((4, 1), 7.0), np.ones(1))]
    found = paired_difference(ours, other)
    assert (found.mean, found.lower, found.upper) == (1.0, 1.0, 1.0)


def test_pairing_takes_away_what_both_methods_share() -> None:
    generator = np.random.default_rng(8)
    weeks = generator.gamma(1, 10, (6, 4, 1))
    sizes = np.full((4, 1), 7.0)
    ours = [Measured(week * 7, sizes, np.ones(1)) for week in weeks]
    other = [Measured((week + 1) * 7, sizes, np.ones(1)) for week in weeks]
    shuffled = [Measured((week + 1) * 7, sizes, np.ones(1)) for week in weeks[::-1]]
    paired, unpaired = paired_difference(ours, other), paired_difference(ours, shuffled)
    assert paired.upper - paired.lower < 1e-9
    assert unpaired.upper - unpaired.lower > 1
    assert paired.mean == pytest.approx(1)


def slow_samples(ours: list[Measured], other: list[Measured], samples: int) -> list[float]:
    """Differences of drawn origins and weeks, one at a time."""
    chance = random.Random(4)
    found = []
    for _ in range(samples):
        total = 0.0
        for _ in ours:
            origin = chance.randrange(len(ours))
            weeks = ours[origin].parts.shape[0]
            draw = np.zeros((1, weeks))
            for _ in range(weeks):
                draw[0, chance.randrange(weeks)] += 1
            total += (other[origin].scores(draw) - ours[origin].scores(draw)).item()
        found.append(total / len(ours))
    return found


def test_the_interval_is_that_of_a_slow_loop_over_origins_and_weeks() -> None:
    ours = [invented(seed) for seed in range(4)]
    other = [invented(10 + seed) for seed in range(4)]
    found = paired_difference(ours, other, samples=20_000)
    lower, upper = np.quantile(slow_samples(ours, other, 4_000), [0.025, 0.975])
    width = upper - lower
    assert width > 0.1
    assert found.lower == pytest.approx(lower, abs=0.05 * width)
    assert found.upper == pytest.approx(upper, abs=0.05 * width)


def test_origins_are_drawn_too() -> None:
    sizes = np.full((4, 1), 7.0)
    ours = [Measured(np.zeros((4, 1)), sizes, np.ones(1))] * 4
    other = [Measured(sizes * level, sizes, np.ones(1)) for level in (0.0, 1.0, 2.0, 3.0)]
    found = paired_difference(ours, other)  # every week of an origin says the same
    assert found.mean == 1.5 and found.lower < 0.8 and found.upper > 2.2


def test_methods_scored_on_other_weeks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same origins and weeks .* \[4\] and \[6\]"):
        paired_difference([invented(1)], [invented(1, blocks=6)])
