"""A home and its deployment: another source, another scope, a build that did not end."""

from __future__ import annotations

import json
import re
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from dagster_project import models, publishing
from dagster_project.assets.dbt import dbt_build
from dagster_project.assets.forecast import score
from dagster_project.assets.training import forecast_scope
from dagster_project.features import FeaturesUnfinished
from dagster_project.rebuilds import FEATURES
from dagster_project.report import print_summary
from dagster_project.summary import RunSummary
from dagster_project.warehouse import port, warehouse
from tests.command_line import CUTOFF_ON, NEXT_DAY, copy_checkout, meshcast, settings_of
from tests.invented import CATEGORIES, STORES, write_online_retail

PAST_CUTOFF_ON = date(2017, 10, 8)


def ask(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with port(publishing.reader_file(settings_of(home))) as connection:
        return connection.execute(sql).fetchall()


def test_a_source_that_a_home_holds_cannot_be_left_out(home: Path) -> None:
    write_online_retail(home / "landing" / "online_retail" / "sales_events", days=3)
    before = publishing.current_publication(settings_of(home))
    ended = meshcast(home, "run", "--source", "online_retail", "--today", "2011-01-10", expect=1)
    told = " ".join(ended.stderr.split())
    assert "expected complete_journey among them, whose sales this home holds" in told
    assert "found online_retail" in told
    assert "MESHCAST_HOME" in told
    assert publishing.current_publication(settings_of(home)) == before
    lines = "select distinct source from sales_events_accepted"
    with warehouse(settings_of(home), read_only=True) as connection:
        assert connection.execute(lines).fetchall() == [("complete_journey",)]


def test_another_scope_is_forecast_at_once_and_by_a_model_of_its_own(
    home: Path, tmp_path: Path
) -> None:
    before = publishing.current_publication(settings_of(home))
    assert before is not None
    left_out = CATEGORIES[0][0]
    checkout = copy_checkout(tmp_path / "checkout")
    declaration = checkout / "dbt_project/models/staging/complete_journey/complete_journey.yml"
    text = declaration.read_text()
    changed = text.replace("excluded_products: [", f"excluded_products: [{left_out}, ")
    assert changed != text
    declaration.write_text(changed)
    macro = checkout / "dbt_project/macros/feature_levels.sql"
    macro.write_text(macro.read_text() + "{# the SQL of another version #}\n")

    ran = meshcast(home, "run", "--today", str(NEXT_DAY), "--json", checkout=checkout)

    page = json.loads(ran.stdout)
    assert page["rebuilt"] == [FEATURES]
    shown = StringIO()
    print_summary(Console(file=shown), RunSummary(**page))
    assert re.search("rebuilt +features, which other SQL had built", shown.getvalue())
    assert page["cutoff_on"] == str(before.cutoff_on)
    assert page["series_forecast"] == (len(CATEGORIES) - 1) * len(STORES)
    products = {row[0] for row in ask(home, "select distinct product_id from sales_forecast_v1")}
    assert products == {name for name, _, _ in CATEGORIES} - {left_out}
    after = publishing.current_publication(settings_of(home))
    assert after is not None
    assert after.model_version != before.model_version
    with warehouse(settings_of(home), read_only=True) as connection:
        old, new = models.records(connection)
    assert old.scope != new.scope
    assert (old.is_champion, new.is_champion) == (False, True)
    assert any("none to compare with" in reason for reason in new.reasons)


def test_nothing_is_made_from_features_of_a_build_that_did_not_end(home: Path) -> None:
    settings = settings_of(home)
    with duckdb.connect(str(settings.warehouse_file)) as connection:
        origins = connection.execute("select count(*) from forecast_origins").fetchall()[0][0]
        built = "select count(*) from features_built"
        assert connection.execute(built).fetchall() == [(origins,)]
        connection.execute("update features_built set files = 'other files'")
    dbt_build(settings, select="origins_to_build")
    with warehouse(settings) as connection:
        assert connection.execute(built).fetchall() == [(0,)]
        with pytest.raises(FeaturesUnfinished, match=f"found {origins} not built"):
            score(connection, forecast_scope(settings), CUTOFF_ON)
    ended = meshcast(home, "backtest", expect=1)
    assert "the last dbt build stopped before" in " ".join(ended.stderr.split())
