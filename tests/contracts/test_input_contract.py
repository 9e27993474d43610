from pathlib import Path

from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.document import parse
from dagster_project.contracts.input_contract import input_contract_files, input_drifted
from dagster_project.contracts.product import read_products
from dagster_project.contracts.standards import ODCS, standard_problems
from dagster_project.settings import DATA_PRODUCTS
from dagster_project.sources import read_sources

OWNER = "sales-data@example.com"


def generated() -> dict[Path, str]:
    return input_contract_files(read_sources().values(), OWNER)


def test_each_source_has_a_contract_that_is_up_to_date_and_as_the_standard_has_it() -> None:
    files = generated()

    assert {path.name for path in files} >= {"complete_journey.odcs.yaml", "rossmann.odcs.yaml"}
    assert input_drifted(files, DATA_PRODUCTS) == []
    for path, text in files.items():
        assert list(standard_problems(parse(path, text), ODCS)) == []  # type: ignore[arg-type]


def test_the_input_ports_of_sales_events_name_the_contracts_of_all_sources() -> None:
    product = next(item for item in read_products() if item.name == "sales_events")

    assert {port.name for port in product.inputs} == set(read_sources())
    assert product.owner == OWNER
    assert "complete-journey-landing-v1" not in {contract.id for contract in read_contracts()}


def test_a_contract_says_what_is_required_and_what_is_personal() -> None:
    path = next(path for path in generated() if path.name == "complete_journey.odcs.yaml")
    text = generated()[path]

    columns = {
        column["name"]: column
        for table in parse(path, text).value["schema"]  # type: ignore[union-attr]
        for column in table["properties"]
        if table["name"] == "sales_events"
    }

    assert columns["quantity"]["required"] and not columns["retail_disc"]["required"]
    assert columns["household_id"]["classification"] == "restricted"
    assert columns["store_id"]["classification"] == "internal"


def test_a_contract_that_says_something_else_than_its_source_is_told(products: Path) -> None:
    files = generated()
    folder = products / "sales_events" / "input"
    file = folder / "m5.odcs.yaml"
    file.write_text(file.read_text().replace("required: true", "required: false", 1))
    (folder / "gone.odcs.yaml").write_text("id: gone")

    problems = [str(problem) for problem in input_drifted(files, products)]

    assert len(problems) == 2
    assert any("m5.odcs.yaml" in text and "required" in text for text in problems)
    assert any("gone.odcs.yaml" in text for text in problems)
