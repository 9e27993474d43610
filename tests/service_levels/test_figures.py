import math
from dataclasses import replace
from datetime import date

import pytest

from dagster_project.service_levels import figures
from dagster_project.service_levels.figures import ForecastOutcome

TODAY = date(2018, 1, 1)

OUTCOME = ForecastOutcome(
    days=7, rows=10, units=20, error=8, naive_error=16, difference=-3, inside_80=8, inside_95=9
)


def test_freshness_counts_days_to_today_and_tells_nothing_of_an_empty_table() -> None:
    assert figures.freshness(date(2017, 12, 30), TODAY).value == 2
    assert figures.freshness(None, TODAY).value is None


def test_the_share_found_counts_only_what_was_expected_and_names_the_first_missing() -> None:
    found = figures.share_found([1, 2, 3, 4], [2, 3, 4, 9], "days")

    assert found.value == 0.75
    assert found.note == "missing of 4 days: 1, first 1"
    assert figures.share_found([], [1], "days").value is None


@pytest.mark.parametrize(("rows", "factor"), [(10, 1), (20, 2), (5, 2), (0, 11)])
def test_the_volume_is_told_as_times_more_or_less_than_the_median(rows: int, factor: int) -> None:
    assert figures.volume(rows, [9, 10, 10, 300], "days").value == factor


def test_what_is_usual_is_unknown_before_four() -> None:
    assert figures.volume(10, [10, 10, 10], "days").value is None


def test_a_lost_or_retyped_column_counts_and_a_new_one_does_not() -> None:
    before = {"a": "INTEGER", "b": "DATE", "c": "VARCHAR"}

    found = figures.columns_lost(before, {"a": "INTEGER", "b": "VARCHAR", "d": "DATE"})

    assert found.value == 2
    assert found.note == "lost or of another type: b, c"
    assert figures.columns_lost(before, before).value == 0
    assert figures.columns_lost(None, before).value is None


def test_retention_reaches_back_to_the_last_publication_that_is_gone() -> None:
    superseded = {1: date(2017, 1, 1), 2: date(2017, 12, 1), 3: date(2017, 12, 30)}

    assert figures.retention(superseded, [1, 2, 3, 4], TODAY).value == math.inf
    assert figures.retention(superseded, [2, 3, 4], TODAY).value == 365
    assert figures.retention(superseded, [1, 4], TODAY).value == 2


def test_p95_is_the_slowest_of_a_few_and_the_19th_of_twenty() -> None:
    assert figures.p95([3, 1, 2]) == 3
    assert figures.p95(list(range(1, 21))) == 19


def test_a_served_forecast_is_judged_from_a_whole_week_on() -> None:
    assert OUTCOME.error_against_naive().value == 0.5
    assert OUTCOME.bias().value == pytest.approx(-0.15)
    assert OUTCOME.coverage(80).value == 0.8
    assert OUTCOME.coverage(95).value == 0.9

    early = replace(OUTCOME, days=6)
    assert early.bias().value is None
    assert "so far 6" in str(early.bias().note)
    assert replace(OUTCOME, naive_error=0).error_against_naive().value is None
