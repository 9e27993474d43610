"""The tables that people read in Dagster."""

from __future__ import annotations

import pandas as pd
import pytest

from dagster_project.assets.evidence import interval_table, ladder_table, markdown_table
from dagster_project.forecasting.value_added import ERRORS, VALUE_ADDED


def test_the_interval_table_shows_each_slice_at_its_worst_and_every_kind_of_total() -> None:
    scores = {
        ("overall", "all"): {
            "coverage_80": 0.9,
            "pit_80": 0.8,
            "zeros": 0.6,
            "wape_category_totals": 0.3,
            "coverage_80_category_totals": 0.84,
            "coverage_95_category_totals": 0.95,
            "coverage_80_category_horizon_totals": 0.7,
        },
        ("store", "1"): {"pit_80": 0.79},
        ("store", "2"): {"pit_80": 0.74, "coverage_80": 0.85},
        ("category", "milk"): {"pit_80": 0.83},
    }
    table = pd.DataFrame(
        [
            ("published", cutoff, name, value, metric, score)
            for (name, value), found in scores.items()
            for metric, score in found.items()
            for cutoff in (pd.Timestamp("2017-03-05"), pd.NaT)
        ],
        columns=["method", "cutoff_on", "slice", "slice_value", "metric", "score"],
    )
    found = interval_table(pd.concat([table, table.assign(method="model", score=9.0)]))
    rows = found.set_index("of")
    assert rows.index.tolist()[:4] == [
        "series and days",
        "worst store: 2",
        "worst category: milk",
        "category totals",
    ]
    assert rows.loc["series and days", "no sale"] == pytest.approx(0.6)
    assert rows.loc["worst store: 2", "80 %"] == pytest.approx(0.85)
    assert rows.loc["category totals", ["80 %", "95 %", "PIT"]].tolist() == [0.84, 0.95, ""]
    assert rows.loc["category horizon totals", "80 %"] == pytest.approx(0.7)
    assert "| category totals | 0.840 |" in markdown_table(found)


def test_the_ladder_is_shown_over_all_series_from_the_simplest_rung_up() -> None:
    rungs = ("naive", "model")
    table = pd.DataFrame(
        [
            (name, rung, 56, 0.9, 1.5, 0.8, 0.1, gain, -0.1, 0.3)
            for name in ("series", "overall")
            for rung, gain in zip(rungs, (float("nan"), 0.25), strict=True)
        ],
        columns=["slice", "rung", "days", *ERRORS, *VALUE_ADDED],
    )
    shown = str(ladder_table(table).value).splitlines()
    assert shown[0].startswith("| rung | rmsse | mae | wape | bias | value_added |")
    assert shown[2:] == [
        "| naive | 0.900 | 1.500 | 0.800 | 0.100 |  | -0.100 | 0.300 |",
        "| model | 0.900 | 1.500 | 0.800 | 0.100 | 0.250 | -0.100 | 0.300 |",
    ]
