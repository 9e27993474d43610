from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from dagster_project.contracts.dbt_models import FOLDER, MARK, model_files
from dagster_project.contracts.product import read_products
from dagster_project.settings import DATA_PRODUCTS, DBT_PROJECT

Edit = Callable[[str, str, str], None]


def generated(products: Path = DATA_PRODUCTS) -> dict[str, Any]:
    files = model_files(read_products(products))
    return {path.stem: yaml.safe_load(text)["models"][0] for path, text in files.items()}


def test_the_committed_yaml_is_what_the_contracts_give() -> None:
    for path, text in model_files(read_products()).items():
        assert (DBT_PROJECT / path).read_text() == text
        assert text.startswith(MARK)
    hand_written = {file.name for file in (DBT_PROJECT / FOLDER).glob("*.yml")} - {
        path.name for path in model_files(read_products())
    }
    assert hand_written == {"unit_tests.yml"}


def test_a_model_carries_everything_its_contract_promises() -> None:
    model = generated()["sales_events"]
    assert (model["latest_version"], model["access"]) == (1, "public")
    assert model["config"] == {
        "group": "sales",
        "tags": ["data_product"],
        "contract": {"enforced": True},
        "meta": {"dagster": {"group": "data_products", "owners": ["sales-data@example.com"]}},
    }
    (version,) = model["versions"]
    quantity = next(column for column in version["columns"] if column["name"] == "quantity")
    assert quantity["data_type"] == "decimal(18,4)"
    assert quantity["description"].startswith("How much")
    assert quantity["constraints"][0]["type"] == "not_null"
    currency = next(column for column in version["columns"] if column["name"] == "currency")
    assert "constraints" not in currency
    tests = {next(iter(test.values()))["name"]: test for test in version["data_tests"]}
    one_row = tests["sales_events_v1_has_one_row_per_event"]["one_row_per"]
    assert one_row["arguments"] == {"columns": ["source", "event_id"]}
    known = tests["sales_events_v1_is_not_known_before_it_is_sold"]["holds"]
    assert known["arguments"] == {"expression": "known_on >= sold_on"}
    values = tests["sales_events_v1_has_every_required_value"]["has_values"]
    assert "currency" not in values["arguments"]["columns"]
    assert "quantity" in values["arguments"]["columns"]


def test_both_versions_of_daily_sales_stand_in_one_file_and_the_first_is_deprecated() -> None:
    model = generated()["daily_sales"]
    assert model["latest_version"] == 2
    first, second = model["versions"]
    assert (first["v"], first["deprecation_date"]) == (1, "2027-12-31")
    assert (second["v"], "deprecation_date" in second) == (2, False)
    names = [{column["name"] for column in version["columns"]} for version in (first, second)]
    assert {"units_sold", "unit_price"} <= names[0] - names[1]
    assert names[1] - names[0] == {"units_net", "unit_price_store_currency"}


def test_what_the_contract_says_otherwise_the_yaml_says_otherwise(
    products: Path, edit: Edit
) -> None:
    contract = "sales_events/contract_v1.odcs.yaml"
    edit(contract, "physicalType: VARCHAR", "physicalType: UUID")
    edit(contract, "description: Where it was sold.", "description: A shop.")
    edit(contract, "domain: sales", "domain: tills")
    edit(contract, "    properties:\n", "    tags: [lines]\n    properties:\n")
    edit(contract, "        mustBe: 0\n", "        mustBe: 0\n        severity: warning\n")
    edit(contract, "where not (known_on >= sold_on)", "where known_on < sold_on")
    model = generated(products)["sales_events"]
    (version,) = model["versions"]
    assert version["columns"][0]["data_type"] == "uuid"
    assert version["columns"][2]["description"] == "A shop."
    assert model["config"]["group"] == "tills"
    assert model["config"]["tags"] == ["data_product", "lines"]
    assert version["data_tests"][0]["one_row_per"]["config"] == {"severity": "warn"}
    expressions = [test["holds"]["arguments"]["expression"] for test in version["data_tests"][1:5]]
    assert "not (known_on < sold_on)" in expressions
