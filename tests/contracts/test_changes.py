"""What breaks whom: many changes in each pair of contracts, since a pair costs seconds."""

from datetime import date
from pathlib import Path

from dagster_project.contracts.changes import Change, changes
from dagster_project.contracts.contract import Contract, contract_of
from dagster_project.contracts.document import Document, read_document
from dagster_project.settings import DATA_PRODUCTS

TODAY = date(2018, 1, 1)
EVENTS = DATA_PRODUCTS / "sales_events" / "contract_v1.odcs.yaml"
DAILY = DATA_PRODUCTS / "daily_sales" / "contract_v1.odcs.yaml"


DATE = "logicalType: date\n        physicalType: DATE"
PATHS = """\
      - name: paths
        description: What may come.
        logicalType: array
        physicalType: FLOAT[2]
        items: {logicalType: number, physicalType: FLOAT}
        classification: internal
"""

VECTOR = """\
logicalType: vector
        logicalTypeOptions: {dimensions: 2}
        physicalType: VECTOR(2)"""


def contract(folder: Path, name: str, text: str) -> Contract:
    file = folder / f"{name}.odcs.yaml"
    file.write_text(text)
    document = read_document(file)
    assert isinstance(document, Document), document
    return contract_of(document)


def edited(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def changed(folder: Path, before: str, after: str, today: date = TODAY) -> list[Change]:
    return changes(contract(folder, "old", before), contract(folder, "new", after), today)


def block(text: str, start: str, end: str) -> str:
    first = text.index(start)
    return text[first : text.index(end, first + len(start))]


def test_what_breaks_consumers_is_told_whether_the_tool_sees_it_or_not(tmp_path: Path) -> None:
    before = edited(
        EVENTS.read_text(),
        (
            "- name: net_amount\n",
            "- name: net_amount\n        customProperties: [{property: unit, value: euro}]\n",
        ),
        (
            "slaProperties:\n",
            "slaProperties:\n"
            "  - {property: latency, value: 2, unit: m}\n"
            "  - {property: availability, value: 99, unit: percent}\n"
            "  - {property: bias, value: 0.1}\n",
        ),
    )
    after = edited(
        before,
        (block(before, "      - name: currency\n", "      - name: quantity\n"), ""),
        ("logicalType: timestamp\n        physicalType: TIMESTAMP_TZ", DATE),
        ("physicalType: DECIMAL(18,4)", "physicalType: DECIMAL(9,2)"),
        ("value: euro", "value: cent"),
        ("primaryKeyPosition: 2\n        required: true", "primaryKeyPosition: 2"),
        ("classification: internal", "classification: restricted"),
        (block(before, "      - type: library\n", "      - type: sql\n"), ""),
        ("where not (known_on >= sold_on)", "where not (known_on >= sold_on - 1)"),
        ("value: 400", "value: 30"),
        ("value: 2\n    unit: d", "value: 3\n    unit: d"),
        ("value: 2, unit: m", "value: 3, unit: m"),
        ("value: 99", "value: 95"),
        ("value: 0.1", "value: 0.2"),
        ("role: sales_restricted_reader", "role: sales_reader"),
        ("published/restricted/sales.duckdb", "published/sales.duckdb"),
    )
    table = "schema.sales_events_v1"
    told = {change.path for change in changed(tmp_path, before, after) if _breaks(change)}
    assert told >= {
        f"{table}.properties.currency",
        f"{table}.properties.sold_at.logicalType",
        f"{table}.properties.quantity.physicalType",
        f"{table}.properties.event_id.required",
        f"{table}.quality.sales_events_v1_has_one_row_per_event",
        f"{table}.quality.sales_events_v1_is_not_known_before_it_is_sold.query",
        "slaProperties.freshness.value",
        # What the tool takes for a note:
        f"{table}.properties.net_amount.unit",
        f"{table}.properties.event_id.classification",
        "slaProperties.retention",
        "slaProperties.latency",
        "slaProperties.availability",
        "slaProperties.bias",
        "roles.sales_restricted_reader",
        "servers",
    }


def test_a_changed_key_or_order_and_a_dropped_promise_break_consumers(tmp_path: Path) -> None:
    before = DAILY.read_text()
    price = block(before, "      - name: unit_price\n", "      - name: is_promoted\n")
    after = edited(
        before,
        (price, ""),
        ("      - name: product_id\n", f"{price}      - name: product_id\n"),
        ("        primaryKey: true\n        primaryKeyPosition: 3\n", ""),
        ("  - name: likely_stockouts_v1\n", "  - name: stockouts_v1\n"),
        ("property: retention", "property: kept"),
    )
    told = {change.path for change in changed(tmp_path, before, after) if _breaks(change)}
    assert {
        "schema.daily_sales_v1.key",
        "schema.daily_sales_v1.properties",
        "schema.likely_stockouts_v1",
        "slaProperties.retention",
    } <= told


def test_what_only_adds_or_tightens_breaks_no_consumer(tmp_path: Path) -> None:
    before = DAILY.read_text()
    after = edited(
        before,
        ("purpose: >-\n", "purpose: >-\n    Really.\n"),
        ("    value: 2\n", "    value: 24\n"),
        ("    unit: d\n", "    unit: h\n"),
        ("value: 400", "value: 500"),
        (
            "    quality:\n",
            "      - name: note\n"
            "        description: What is new.\n"
            "        logicalType: string\n"
            "        physicalType: VARCHAR\n"
            "        classification: internal\n"
            "    quality:\n",
        ),
    )
    found = changed(tmp_path, before, after)
    assert [change for change in found if _breaks(change)] == []
    assert {change.path for change in found} >= {
        "schema.daily_sales_v1.properties.note",
        "slaProperties.retention",
    }
    assert changed(tmp_path, before, before) == []


def test_another_spelling_of_the_same_type_breaks_nobody_and_another_length_does(
    tmp_path: Path,
) -> None:
    before = edited(
        EVENTS.read_text(),
        ("physicalType: TIMESTAMP_TZ", "physicalType: TIMESTAMP WITH TIME ZONE"),
        ("    quality:\n", f"{PATHS}    quality:\n"),
    )
    after = edited(
        before,
        ("physicalType: TIMESTAMP WITH TIME ZONE", "physicalType: TIMESTAMP_TZ"),
        ("logicalType: array\n        physicalType: FLOAT[2]", VECTOR),
        ("        items: {logicalType: number, physicalType: FLOAT}\n", ""),
    )
    assert changed(tmp_path, before, after) == []
    longer = edited(after, ("dimensions: 2", "dimensions: 3"), ("VECTOR(2)", "VECTOR(3)"))
    told = {change.path for change in changed(tmp_path, after, longer) if _breaks(change)}
    assert "schema.sales_events_v1.properties.paths.physicalType" in told


def test_a_table_may_go_after_its_end_of_life_and_not_before(tmp_path: Path) -> None:
    before = DAILY.read_text()
    end = block(before, "  - property: endOfLife\n", "  - property: freshness\n")
    after = edited(
        before,
        (block(before, "  - name: daily_sales_v1\n", "  - name: likely_stockouts_v1\n"), ""),
        (end, ""),
        ("element: daily_sales_v1.last_known_on", "element: likely_stockouts_v1.known_on"),
    )
    gone = "schema.daily_sales_v1"
    early = changed(tmp_path, before, after, date(2027, 12, 31))
    late = changed(tmp_path, before, after, date(2028, 1, 1))
    assert gone in {change.path for change in early}
    assert gone not in {change.path for change in late}


def _breaks(change: Change) -> bool:
    return change.breaks == "consumer"
