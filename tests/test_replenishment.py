"""The second domain builds from what is published, whatever ours does, and keeps its promise."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from dagster_project import publishing
from dagster_project.contracts.expectations import read_files
from dagster_project.contracts.product import read_products
from dagster_project.publishing.manifest import write_manifests
from dagster_project.publishing.port_file import forecast_interval_macro, write_port_files
from dagster_project.settings import CHECKOUT, DATA_PRODUCTS, Settings
from dagster_project.warehouse import warehouse
from tests.command_line import copy_home, settings_of
from tests.test_readme import BIN

EXAMPLE = CHECKOUT / "examples" / "replenishment"
BUILD = "dbt build --project-dir examples/replenishment --profiles-dir examples/replenishment"
PROPOSALS = "reorder_proposals_v1.parquet"


def dbt_build(home: Path, own: Path) -> subprocess.CompletedProcess[str]:
    """Run the documented command on a home of the sales domain and a folder of their own."""
    return subprocess.run(
        [str(BIN / "dbt"), *BUILD.split()[1:]],
        cwd=CHECKOUT,
        env={**os.environ, "MESHCAST_HOME": str(home), "REPLENISHMENT_HOME": str(own)},
        capture_output=True,
        text=True,
        check=False,
    )


def publish_again(settings: Settings) -> None:
    """Add publication 2: the forecast of the first under the next number."""
    first = publishing.find_publication(settings, 1)
    folder = publishing.publication_folder(settings, 2)
    shutil.copytree(publishing.publication_folder(settings, 1), folder)
    for data in first.ports["sales_forecast_v1"].files:
        part = folder / f"{data.path}.part"
        duckdb.execute(
            f"copy (select * replace (forecast_version + 1 as forecast_version)"
            f" from read_parquet('{folder / data.path}')) to '{part}' (format parquet)"
        )
        os.replace(part, folder / data.path)
    second = replace(first, number=2)
    write_port_files(folder, [first, second])
    write_manifests(folder, second)


@dataclass(frozen=True)
class Build:
    """A build of theirs, made while ours was writing.

    Attributes:
        home: of the sales domain.
        own: their folder.
        swaps: how many times another publication became current meanwhile.
        output: what dbt said.
    """

    home: Path
    own: Path
    swaps: int
    output: str

    def proposals(self) -> pd.DataFrame:
        return duckdb.sql(
            f"from '{self.own / PROPOSALS}' order by product_id, store_id, order_on"
        ).df()


@pytest.fixture(scope="module")
def build(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """One build while a process holds our warehouse and publications take turns."""
    home = copy_home(published_home, tmp_path_factory.mktemp("sales") / "home")
    own = tmp_path_factory.mktemp("replenishment")
    settings = settings_of(home)
    publish_again(settings)
    stop, swaps = Event(), [0]

    def take_turns() -> None:
        while not stop.wait(0.02):
            publishing.make_current(settings, 2 - swaps[0] % 2)
            swaps[0] += 1

    turns = Thread(target=take_turns)
    with warehouse(settings) as connection:
        connection.execute("create table being_written as select 1 as number")
        look = f"import duckdb; duckdb.connect({str(settings.warehouse_file)!r}, read_only=True)"
        locked = subprocess.run([sys.executable, "-c", look], capture_output=True, check=False)
        assert b"lock" in locked.stderr
        turns.start()
        ran = dbt_build(home, own)
        stop.set()
        turns.join()
    assert ran.returncode == 0, ran.stdout
    return Build(home, own, swaps[0], ran.stdout)


def test_it_builds_while_ours_is_writing_and_sees_one_whole_publication(build: Build) -> None:
    assert build.swaps > 10
    assert "ERROR=0" in build.output
    proposals = build.proposals()
    assert len(proposals) > 100
    assert proposals["forecast_version"].nunique() == 1


def test_the_command_is_the_documented_one() -> None:
    assert f"\n{BUILD}\n" in (EXAMPLE / "README.md").read_text()


def test_it_attaches_nothing_but_our_published_port() -> None:
    profile = (EXAMPLE / "profiles.yml").read_text()
    assert profile.count("MESHCAST_HOME") == 1
    assert "/published/sales.duckdb" in profile
    assert "read_only: true" in profile


def test_orders_are_those_of_a_slow_walk_through_the_days(build: Build) -> None:
    proposals = build.proposals()
    rules = pd.read_csv(EXAMPLE / "seeds" / "ordering_rules.csv").set_index(
        ["department", "category"]
    )
    with duckdb.connect(str(build.home / "published" / "sales.duckdb"), read_only=True) as port:
        forecast = port.sql(
            "select product_id, store_id, department, category, horizon_days, target_on, cutoff_on,"
            " units_mean::double as units_mean, units_paths from sales_forecast_v1 order by all"
        ).df()
        sold = port.sql(
            "select product_id, store_id, sum(units_net)::double as units from daily_sales_v2"
            " where sold_on > (select max(cutoff_on) - 28 from sales_forecast_v1) group by all"
        ).df()
    units = sold.set_index(["product_id", "store_id"])["units"]
    checked = 0
    for series, days in list(forecast.groupby(["product_id", "store_id"]))[::5]:
        department, category = days["department"].iloc[0], days["category"].iloc[0]
        keys = [(department, category), (department, "*"), ("*", "*")]
        rule = rules.loc[next(key for key in keys if key in rules.index)]
        expected = walk(days.reset_index(drop=True), rule, units.get(series, 0.0))
        found = proposals[
            (proposals["product_id"] == series[0]) & (proposals["store_id"] == series[1])
        ]
        assert list(zip(found["order_on"], found["order_units"], strict=True)) == expected
        checked += len(expected)
    assert checked > 20


def walk(days: pd.DataFrame, rule: Any, units_of_28_days: float) -> list[tuple[Any, float]]:
    """Day by day: order up to the quantile of the sum, in packs, then sell what is expected."""
    stock = rule["stock_days"] * round(units_of_28_days / 28, 4)
    orders = []
    reach = int(rule["lead_days"] + rule["review_days"])
    for day in range(0, len(days) - reach + 1, int(rule["review_days"])):
        sums = np.sort(np.sum([np.float64(p) for p in days["units_paths"][day : day + reach]], 0))
        level = sums[119 - math.floor(120 * (1 - rule["service_level"]) + 1e-9)]
        packs = max(0, math.ceil((level - stock) / rule["pack_size"] - 1e-6))
        orders.append((days["target_on"][day], packs * rule["pack_size"]))
        sells = days["units_mean"][day : day + int(rule["review_days"])].sum()
        stock += packs * rule["pack_size"] - sells
    return orders


def test_what_it_publishes_is_what_its_contract_promises(build: Build) -> None:
    (product,) = read_products(EXAMPLE / "data_products")
    assert {port.contract_id for port in product.inputs} == {
        contract.id
        for ours in read_products(DATA_PRODUCTS)
        if ours.name in ("sales_forecast", "daily_sales")
        for contract in ours.contracts
        if contract.id in [port.contract_id for port in product.inputs]
    }
    (contract,) = product.contracts
    (table,) = contract.tables
    with duckdb.connect() as connection:
        connection.execute(f"create view {table.relation} as from '{build.own / PROPOSALS}'")
        found = connection.execute(f"describe {table.relation}").fetchall()
        assert {row[0]: row[1] for row in found} == {
            column.name: column.physical_type for column in table.columns
        }
        nulls = " or ".join(f"{column.name} is null" for column in table.columns)
        key = ", ".join(table.key)
        for query in (
            f"select count(*) from {table.relation} where {nulls}",
            f"select count(*) - count(distinct ({key})) from {table.relation}",
            *(rule.query for rule in table.quality if rule.query),
        ):
            assert connection.execute(query).fetchone() == (0,), query


def test_what_it_relies_on_names_exactly_what_its_models_read() -> None:
    readable, bad = read_files(sorted((EXAMPLE / "expectations").glob("*.yaml")))
    assert not bad
    assert {item.consumer for item in readable} == {"replenishment"}
    sources = (EXAMPLE / "models" / "sales.yml").read_text()
    used = {use.table: use for item in readable for use in item.uses}
    assert all(f"- name: {table}\n" in sources for table in used)
    assert sources.count("- name: ") == 1 + len(used)
    models = " ".join(path.read_text() for path in (EXAMPLE / "models").glob("*.sql"))
    assert not [name for use in used.values() for name in use.columns if name not in models]


def test_our_folder_of_its_product_holds_the_file_it_writes() -> None:
    committed = sorted(DATA_PRODUCTS.glob("*/consumers/replenishment.yaml"))
    own = sorted((EXAMPLE / "expectations").glob("*.yaml"))
    assert [file.read_text() for file in committed] == [file.read_text() for file in own]


@pytest.fixture
def port_of(tmp_path: Path) -> Callable[[str], Path]:
    """A home whose published port holds only the tables that a statement creates."""

    def make(statement: str) -> Path:
        file = tmp_path / "home" / "published" / "sales.duckdb"
        file.parent.mkdir(parents=True)
        with duckdb.connect(str(file)) as connection:
            connection.execute(statement)
            connection.execute(forecast_interval_macro())
        return tmp_path / "home"

    return make


def test_without_a_forecast_the_last_proposals_stay(
    build: Build, tmp_path: Path, port_of: Callable[[str], Path]
) -> None:
    own = tmp_path / "own"
    shutil.copytree(build.own, own)
    before = (own / PROPOSALS).read_bytes()
    port = f"attach '{build.home / 'published' / 'sales.duckdb'}' as ours (read_only);"
    tables = [
        f"create table {table} as from ours.{table} limit 0;"
        for table in sorted(use.table for use in all_uses())
    ]
    ran = dbt_build(port_of(f"{port} {' '.join(tables)} detach ours;"), own)
    assert ran.returncode == 1
    assert "FAIL 1 every_series_of_the_forecast_has_an_order_day" in ran.stdout
    assert "SKIP relation main.reorder_proposals_v1" in ran.stdout
    assert (own / PROPOSALS).read_bytes() == before


def all_uses() -> list[Any]:
    readable, _ = read_files(sorted((EXAMPLE / "expectations").glob("*.yaml")))
    return [use for item in readable for use in item.uses]
