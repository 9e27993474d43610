"""The published models in dbt itself: built, tested, and audited on the bytes of a candidate."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagster_project import publishing
from dagster_project.forecasting import value_added
from dagster_project.forecasting.explanation import COLUMNS
from dagster_project.forecasting.rungs import RUNGS
from dagster_project.settings import DBT_PROJECT, PROFILES, Settings
from dagster_project.warehouse import port, warehouse

PROVENANCE = publishing.Provenance(datetime(2018, 1, 1, tzinfo=UTC), "abc123", {})

# What the models read: one line sold and one returned, and the daily sales that they add up to.
UPSTREAM = """
create table loads (file_id bigint);
create table sales_events_accepted as
select
    event_id, 'till' as source, 's1' as store_id, 'milk' as product_id, quantity,
    repeat('0a', 16) as customer_key, 'EUR' as currency, 1.5 as unit_price,
    quantity * 1.5 as net_amount, true as is_demand,
    timestamptz '2017-03-01 09:00:00+00' as sold_at,
    date '2017-03-01' as sold_on, date '2017-03-01' as known_on
from (values ('a', 3), ('b', -1)) as lines(event_id, quantity);
create table sales_by_day as
select
    'milk' as product_id, 's1' as store_id, date '2017-03-01' as sold_on, 3 as units_sold,
    1 as units_returned, 3 as net_revenue, 1.5 as unit_price, false as is_promoted,
    date '2017-03-01' as last_known_on;
create table dim_product as
from (
    values ('milk', 'dairy', 'fresh'), ('cream', 'dairy', 'fresh'), ('soap', 'unknown', 'unknown')
) as products(product_id, category, department);
create table dim_store as
from (values ('s1', 'unknown'), ('s2', 'unknown')) as stores(store_id, region);
create table improbable_zero_runs as
select
    'milk' as product_id, 's1' as store_id, 3 as days, 0.99 as sold_share, true as is_ongoing,
    date '2017-03-02' as starts_on, date '2017-03-04' as ends_on, date '2017-03-04' as known_on;
"""

FORECAST = """
insert into state.forecast_versions values (
    1, '2017-03-05', '2017-03-06 00:00:00+00', '2017-03-05', 'm1', 'f', 28, 4, 2, false
);
insert into state.model_versions by name
select
    name as model_version, trained_at, date '2017-03-05' as trained_through_on, ''::blob as model,
    '' as sha256, '{}' as parameters, [] as features, 1 as seed, '' as scope, '' as feature_code,
    '' as input_fingerprint, '' as code_revision, '{}' as packages, '{}' as metrics,
    'passed' as verdict, [] as reasons, false as is_champion, is_backfill
from (values
    ('m0', timestamptz '2017-03-01 00:00:00+00', false),
    ('m1', '2017-03-02 00:00:00+00', false),
    ('m2', '2017-03-03 00:00:00+00', false),
    ('m3', '2017-03-04 00:00:00+00', true),
    ('m4', '2017-03-07 00:00:00+00', false)
) as models(name, trained_at, is_backfill);
insert into state.forecast_value_added
select
    model_version, slice, product_id, store_id, category, null, rung, 112, 0.5, 0.4, 0.3, -0.1,
    if(rung = 'naive', null, 0.1), null, null
from state.model_versions, (values ('naive'), ('seasonal_naive'), ('weekday_average'), ('model'))
    as rungs(rung), (values
        ('overall', null, null, null),
        ('category', null, null, 'dairy'),
        ('category', null, null, 'cheese'),
        ('series', 'milk', 's1', null),
        ('series', 'cream', 's1', null),
        ('series', 'butter', 's1', null)
    ) as slices(slice, product_id, store_id, category);
update state.forecast_value_added set rmsse = 0.25 where model_version = 'm1';
insert into state.forecast_ledger
select
    1, '2017-03-06 00:00:00+00', '2017-03-05', date '2017-03-05' + h::int, h, store_id, product_id,
    2.0001 * h, 0, 1, 2, 3, 4, 'm1', method != 'model', false, method
from range(1, 29) as days(h), (
    values
        ('s1', 'milk', 'model'), ('s1', 'cream', 'naive'), ('s1', 'soap', 'model'),
        ('s2', 'milk', 'cold_start')
) as series(store_id, product_id, method);
insert into state.forecast_paths
select
    forecast_version, store_id, product_id, target_on,
    list_transform(
        range(1, 120), lambda s: hash(product_id, s) % 1024 / 256 + horizon_days
    )::float[119]
from state.forecast_ledger;
insert into state.forecast_explanations
select
    forecast_version, cutoff_on, target_on, horizon_days, store_id, product_id, units_mean, 1.5,
    units_mean - 1, 0, 0, -0.75, 0.25, 0, 0, 0, 'model', 'm1', false
from state.forecast_ledger;
"""


def dbt(settings: Settings, *arguments: str) -> dict[str, str]:
    """Run dbt on the home's warehouse; return status by name of what ran."""
    target = settings.home / "dbt" / "embedded"
    ran = subprocess.run(
        [
            *(settings.dbt_executable, "--quiet", *arguments),
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES)),
            *("--target-path", str(target)),
        ],
        env={**os.environ, "MESHCAST_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    results = json.loads((target / "run_results.json").read_text())["results"]
    assert results, ran.stdout + ran.stderr
    return {item["unique_id"]: item["status"] for item in results}


SLICES = {
    "overall": [],
    "store": ["store_id"],
    "category": ["category"],
    "department": ["department"],
    "store_category": ["store_id", "category"],
}


def totals_are_sums(file: Path) -> None:
    """Hold the published totals against pandas and Python's own decimals."""
    with port(file) as connection:
        bottom = connection.execute("from sales_forecast_v1").to_arrow_table().to_pandas()
        totals = connection.execute("from sales_forecast_totals_v1").fetchall()
        names = [column[0] for column in connection.description or []]
    published = {}
    for row in totals:
        total = dict(zip(names, row, strict=True))
        keys = [total[name] for name in ("store_id", "region", "category", "department")]
        published[total["level"], total["horizon_days"], *keys] = total
    expected = 0
    for level, columns in SLICES.items():
        for key, rows in bottom.groupby(["horizon_days", *columns]):
            values = dict(zip(["horizon_days", *columns], key, strict=True))
            keys = [values.get(name) for name in ("store_id", "region", "category", "department")]
            total = published[level, values["horizon_days"], *keys]
            assert total["series"] == len(rows)
            assert total["units_mean"] == sum(rows["units_mean"])
            sums = np.sort(np.sum(np.stack(rows["units_paths"].to_numpy()), axis=0))
            ranks = {"units_p025": 3, "units_p10": 12, "units_p50": 60, "units_p90": 108}
            for name, rank in {**ranks, "units_p975": 117}.items():
                assert float(total[name]) == pytest.approx(sums[rank - 1], abs=1e-4)
            expected += 1
    assert expected == len(published) == len(totals)


def execute(settings: Settings, sql: str) -> None:
    with warehouse(settings) as connection:
        connection.execute(sql)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the published models built by dbt, before any forecast was made."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), today=date(2018, 1, 1))
    execute(settings, UPSTREAM)
    statuses = dbt(settings, "build", "--select", "tag:data_product")
    assert set(statuses.values()) == {"success", "pass"}
    assert sum(name.startswith("test.") for name in statuses) >= 24
    return settings


def nodes(settings: Settings) -> list[dict[str, Any]]:
    manifest = json.loads((settings.home / "dbt" / "embedded" / "manifest.json").read_text())
    return list(manifest["nodes"].values())


def test_each_published_model_is_a_promise(built: Settings) -> None:
    published = {
        node["alias"]: node
        for node in nodes(built)
        if node["resource_type"] == "model" and "data_product" in node["tags"]
    }
    ports = (*publishing.read_ports(), *publishing.read_live_ports())
    assert set(published) == {item.relation for item in ports}
    for node in published.values():
        assert node["contract"]["enforced"]
        assert node["latest_version"] == (2 if node["name"] == "daily_sales" else 1)
        assert node["alias"] == f"{node['name']}_v{node['version']}"
        assert (node["access"], node["group"]) == ("public", "sales")
        assert node["description"]
        assert all(column["description"] for column in node["columns"].values())
        assert node["meta"]["dagster"]["owners"] == ["sales-data@example.com"]


def test_after_the_end_of_life_of_a_table_a_plain_dbt_build_fails_with_what_to_do(
    built: Settings,
) -> None:
    ran = subprocess.run(
        [
            *(built.dbt_executable, "--quiet", "build", "--select", "likely_stockouts"),
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES)),
        ],
        env={**os.environ, "MESHCAST_HOME": str(built.home), "MESHCAST_TODAY": "2028-01-01"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    told = "daily_sales_v1: expected its end of life after today, 2028-01-01, found 2027-12-31."
    assert told in ran.stdout
    assert "Remove the table from its contract" in ran.stdout
    endings = {node["alias"]: node.get("deprecation_date") for node in nodes(built)}
    assert str(endings["daily_sales_v1"]).startswith("2027-12-31")
    assert endings["daily_sales_v2"] is None


def test_tests_on_products_read_products_only(built: Settings) -> None:
    products = {
        node["unique_id"]
        for node in nodes(built)
        if node["resource_type"] == "model" and "data_product" in node["tags"]
    }
    tests = [
        node
        for node in nodes(built)
        if node["resource_type"] == "test"
        and (node.get("attached_node") in products or "data_product" in node["tags"])
    ]
    assert len(tests) >= 50
    for node in tests:  # one that reads more is left out of the audit without a word
        assert set(node["depends_on"]["nodes"]) <= products, node["name"]


@pytest.mark.parametrize("relation", ["sales_forecast_v1", "sales_forecast_history_v1"])
def test_the_forecast_has_the_promised_columns_in_order(built: Settings, relation: str) -> None:
    with warehouse(built) as connection:
        described = connection.execute(f"describe {relation}").fetchall()
    quantiles = ("units_mean", "units_p025", "units_p10", "units_p50", "units_p90", "units_p975")
    more = [
        ("units_paths", "FLOAT[119]"),
        ("category", "VARCHAR"),
        ("department", "VARCHAR"),
        ("region", "VARCHAR"),
    ]
    assert [(row[0], row[1]) for row in described] == [
        ("forecast_version", "BIGINT"),
        ("issued_at", "TIMESTAMP WITH TIME ZONE"),
        ("cutoff_on", "DATE"),
        ("target_on", "DATE"),
        ("horizon_days", "INTEGER"),
        ("store_id", "VARCHAR"),
        ("product_id", "VARCHAR"),
        *((name, "DECIMAL(18,4)") for name in quantiles),
        ("model_version", "VARCHAR"),
        ("is_fallback", "BOOLEAN"),
        ("is_backfill", "BOOLEAN"),
        *(more if relation == "sales_forecast_v1" else []),
        ("method", "VARCHAR"),
    ]


def test_the_explanation_has_a_column_for_each_group_of_features(built: Settings) -> None:
    with warehouse(built) as connection:
        described = connection.execute("describe sales_forecast_explained_v1").fetchall()
    units = [row[:2] for row in described if row[0].startswith("units_")]
    assert units == [(name, "DECIMAL(18,4)") for name in ("units_mean", *COLUMNS)]


def ladder_is_that_of_the_forecast(file: Path) -> None:
    """Hold the published ladder against the four series of the forecast and their model's rows."""
    with port(file) as connection:
        rows = connection.execute("from forecast_value_added_v1").fetchall()
        names = [column[0] for column in connection.description or []]
    table = [dict(zip(names, row, strict=True)) for row in rows]
    assert {row["model_version"] for row in table} == {"m1"}
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table:
        found.setdefault(row["slice"], []).append(row)
    sizes = {"series": 4, "overall": 1, "category": 2, "store": 2}
    assert {name: len(rows) for name, rows in found.items()} == {
        name: size * len(RUNGS) for name, size in sizes.items()
    }
    series = {(row["product_id"], row["store_id"], row["rung"]): row for row in found["series"]}
    known = series["milk", "s1", "seasonal_naive"]
    assert (known["days"], float(known["rmsse"]), float(known["value_added"])) == (112, 0.25, 0.1)
    new = series["soap", "s1", "model"]
    assert (new["days"], new["rmsse"], new["published_series"]) == (0, None, 1)
    published = {key for key, row in series.items() if row["published_series"]}
    assert published == {
        ("milk", "s1", "model"),
        ("cream", "s1", "naive"),
        ("soap", "s1", "model"),
    }
    assert {row["rung"]: (row["series"], row["published_series"]) for row in found["overall"]} == {
        "naive": (4, 1),
        "seasonal_naive": (4, 0),
        "weekday_average": (4, 0),
        "model": (4, 2),
    }
    dairy = {
        row["rung"]: (row["published_series"], row["days"])
        for row in found["category"]
        if row["category"] == "dairy"
    }
    assert (dairy["naive"], dairy["model"]) == ((1, 112), (1, 112))


def test_the_ladder_has_a_row_for_each_rung_and_the_columns_of_the_evidence(
    built: Settings,
) -> None:
    with warehouse(built) as connection:
        published = [
            row[0] for row in connection.execute("describe forecast_value_added_v1").fetchall()
        ]
        state = connection.execute("describe state.forecast_value_added").fetchall()
    assert set(value_added.COLUMNS) < set(published)
    assert [row[0] for row in state] == ["model_version", *value_added.COLUMNS]


def test_the_audit_passes_on_good_bytes_and_leaves_them_alone_and_stops_bad_ones(
    built: Settings,
) -> None:
    execute(built, FORECAST)
    assert set(dbt(built, "run", "--select", "sales_forecast_totals").values()) == {"success"}
    published = publishing.publish(built, PROVENANCE)
    folder = publishing.publication_folder(built, published.number)
    audit = json.loads((folder / "audit.json").read_text())
    warned = [item["name"] for item in audit if item["status"] != "pass"]
    assert [name for name in warned if "fresh" not in name.lower()] == []
    assert {item["status"] for item in audit} == {"pass", "warn"}, "its sales end ten months ago"
    assert {
        "sales_forecast_v1_covers_the_whole_horizon",
        "daily_sales_v1_adds_up_to_the_events",
        "sales_forecast_totals_v1_adds_up_to_the_forecast",
    } < {item["name"] for item in audit}
    assert len(audit) >= 60
    totals_are_sums(folder / "sales.duckdb")
    ladder_is_that_of_the_forecast(folder / "sales.duckdb")
    with port(folder / "restricted" / "sales.duckdb") as connection:
        tables = connection.execute("select distinct table_schema from information_schema.tables")
        assert tables.fetchall() == [("main",)]

    broken = {
        "sales_forecast_v1_has_quantiles_in_order": (
            "update state.forecast_ledger set units_p10 = 2.5 where horizon_days = 3"
        ),
        "sales_forecast_v1_covers_the_whole_horizon": (
            "delete from state.forecast_ledger where horizon_days = 7"
        ),
        "sales_forecast_v1_has_one_row_per_series_and_target_day": (
            "insert into state.forecast_ledger select * from state.forecast_ledger"
            " where horizon_days = 5"
        ),
        "sales_forecast_v1_counts_its_horizon_from_the_cutoff": (
            "update state.forecast_ledger set target_on = target_on + 1 where horizon_days = 28"
        ),
        "sales_forecast_explained_v1_explains_the_forecast": (
            "delete from state.forecast_explanations where horizon_days = 9"
        ),
        "sales_forecast_explained_v1_adds_up_to_the_forecast": (
            "update state.forecast_explanations set units_price = 0.0001 where horizon_days = 4"
        ),
        "sales_forecast_explained_v1_says_what_is_explained": (
            "update state.forecast_explanations set explained_by = 'baseline'"
            " where horizon_days = 6"
        ),
        "sales_forecast_v1_falls_back_where_its_method_is_not_the_model": (
            "update state.forecast_ledger set method = 'model' where horizon_days = 11"
        ),
        "forecast_value_added_v1_has_the_ladder_of_every_series": (
            "insert into state.forecast_value_added select * from state.forecast_value_added"
            " where slice = 'series' and product_id = 'cream' and rung = 'model'"
        ),
        "forecast_value_added_v1_counts_series_and_days": (
            "update state.forecast_value_added set mae = null where slice = 'overall'"
        ),
        "forecast_value_added_v1_has_no_negative_error": (
            "update state.forecast_value_added set mae = -1 where slice = 'category'"
        ),
        "forecast_value_added_v1_adds_value_to_a_rung_below_only": (
            "update state.forecast_value_added set value_added = 1 where rung = 'naive'"
        ),
        "sales_forecast_v1_has_paths_of_units": (
            "delete from state.forecast_paths where target_on = date '2017-03-09'"
        ),
        "sales_forecast_totals_v1_adds_up_to_the_forecast": (
            "update sales_forecast_totals_v1 set units_mean = units_mean + 0.0001"
            " where level = 'store' and store_id = 's2' and horizon_days = 2"
        ),
        "daily_sales_v1_adds_up_to_the_events": "update sales_by_day set units_returned = 2",
        "sales_events_v1_has_hashed_customers_only": (
            "update sales_events_accepted set customer_key = 'Jane Doe' where event_id = 'a'"
        ),
        "sales_events_v1_has_one_row_per_event": "update sales_events_accepted set event_id = 'a'",
    }
    for statement in broken.values():
        execute(built, statement)
    with pytest.raises(publishing.AuditFailed) as error:
        publishing.publish(built, PROVENANCE)
    assert set(broken) <= {result.name for result in error.value.failed}
    assert publishing.current_number(built) == published.number
    failed = error.value.folder
    open_to_all = (failed / "audit.json").read_text()
    assert set(json.loads(open_to_all)[0]) == {"name", "status", "failures", "message"}
    rows = {
        item["name"]: item["rows"]
        for item in json.loads((failed / "restricted" / "audit.json").read_text())
    }
    crossing = rows["sales_forecast_v1_has_quantiles_in_order"]
    assert {(row["horizon_days"], row["units_p10"]) for row in crossing} == {("3", "2.5000")}
    (customer,) = rows["sales_events_v1_has_hashed_customers_only"]
    assert (customer["event_id"], customer["customer_key"]) == ("a", "[masked]")
    holding_the_name = {
        path
        for path in built.published.rglob("*")
        if path.is_file() and b"Jane Doe" in path.read_bytes()
    }
    assert holding_the_name == set((failed / "restricted" / "sales_events").rglob("*.parquet"))
