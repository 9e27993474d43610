"""The gate a model passes before it may be published: rules, figures, limits and reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"

METRICS = {
    "rmsse": "RMSSE at the forecast grain",
    "wape_category_totals": "WAPE of category totals",
}
"""Judged together: at a sparse grain WAPE alone rewards a forecast of nothing."""


@dataclass(frozen=True)
class GateThresholds:
    """Declared limits of the gate.

    Attributes:
        baseline_ratio: published error / baseline error must be below it, overall.
        champion_tolerance: share by which the error may exceed the champion's.
        slice_ratio: published RMSSE / baseline RMSSE, at most, per volume, category, horizon week.
        store_ratio: the same per store, which is smaller and noisier.
        min_observations: series days that a slice value needs in order to be judged.
    """

    baseline_ratio: float = 1.0
    champion_tolerance: float = 0.02
    slice_ratio: float = 1.05
    store_ratio: float = 1.25
    min_observations: int = 500


@dataclass(frozen=True)
class Reason:
    """One rule with its figure, its limit and the outcome.

    Attributes:
        rule: what is compared.
        figure: the ratio found, NaN when it cannot be computed; None: there is nothing to judge.
        limit: what it is held against, in words.
        passed: whether it holds, or there is nothing to judge.
    """

    rule: str
    figure: float | None
    limit: str
    passed: bool

    @property
    def outcome(self) -> str:
        """`passed`, `failed` or `not judged`."""
        if self.figure is None:
            return NOT_JUDGED
        return PASSED if self.passed else FAILED

    def __str__(self) -> str:
        """One line for a person: outcome, rule, figure, limit."""
        told = f"{self.outcome}: {self.rule}"
        return told if self.figure is None else f"{told}: {self.figure:.3f}, limit {self.limit}"


@dataclass(frozen=True)
class Verdict:
    """The outcome of the gate with every rule that led to it."""

    passed: bool
    reasons: tuple[Reason, ...]

    @property
    def outcome(self) -> str:
        """`passed` or `failed`."""
        return PASSED if self.passed else FAILED


def judge(
    scores: pd.DataFrame, champion_scores: pd.DataFrame | None, thresholds: GateThresholds
) -> Verdict:
    """Hold backtest scores against the baseline, the champion and every slice.

    What is judged is the method `published`: the model with its fallbacks. A figure that cannot be
    computed fails its rule.

    Args:
        scores: the challenger's score table.
        champion_scores: the live champion's, or None when there is none.
        thresholds: declared limits.

    Returns:
        The verdict; a slice that holds gives one reason with its worst value, a slice that fails
        one for each failing value.
    """
    reasons = [
        *_against_baseline(scores, thresholds),
        *_against_champion(scores, champion_scores, thresholds),
        *_slices(scores, thresholds),
    ]
    return Verdict(all(reason.passed for reason in reasons), tuple(reasons))


def _against_baseline(scores: pd.DataFrame, thresholds: GateThresholds) -> Iterator[Reason]:
    for metric, name in METRICS.items():
        ratio = _ratio(_overall(scores, "published", metric), _overall(scores, "baseline", metric))
        yield Reason(
            f"{name}, ratio to the baseline",
            ratio,
            f"below {thresholds.baseline_ratio:.3f}",
            ratio < thresholds.baseline_ratio,
        )


def _against_champion(
    scores: pd.DataFrame, champion: pd.DataFrame | None, thresholds: GateThresholds
) -> Iterator[Reason]:
    limit = 1 + thresholds.champion_tolerance
    if champion is None:
        yield Reason("ratio to the champion: there is none to compare with", None, "", True)
        return
    shared = _cutoffs(scores) & _cutoffs(champion)
    for metric, name in METRICS.items():
        if shared:
            rule = f"{name}, ratio to the champion on {len(shared)} shared origins"
            ratio = _ratio(
                _overall(scores, "published", metric, shared),
                _overall(champion, "published", metric, shared),
            )
        else:
            rule = f"{name} against the baseline, ratio to the champion's (no shared origin)"
            ratio = _ratio(
                _ratio(_overall(scores, "published", metric), _overall(scores, "baseline", metric)),
                _ratio(
                    _overall(champion, "published", metric), _overall(champion, "baseline", metric)
                ),
            )
        yield Reason(rule, ratio, f"at most {limit:.3f}", ratio <= limit)


def _slices(scores: pd.DataFrame, thresholds: GateThresholds) -> Iterator[Reason]:
    limits = {
        "volume": thresholds.slice_ratio,
        "category": thresholds.slice_ratio,
        "horizon_week": thresholds.slice_ratio,
        "store": thresholds.store_ratio,
    }
    pooled = scores[scores["cutoff_on"].isna() & (scores["metric"] == "rmsse")]
    for name, limit in limits.items():
        of_slice = pooled[pooled["slice"] == name].set_index(["slice_value"])
        published = of_slice[of_slice["method"] == "published"]
        baseline = of_slice.loc[of_slice["method"] == "baseline", "score"]
        judged = published[published["observations"] >= thresholds.min_observations]
        ratios = judged["score"] / baseline.reindex(judged.index)
        failing = ratios[~(ratios <= limit)]  # NaN fails
        rule = f"RMSSE by {name}, ratio to the baseline"
        for value, ratio in failing.items():
            yield Reason(f"{rule}: {value}", float(ratio), f"at most {limit:.3f}", False)
        if ratios.empty:
            fewest = f"none has {thresholds.min_observations} series days"
            yield Reason(f"{rule}: {fewest}", None, "", True)
        elif failing.empty:
            worst = f"{rule}, worst of {len(ratios)}: {ratios.idxmax()}"
            yield Reason(worst, float(ratios.max()), f"at most {limit:.3f}", True)


def _cutoffs(scores: pd.DataFrame) -> set[pd.Timestamp]:
    overall = scores.loc[scores["slice"] == "overall", "cutoff_on"]
    return set(pd.to_datetime(overall.dropna()))


def _overall(
    scores: pd.DataFrame, method: str, metric: str, cutoffs: set[pd.Timestamp] | None = None
) -> float:
    """Overall score: the pooled one, or the mean over the named cutoffs."""
    chosen = scores[
        (scores["method"] == method) & (scores["metric"] == metric) & (scores["slice"] == "overall")
    ]
    cutoff_on = pd.to_datetime(chosen["cutoff_on"])
    at = cutoff_on.isna() if cutoffs is None else cutoff_on.isin(list(cutoffs))
    return float(chosen.loc[at, "score"].mean())


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")
