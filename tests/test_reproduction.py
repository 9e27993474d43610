"""A published version is built again from what its manifest names, or says what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dagster_project.reproduction import CannotReproduce, reproduce
from dagster_project.warehouse import warehouse
from tests.command_line import CUTOFF_ON, meshcast, settings_of

Damage = Callable[[Path], None]


def newest_sales(home: Path) -> Path:
    (file,) = (home / "landing" / "complete_journey" / "sales_events").glob(f"*{CUTOFF_ON}*")
    return file


def change(home: Path) -> None:
    file = newest_sales(home)
    pd.read_parquet(file).assign(quantity=1).to_parquet(file, index=False)


def remove(home: Path) -> None:
    newest_sales(home).unlink()


def forget_model(home: Path) -> None:
    with warehouse(settings_of(home)) as connection:
        connection.execute("delete from state.model_versions")


def test_a_publication_is_reproduced_with_the_same_model_and_rows(home: Path) -> None:
    """Late files come after the training: without them the model would not be the same.

    Today is before all of them, which does not matter to files that were accepted once.
    """
    with warehouse(settings_of(home)) as connection:  # as if the last day had come after it
        connection.execute(
            "update state.landing_files set first_seen_at = now() + interval 1 day"
            " where entity = 'promotions' and path like '%2017-11-13%'"
        )
    ran = meshcast(home, "reproduce", "1", "--json", MESHCAST_TODAY="2017-01-02")
    found = json.loads(ran.stdout)
    assert found["is_identical"] is True
    assert {item["name"] for item in found["comparisons"]} == {
        "model",
        "sales_events_v1",
        "daily_sales_v1",
        "daily_sales_v2",
        "forecast_value_added_v1",
        "likely_stockouts_v1",
        "sales_forecast_v1",
        "sales_forecast_explained_v1",
        "sales_forecast_history_v1",
        "sales_forecast/model/model.skops",
        "sales_forecast/model/model.onnx",
        "sales_forecast/model/predict_units.sql",
        "sales_forecast/model/inputs.parquet",
        "sales_forecast/model/holdout.parquet",
        "sales_forecast_totals_v1",
    }
    for item in found["comparisons"]:
        assert item["published"] == item["reproduced"]
    assert not list((home / "reproduced").iterdir())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change, r"2017-10-13.*expected the bytes with sha256 .* found another content"),
        (remove, r"2017-10-13.*found no such file"),
        (forget_model, r"publication 1: expected model 2017-10-13-.*found none"),
    ],
    ids=["a changed file", "a missing file", "a missing model"],
)
def test_what_is_not_there_any_more_is_named(home: Path, damage: Damage, message: str) -> None:
    damage(home)
    with pytest.raises(CannotReproduce, match=message):
        reproduce(settings_of(home), 1)
    assert not list((home / "reproduced").glob("*"))
