import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.contracts.contract import read_contracts
from dagster_project.declaration import DeclarationError

Edit = Callable[[str, str, str], None]
FILE = "daily_sales/contract_v1.odcs.yaml"


def lines_of(products: Path) -> list[str]:
    with pytest.raises(DeclarationError) as raised:
        read_contracts(products)
    return str(raised.value).splitlines()


def line_of(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), 1) if text in line)


def test_every_contract_of_ours_is_read() -> None:
    contracts = {contract.id: contract for contract in read_contracts()}
    assert {"sales-events-v1", "daily-sales-v1", "sales-forecast-v1"} <= set(contracts)
    events = contracts["sales-events-v1"]
    assert (events.product, events.major, events.domain) == ("sales_events", 1, "sales")
    assert events.owner == "sales-data@example.com"
    assert events.roles == ("sales_restricted_reader",)
    assert events.is_restricted
    assert events.support[0].url == "mailto:sales-data@example.com"
    (table,) = events.tables
    assert (table.relation, table.model) == ("sales_events_v1", "sales_events")
    assert table.key == ("source", "event_id")
    assert (table.month_of, table.value_of) == ("sold_on", None)
    columns = {column.name: column for column in table.columns}
    assert columns["customer_key"].classification == "restricted"
    assert not columns["customer_key"].is_required
    assert columns["event_id"].key_position == 2
    assert columns["quantity"].physical_type == "DECIMAL(18,4)"
    assert columns["sold_at"].physical_type == "TIMESTAMP WITH TIME ZONE"
    freshness = events.promised("freshness")
    assert freshness is not None
    assert (freshness.value, freshness.unit) == (2, "d")
    assert freshness.element == "sales_events_v1.known_on"
    assert freshness.severity in ("error", "warn")


def test_a_table_whose_key_can_be_null_says_its_row_key() -> None:
    (forecast,) = (item for item in read_contracts() if item.product == "sales_forecast")
    tables = {table.relation: table for table in forecast.tables}
    assert tables["sales_forecast_totals_v1"].key[:2] == ("forecast_version", "level")
    assert tables["sales_forecast_history_v1"].value_of == "forecast_version"
    assert tables["sales_forecast_v1"].not_compared[-1] == "units_paths"


def test_a_promise_is_found_by_its_name_and_table() -> None:
    (events,) = (item for item in read_contracts() if item.product == "sales_events")
    assert events.promised("freshness", "sales_events_v1") == events.promised("freshness")
    assert events.promised("freshness", "another_v1") is None
    retention = events.promised("retention", "another_v1")
    assert retention is not None
    assert retention.value == 400


@pytest.mark.parametrize(
    ("old", "new", "field", "finding"),
    [
        ("status: active", "stat: 1\nstatus: active", "stat", "unknown key 'stat'"),
        (
            "classification: internal",
            "clasification: internal",
            "schema[daily_sales_v1].properties[product_id].clasification",
            "unknown key 'clasification'",
        ),
        (
            "physicalType: VARCHAR",
            "physicalType: STRNG",
            "schema[daily_sales_v1].properties[product_id].physicalType",
            "a type that DuckDB can hold, found STRNG",
        ),
        (
            "physicalType: DECIMAL(18,4)",
            "physicalType: DATE",
            "schema[daily_sales_v1].properties[units_sold].physicalType",
            "a type that holds the logicalType number, found DATE",
        ),
        (
            "logicalType: date\n        physicalType: DATE",
            "logicalType: timestamp\n        physicalType: TIMESTAMPTZ",
            "schema[daily_sales_v1].properties[sold_on].physicalType",
            "TIMESTAMP_TZ, the name of TIMESTAMP WITH TIME ZONE by which `datacontract test`",
        ),
        (
            "logicalType: date\n        physicalType: DATE",
            "logicalType: vector\n        physicalType: FLOAT[7]",
            "schema[daily_sales_v1].properties[sold_on].physicalType",
            "VECTOR(7), the name of FLOAT[7] by which `datacontract test`",
        ),
        (
            "logicalType: date\n        physicalType: DATE",
            "logicalType: vector\n        physicalType: UUID",
            "schema[daily_sales_v1].properties[sold_on].physicalType",
            "a type that holds the logicalType vector, found UUID",
        ),
        (
            "element: daily_sales_v1.last_known_on",
            "element: daily_sales_v1.last_know_on",
            "slaProperties[freshness].element",
            "a table or table.column of this contract",
        ),
        (
            "username: sales-data@example.com",
            "username: nobody",
            "team.members",
            "an e-mail address",
        ),
        ("version: 1.2.0", "version: 2.0.0", "version", "1.<minor>.<patch>"),
        ("dataProduct: daily_sales", "dataProduct: sales", "dataProduct", "daily_sales"),
        (
            "required: true",
            'required: "yes"',
            "schema[daily_sales_v1].properties[product_id].required",
            "a value of type boolean, found yes",
        ),
        (
            "primaryKeyPosition: 2",
            "primaryKeyPosition: 4",
            "schema[daily_sales_v1]",
            "primaryKeyPosition 1 to 3",
        ),
        (
            "value: '2027-12-31'",
            "value: next year",
            "slaProperties[endOfLife].value",
            "a day as YYYY-MM-DD, found next year",
        ),
        (
            "select count(*) from daily_sales_v1 where not (unit_price >= 0)",
            "select sum(units_sold) from daily_sales_v1",
            "schema[daily_sales_v1].quality[daily_sales_v1_has_prices_that_are_not_negative].query",
            "a rule that dbt can hold on a candidate",
        ),
        ("unit: d", "unit: fortnight", "slaProperties[freshness].unit", "found fortnight"),
        ("apiVersion: v3.2.0", "apiVersion: v3.0.2", "apiVersion", "v3.2.0"),
        (
            "- type: library",
            "- customProperties: [{property: dbtTst, value: a}]\n        type: library",
            "schema[daily_sales_v1].quality[daily_sales_v1_has_one_row_per_product_store_and_day].customProperties[dbtTst].property",
            "unknown property 'dbtTst'",
        ),
        (
            "logicalType: object",
            "customProperties: [{property: notCompared, value: [sold_at]}]",
            "schema[daily_sales_v1].customProperties[notCompared].value",
            "found 'sold_at'",
        ),
    ],
)
def test_a_wrong_contract_is_one_line_with_file_line_and_field(
    products: Path, edit: Edit, old: str, new: str, field: str, finding: str
) -> None:
    edit(FILE, old, new)
    (line,) = lines_of(products)
    file, number, named, told = re.match(r"(.*?):(\d+): (.*?): (.*)", line).groups()  # type: ignore[union-attr]
    assert file == str(products / FILE)
    assert named == field
    assert finding in told
    assert "To mend it, " in told
    if field not in ("team.members", "schema[daily_sales_v1]") and "query" not in field:
        told_at = new.split("\n")[-1 if "physicalType" in field else 0]
        assert int(number) == line_of(products / FILE, told_at.strip())


def test_all_problems_of_all_contracts_are_told_at_once(products: Path, edit: Edit) -> None:
    edit(FILE, "status: active", "statu: active")
    edit(FILE, "description: Days from", "descr: Days from")
    edit("sales_events/contract_v1.odcs.yaml", "physicalType: VARCHAR", "physicalType: TEXTS")
    edit("sales_events/contract_v1.odcs.yaml", "required: true", "required: 1")
    told = lines_of(products)
    assert sorted(line.split(": ")[1] for line in told) == sorted(
        [
            "statu",
            "status",
            "slaProperties[freshness].descr",
            "schema[sales_events_v1].properties[event_id].physicalType",
            "schema[sales_events_v1].properties[event_id].required",
        ]
    )


def test_every_missing_key_is_told_beside_other_problems(products: Path, edit: Edit) -> None:
    edit(FILE, "id: daily-sales-v1\n", "")
    edit(FILE, "status: active\n", "")
    edit(FILE, "physicalType: VARCHAR", "physicalType: STRNG")
    told = [line.split(": ")[1] for line in lines_of(products)]
    column = "schema[daily_sales_v1].properties[product_id]"
    assert told == ["id", "status", f"{column}.physicalType"]


def test_a_value_of_the_wrong_type_does_not_make_its_neighbours_unknown(
    products: Path, edit: Edit
) -> None:
    edit(FILE, "required: true", "required: 3\n        clasification: internal")
    told = [line.split(": ")[1] for line in lines_of(products)]
    column = "schema[daily_sales_v1].properties[product_id]"
    assert told == [f"{column}.required", f"{column}.clasification"]


@pytest.mark.parametrize(
    ("text", "number", "finding"),
    [
        ("a: [1", 2, "expected YAML"),
        ("kind: x\nid: [}\n", 2, "expected YAML"),
        ("- a\n", 1, "a mapping of keys"),
        ("", 1, "a mapping of keys"),
        ("id: a\nkind: b\nid: c\n", 3, "each key once"),
        ("id: \x07", 1, "expected YAML"),
    ],
)
def test_a_contract_that_does_not_parse_says_where(
    products: Path, text: str, number: int, finding: str
) -> None:
    (products / FILE).write_text(text)
    (line,) = lines_of(products)
    assert line.startswith(f"{products / FILE}:{number}: ")
    assert finding in line


def test_a_contract_that_is_no_text_is_named(products: Path) -> None:
    (products / FILE).write_bytes(b"id: \xff\xfe")
    (line,) = lines_of(products)
    assert "text in UTF-8" in line
