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
    assert products["sales_events"].inputs[0].contract_id == "complete-journey-landing-v1"


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


def test_a_table_without_a_port_and_without_a_model_is_told(products: Path) -> None:
    contract = products / CONTRACT
    contract.write_text(contract.read_text().replace("likely_stockouts_v1", "stockouts_v1"))
    told = lines_of(products, DBT_PROJECT)
    assert len(told) == 3
    assert (
        "schema[stockouts_v1].name: expected a model models/data_products/stockouts_v1" in told[0]
    )
    assert "outputPorts: expected a port for stockouts_v1 of contract_v1.odcs.yaml" in told[1]
    assert "outputPorts[likely_stockouts].name: expected the name of a table" in told[2]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("    deprecated: true\n", "", "expected true, since contract_v1.odcs.yaml announces"),
        (
            "  - name: likely_stockouts\n",
            "  - name: likely_stockouts\n    deprecated: true\n",
            "expected false, since contract_v1.odcs.yaml announces no endOfLife",
        ),
        ("version: 1.2.0", "version: 1.1.0", "expected the version of its contract, 1.2.0"),
    ],
)
def test_a_port_that_disagrees_with_its_contract_is_told(
    products: Path, edit: Edit, old: str, new: str, finding: str
) -> None:
    edit(FILE, old, new)
    (line,) = lines_of(products)
    assert finding in line


def test_a_rule_that_names_no_test_there_is_is_told(products: Path, edit: Edit) -> None:
    name = "customProperties: [{property: dbtTest, value: none_such}]"
    edit(
        "sales_events/contract_v1.odcs.yaml",
        "      - type: sql\n",
        f"      - type: sql\n        {name}\n",
    )
    (line,) = lines_of(products, DBT_PROJECT)
    assert "a test none_such.sql in dbt_project/tests" in line


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


def test_a_contract_with_problems_is_still_held_against_ports_and_models(
    products: Path, edit: Edit
) -> None:
    edit(CONTRACT, "physicalType: VARCHAR", "physicalType: STRNG")
    edit(CONTRACT, "domain: sales", "domain: sails")
    edit(CONTRACT, "- name: likely_stockouts_v1", "- name: stockouts_v1")
    edit(FILE, "    deprecated: true\n", "")
    edit(FILE, "version: 1.2.0", "version: 1.1.0")
    edit(FILE, "type: aggregate", "typ: aggregate")
    told = {line.split(": ")[1] for line in lines_of(products, DBT_PROJECT)}
    assert told == {
        "schema[daily_sales_v1].properties[product_id].physicalType",
        "domain",
        "schema[stockouts_v1].name",
        "typ",
        "outputPorts[daily_sales].deprecated",
        "outputPorts[daily_sales].version",
        "outputPorts[likely_stockouts].name",
        "outputPorts",
    }


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("version: 1.2.0", "version: 2.0.0", "version"),
        ("id: daily-sales-v1", "ids: daily-sales-v1", "id"),
        ("- name: daily_sales_v1", "- name: daily_sales", "schema[daily_sales].name"),
        ("username: sales-data@example.com", "username: nobody", "team.members"),
        ("element: daily_sales_v1", "element: daily_v1", "slaProperties[endOfLife].element"),
    ],
)
def test_what_is_wrong_in_a_contract_is_told_once_and_not_of_its_ports_again(
    products: Path, old: str, new: str, field: str
) -> None:
    path = products / CONTRACT
    path.write_text(path.read_text().replace(old, new, 1))
    told = lines_of(products, DBT_PROJECT)
    assert field in {line.split(": ")[1] for line in told if line.startswith(f"{path}:")}
    others = [line for line in told if not line.startswith(f"{path}:")]
    # An id is what ports name a contract by: without it they name nothing.
    assert all("no contract has" in line and field == "id" for line in others), others


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
