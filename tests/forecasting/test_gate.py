"""Each rule of the gate, kept and broken."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from dagster_project.forecasting.backtest import Backtest
from dagster_project.forecasting.gate import GateThresholds, Verdict, judge
from dagster_project.forecasting.scores import COLUMNS, pool

LIMITS = GateThresholds()
CUTOFFS = ("2017-09-10", "2017-10-08")


@pytest.fixture
def scores() -> Callable[..., pd.DataFrame]:
    """A table in which the baseline scores 1 everywhere and the published forecast 0.8."""

    def make(
        changes: dict[tuple[str, str, str], float] | None = None,
        cutoffs: tuple[str, ...] = CUTOFFS,
        baseline: float = 1.0,
        observations: int = 1000,
    ) -> pd.DataFrame:
        records = []
        for name, value in [
            ("overall", "all"),
            ("volume", "low"),
            ("category", "milk"),
            ("category", "bread"),
            ("horizon_week", "1"),
            ("store", "47"),
        ]:
            for metric in ("rmsse", "wape_category_totals"):
                published = (changes or {}).get((name, value, metric), 0.8)
                for cutoff in cutoffs:
                    key = (pd.Timestamp(cutoff), name, value, metric)
                    records.append(("baseline", *key, baseline, observations))
                    records.append(("published", *key, published * baseline, observations))
        return pool(pd.DataFrame(records, columns=COLUMNS))

    return make


def _failed(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons if not reason.passed]


def test_a_better_forecast_passes_and_every_rule_is_listed(
    scores: Callable[..., pd.DataFrame],
) -> None:
    verdict = judge(scores(), None, LIMITS)
    assert verdict.passed
    assert verdict.outcome == "passed"
    lines = [str(reason) for reason in verdict.reasons]
    assert lines[0] == (
        "passed: RMSSE at the forecast grain, ratio to the baseline: 0.800, limit below 1.000"
    )
    rules = " ".join(lines)
    for rule in ("WAPE of category totals", "champion", "volume", "category", "horizon_week"):
        assert rule in rules
    assert len(lines) == 7


@pytest.mark.parametrize("metric", ["rmsse", "wape_category_totals"])
@pytest.mark.parametrize("score", [1.0, 1.2, float("nan")])
def test_what_does_not_beat_the_baseline_fails(
    scores: Callable[..., pd.DataFrame], metric: str, score: float
) -> None:
    verdict = judge(scores({("overall", "all", metric): score}), None, LIMITS)
    assert not verdict.passed
    assert len(_failed(verdict)) == 1
    assert "ratio to the baseline" in _failed(verdict)[0]


def test_a_slice_that_loses_fails_with_its_name(scores: Callable[..., pd.DataFrame]) -> None:
    verdict = judge(scores({("category", "bread", "rmsse"): 1.06}), None, LIMITS)
    assert _failed(verdict) == ["RMSSE by category, ratio to the baseline: bread"]
    assert judge(scores({("category", "bread", "rmsse"): 1.04}), None, LIMITS).passed


def test_stores_are_judged_more_leniently(scores: Callable[..., pd.DataFrame]) -> None:
    assert judge(scores({("store", "47", "rmsse"): 1.2}), None, LIMITS).passed
    verdict = judge(scores({("store", "47", "rmsse"): 1.3}), None, LIMITS)
    assert _failed(verdict) == ["RMSSE by store, ratio to the baseline: 47"]


def test_a_slice_with_few_observations_is_not_judged(scores: Callable[..., pd.DataFrame]) -> None:
    losing = {("category", "bread", "rmsse"): 5.0}
    assert not judge(scores(losing, observations=250), None, LIMITS).passed
    assert judge(scores(losing, observations=249), None, LIMITS).passed


def test_what_is_not_judged_says_so_and_shows_no_figure(
    scores: Callable[..., pd.DataFrame],
) -> None:
    lines = [str(reason) for reason in judge(scores(observations=249), None, LIMITS).reasons]
    assert "not judged: ratio to the champion: there is none to compare with" in lines
    assert "not judged: RMSSE by store, ratio to the baseline: none has 500 series days" in lines


@pytest.mark.parametrize("name", ["category", "store"])
def test_a_slice_whose_figure_cannot_be_computed_fails(
    scores: Callable[..., pd.DataFrame], name: str
) -> None:
    value = {"category": "bread", "store": "47"}[name]
    verdict = judge(scores({(name, value, "rmsse"): float("nan")}), None, LIMITS)
    assert _failed(verdict) == [f"RMSSE by {name}, ratio to the baseline: {value}"]


def test_no_worse_than_the_champion_on_the_origins_they_share(
    scores: Callable[..., pd.DataFrame],
) -> None:
    better_once = scores({("overall", "all", "rmsse"): 0.7}, cutoffs=("2017-08-13",))
    shared = scores({("overall", "all", "rmsse"): 0.79}, cutoffs=("2017-10-08",))
    champion = pool(pd.concat([t.dropna(subset="cutoff_on") for t in (better_once, shared)]))
    verdict = judge(scores(), champion, LIMITS)
    assert verdict.passed, "0.80 against 0.79 on the shared origin is within two percent"
    assert any("on 1 shared origins" in reason.rule for reason in verdict.reasons)
    ahead = scores({("overall", "all", "rmsse"): 0.78}, cutoffs=("2017-10-08",))
    assert _failed(judge(scores(), ahead, LIMITS)) == [
        "RMSSE at the forecast grain, ratio to the champion on 1 shared origins"
    ]


def test_origins_that_only_tell_the_age_of_a_model_are_not_shared_ones(
    scores: Callable[..., pd.DataFrame],
) -> None:
    between = pd.DataFrame(
        [("model", pd.Timestamp("2017-09-24"), "model_age", "2", "rmsse", 0.8, 1000)],
        columns=COLUMNS,
    )
    challenger, champion = (
        pd.concat([scores(cutoffs=(cutoff,)), between], ignore_index=True)
        for cutoff in ("2017-10-08", "2017-09-10")
    )
    verdict = judge(challenger, champion, LIMITS)
    assert verdict.passed
    assert sum("no shared origin" in reason.rule for reason in verdict.reasons) == 2


def test_without_shared_origins_skill_against_the_baseline_is_compared(
    scores: Callable[..., pd.DataFrame],
) -> None:
    easier = scores(cutoffs=("2017-03-05",), baseline=0.5)
    assert judge(scores(), easier, LIMITS).passed
    skilled = scores({("overall", "all", "rmsse"): 0.7}, cutoffs=("2017-03-05",), baseline=0.5)
    verdict = judge(scores(), skilled, LIMITS)
    assert len(_failed(verdict)) == 1
    assert "no shared origin" in _failed(verdict)[0]


def test_scores_read_back_from_a_database_are_judged_alike(
    scores: Callable[..., pd.DataFrame],
) -> None:
    stored = scores()
    stored["cutoff_on"] = stored["cutoff_on"].astype("datetime64[s]")
    assert judge(scores(), stored, LIMITS).reasons == judge(scores(), scores(), LIMITS).reasons


def test_the_invented_history_passes_its_gate(backtest: Backtest) -> None:
    verdict = judge(backtest.scores, backtest.scores, LIMITS)
    assert verdict.passed, [str(reason) for reason in verdict.reasons]
