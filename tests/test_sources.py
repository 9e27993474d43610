from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dagster_project.declaration import DeclarationError
from dagster_project.parameters import Parameters
from dagster_project.settings import Settings
from dagster_project.sources import (
    ISO_DATE_IN_NAME,
    dbt_vars,
    deployed_sources,
    read_sources,
    staged_entities,
)

SHOP = """
sources:
  - name: shop
    description: A shop.
    config:
      meta:
        meshcast:
          country: GB
          time_zone: Europe/London
          starts_on: 2020-01-01
          plausible: {quantity: [-10, 1000]}
          forecast: {horizon_days: 14, excluded_products: ["0042"]}
    tables:
      - name: sales_events
        config: {meta: {business_date: "sales_([0-9-]+)"}}
        freshness: null
        columns:
          - {name: InvoiceNo, description: Number of the invoice.}
          - {name: CustomerID, config: {meta: {personal: true, optional: true}}}
          - {name: Price, config: {meta: {renamed_from: [UnitPrice, unit_cost]}}}
      - name: products
        columns: [{name: code}]
"""

DBT_PROJECT_YML = """
name: test
vars:
  sources:
    shop: [sales_events, products]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project with one source, shop, that stages sales events and products."""
    folder = tmp_path / "project"
    add_source(folder, "shop", SHOP, ["products", "sales_events"])
    (folder / "dbt_project.yml").write_text(DBT_PROJECT_YML)
    return folder


def add_source(project: Path, name: str, declaration: str, staged: list[str]) -> None:
    folder = project / "models" / "staging" / name
    folder.mkdir(parents=True)
    (folder / f"{name}.yml").write_text(declaration)
    for entity in staged:
        (folder / f"stg_{name}__{entity}.sql").write_text("select 1")


def redeclare(project: Path, old: str, new: str) -> None:
    file = project / "models" / "staging" / "shop" / "shop.yml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_a_declaration_is_read_with_its_defaults(project: Path) -> None:
    shop = read_sources(project)["shop"]

    assert (shop.country, shop.time_zone, shop.currency) == ("GB", "Europe/London", None)
    assert shop.starts_on == date(2020, 1, 1)
    assert (shop.measure, shop.unit, shop.corrections, shop.open_days) == (
        "units",
        "each",
        "none",
        "sales",
    )
    assert shop.plausible == {"quantity": (-10.0, 1000.0)}
    assert shop.forecast.horizon_days == 14
    assert shop.forecast.origin_weekday == "monday"
    assert shop.forecast.min_weeks_sold_share == 0.9
    assert shop.forecast.new_weeks == 8
    assert shop.forecast.excluded_products == ("0042",)
    assert shop.forecast.promotions_known_ahead_days == 0
    assert shop.forecast.model == Parameters()


def test_what_a_source_declares_of_the_model_replaces_the_default(project: Path) -> None:
    redeclare(project, "horizon_days: 14", "horizon_days: 14, model: {leaves: 63, l2: 5}")
    model = read_sources(project)["shop"].forecast.model
    assert model == replace(Parameters(), leaves=63, l2=5.0)


def test_columns_say_whether_they_are_optional_personal_or_renamed(project: Path) -> None:
    sales = read_sources(project)["shop"].entities["sales_events"]
    invoice, customer, price = sales.columns

    assert not invoice.is_optional and not invoice.is_personal
    assert customer.is_optional and customer.is_personal
    assert price.names == ("Price", "UnitPrice", "unit_cost")
    assert sales.business_date_pattern == "sales_([0-9-]+)"
    assert sales.has_personal_columns

    products = read_sources(project)["shop"].entities["products"]
    assert products.business_date_pattern == ISO_DATE_IN_NAME
    assert not products.has_personal_columns


@pytest.mark.parametrize(
    ("old", "new", "field", "expected"),
    [
        ("country: GB", "contry: GB", "config.meta.meshcast.contry", "unknown key 'contry'"),
        ("country: GB", "country: XX", "meshcast.country", "found 'XX'"),
        ("country: GB", "country: NO", "meshcast.country", "found False"),
        ("Europe/London", "Europe/Lundon", "meshcast.time_zone", "Europe/London"),
        ("2020-01-01", "yesterday", "meshcast.starts_on", "YYYY-MM-DD"),
        ("[-10, 1000]", "[1000, -10]", "meshcast.plausible.quantity", "[lowest, highest]"),
        ("quantity:", "amount:", "meshcast.plausible.amount", "quantity, unit_price"),
        ("horizon_days: 14", "horizon_days: 0", "forecast.horizon_days", "at least 1"),
        ("horizon_days: 14", "horizon_days: true", "forecast.horizon_days", "whole number"),
        ("horizon_days: 14", "horizon: 14", "forecast.horizon", "unknown key"),
        ("horizon_days: 14", "model: {trees: 9}", "forecast.model.trees", "one of the keys"),
        ("horizon_days: 14", "model: {leaves: 3.5}", "forecast.model.leaves", "whole number"),
        ("horizon_days: 14", "model: {l2: much}", "forecast.model.l2", "a number"),
        ("horizon_days: 14", "model: {estimator: arima}", "forecast.model", "lightgbm or hist_"),
        (
            "horizon_days: 14",
            "model: {estimator: hist_gradient_boosting}",
            "forecast.model",
            "loss: expected poisson for hist_gradient_boosting, found 'tweedie'",
        ),
        ("horizon_days: 14", "model: {row_share: 2}", "forecast.model", "row_share: expected 0.01"),
        ('["0042"]', "[0042]", "forecast.excluded_products", "numbers in quotes"),
        ("personal: true", "personal: yes please", "[CustomerID].config.meta.personal", "true or"),
        ("optional: true", "optonal: true", "[CustomerID].config.meta.optonal", "unknown key"),
        ("{name: code}", "{name: code, optional: true}", "[code].optional", "unknown key"),
        ("{name: code}", "{name: file_id}", "[file_id].name", "a name other than"),
        ("{name: code}", "{name: code}, {name: Code}", "tables[products].columns", "doubled code"),
        ("sales_([0-9-]+)", "sales_[0-9-]+", "business_date", "exactly one group"),
        ("sales_([0-9-]+)", "sales_([0-9", "business_date", "a regular expression"),
        ("name: products", "name: articles", "tables[articles].name", "one of sales_events"),
        ("name: sales_events", "name: stores", "sources[shop].tables", "sales_events among them"),
        ("name: shop", "name: shoop", "sources[shoop].name", "the name of its folder"),
        ("meshcast:", "meshcats:", "config.meta.meshcats", "unknown key"),
    ],
)
def test_a_wrong_declaration_is_refused_with_file_field_rule_and_finding(
    project: Path, old: str, new: str, field: str, expected: str
) -> None:
    redeclare(project, old, new)

    with pytest.raises(DeclarationError) as refused:
        read_sources(project)

    assert "shop.yml" in str(refused.value)
    assert field in str(refused.value)
    assert expected in str(refused.value)


def test_a_file_that_is_no_yaml_is_named(project: Path) -> None:
    redeclare(project, "sources:", "sources: [")

    with pytest.raises(DeclarationError, match=r"shop\.yml: expected YAML"):
        read_sources(project)


def test_the_deployment_is_that_of_the_dbt_project_unless_settings_name_another(
    project: Path, settings: Settings
) -> None:
    add_source(project, "kiosk", SHOP.replace("shop", "kiosk"), ["sales_events"])

    assert [source.name for source in deployed_sources(settings, project)] == ["shop"]
    assert dbt_vars(settings, project) is None

    kiosk = replace(settings, sources=("kiosk",))
    assert [source.name for source in deployed_sources(kiosk, project)] == ["kiosk"]
    assert dbt_vars(kiosk, project) == {"sources": {"kiosk": ["sales_events"]}}


def test_variables_are_passed_only_where_they_differ(project: Path, settings: Settings) -> None:
    assert dbt_vars(replace(settings, sources=("shop",)), project) is None

    (project / "models/staging/shop/stg_shop__products.sql").unlink()
    assert dbt_vars(settings, project) == {"sources": {"shop": ["sales_events"]}}


def test_an_undeclared_source_is_refused_naming_the_declared_ones(
    project: Path, settings: Settings
) -> None:
    with pytest.raises(DeclarationError, match=r"declared ones \(shop\).*found shup"):
        deployed_sources(replace(settings, sources=("shup",)), project)


def test_sources_of_a_deployment_must_agree_on_horizon_and_origin(
    project: Path, settings: Settings
) -> None:
    other = SHOP.replace("shop", "kiosk").replace("horizon_days: 14", "horizon_days: 28")
    add_source(project, "kiosk", other, ["sales_events"])

    with pytest.raises(DeclarationError, match=r"horizon_days.*shop: 14, kiosk: 28"):
        deployed_sources(replace(settings, sources=("shop", "kiosk")), project)


def test_staged_entities_are_those_with_a_model(project: Path) -> None:
    assert staged_entities("shop", project) == ("sales_events", "products")
    assert staged_entities("kiosk", project) == ()


def test_a_source_without_staged_sales_is_refused(project: Path, settings: Settings) -> None:
    (project / "models/staging/shop/stg_shop__sales_events.sql").unlink()

    with pytest.raises(DeclarationError, match=r"stg_shop__sales_events\.sql, found products"):
        deployed_sources(settings, project)


def test_a_staged_entity_must_be_declared(project: Path, settings: Settings) -> None:
    (project / "models/staging/shop/stg_shop__stores.sql").write_text("select 1")

    with pytest.raises(DeclarationError, match=r"stg_shop__stores\.sql without one"):
        deployed_sources(settings, project)


def test_the_shipped_sources_are_declared_well() -> None:
    sources = read_sources()

    assert sources["complete_journey"].time_zone == "America/New_York"
    for name, source in sources.items():
        assert set(staged_entities(name)) <= set(source.entities)
