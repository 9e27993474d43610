from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.contracts.product import read_products
from dagster_project.declaration import DeclarationError
from dagster_project.publishing import read_ports
from dagster_project.settings import DBT_PROJECT

Edit = Callable[[str, str, str], None]
FILE = "daily_sales/product.odps.yaml"
CONTRACT = "daily_sales/contract_v1.odcs.yaml"


def lines_of(products: Path, project: Path | None = None) -> list[str]:
    with pytest.raises(DeclarationError) as raised:
        read_products(products, project)
    return str(raised.value).splitlines()


def test_every_product_of_ours_is_read_and_agrees_with_the_dbt_project() -> None:
    products = {product.name: product for product in read_products(project=DBT_PROJECT)}
    assert {"sales_events", "daily_sales", "sales_forecast"} <= set(products)
    daily = products["daily_sales"]
    assert (daily.domain, daily.type, daily.owner) == (
        "sales",
        "aggregate",
        "sales-data@example.com",
    )
    assert daily.inputs[0].contract_id == "sales-events-v1"
    assert {port.relation for port in daily.outputs} == {
        table.relation for contract in daily.contracts for table in contract.tables
    }
    assert daily.outputs[0].inputs == (("sales-events-v1", "1.0.0"),)
    assert daily.management[0].content == "observability"
    assert products["sales_events"].inputs[0].declared_in == "dbt_project/models/staging"


@pytest.mark.parametrize(
    ("file", "old", "new", "field", "finding"),
    [
        (FILE, "type: aggregate", "typ: aggregate", "typ", "unknown key 'typ'"),
        (
            FILE,
            "- name: likely_stockouts",
            "- name: stockouts",
            "outputPorts[stockouts].name",
            "likely_stockouts_v1",
        ),
        (
            FILE,
            "contractId: daily-sales-v1",
            "contractId: daily-v1",
            "outputPorts[daily_sales].contractId",
            "no contract has",
        ),
        (
            FILE,
            "id: sales-events-v1",
            "id: events-v1",
            "outputPorts[daily_sales].inputContracts[events-v1]",
            "'events-v1', which no contract has",
        ),
        (
            FILE,
            "id: sales-events-v1, version: 1.0.0",
            "id: sales-events-v1, version: 2.0.0",
            "outputPorts[daily_sales].inputContracts[sales-events-v1]",
            "with the same major, found 2.0.0",
        ),
        (
            FILE,
            "contractId: sales-events-v1",
            "contractId: events",
            "inputPorts[sales_events]",
            "'events', which no contract has",
        ),
        (
            FILE,
            "username: sales-data@example.com",
            "username: other@example.com",
            "team.members",
            "the owner of contract_v1.odcs.yaml",
        ),
        (
            CONTRACT,
            "- name: likely_stockouts_v1",
            "- name: stockouts_v1",
            "outputPorts",
            "a port for stockouts_v1",
        ),
    ],
)
def test_a_port_that_names_what_does_not_exist_is_told_with_its_field(
    products: Path, edit: Edit, file: str, old: str, new: str, field: str, finding: str
) -> None:
    edit(file, old, new)
    told = lines_of(products)
    assert any(
        line.startswith(f"{products / FILE}:") and f": {field}: " in line and finding in line
        for line in told
    ), told


@pytest.mark.parametrize(
    ("file", "old", "new", "field", "finding"),
    [
        (CONTRACT, "domain: sales", "domain: sails", "domain", "one of the groups sales"),
        (
            CONTRACT,
            "username: sales-data@example.com",
            "username: other@example.com",
            "team.members",
            "sales-data@example.com, found other@example.com",
        ),
        (
            CONTRACT,
            "- name: likely_stockouts_v1",
            "- name: stockouts_v1",
            "schema[stockouts_v1].name",
            "a model models/data_products/stockouts_v1.sql, found none",
        ),
    ],
)
def test_a_contract_that_names_a_model_owner_or_domain_that_does_not_exist_is_told(
    products: Path, edit: Edit, file: str, old: str, new: str, field: str, finding: str
) -> None:
    edit(file, old, new)
    told = lines_of(products, DBT_PROJECT)
    assert any(
        line.startswith(f"{products / file}:") and f": {field}: " in line and finding in line
        for line in told
    ), told


def test_problems_of_products_contracts_and_models_are_told_at_once(
    products: Path, edit: Edit
) -> None:
    edit(FILE, "contractId: daily-sales-v1", "contractId: daily-v1")
    edit(CONTRACT, "domain: sales", "domain: sails")
    edit("sales_events/contract_v1.odcs.yaml", "unit: d", "units: d")
    told = "\n".join(lines_of(products, DBT_PROJECT))
    assert ": domain: " in told
    assert "outputPorts[daily_sales].contractId" in told
    assert "slaProperties[freshness].units" in told


def test_a_contract_without_a_product_is_told(products: Path) -> None:
    (products / FILE).unlink()
    assert any(
        line.startswith(f"{products / FILE}:1: ") and "expected this file" in line
        for line in lines_of(products)
    )


def test_nothing_can_be_published_with_a_wrong_descriptor(products: Path, edit: Edit) -> None:
    edit(CONTRACT, "status: active", "statu: active")
    with pytest.raises(DeclarationError, match="unknown key 'statu'"):
        read_ports(DBT_PROJECT, products)
