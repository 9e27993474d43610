"""What consumers rely on: read from their files, held against contracts, files and candidates."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from dagster_project import publishing
from dagster_project.cli import app
from dagster_project.contracts.contract import read_contracts
from dagster_project.contracts.expectations import (
    read_expectations,
    read_file,
    read_files,
    unpromised,
)
from dagster_project.declaration import DeclarationError
from dagster_project.publishing import check_expectations
from dagster_project.settings import Settings
from tests.publishing.invented_ports import fill, publish

TODAY = date(2018, 1, 1)
COLUMNS = {"product_id": "text", "units": "decimal(18,4)", "sold_on": "date", "days": "int"}

# Milk sold on two days, in its third row nothing is known, and one row stands there twice.
SOLD = """
create table sold_v1 as
select * from (values
    ('milk', 1::decimal(18, 4), date '2017-12-30', 1),
    ('milk', 3::decimal(18, 4), date '2017-12-31', 2),
    ('milk', null, null, 3),
    ('soap', 9::decimal(18, 4), date '2017-12-31', 1),
    ('soap', 9::decimal(18, 4), date '2017-12-31', 1)
) as rows(product_id, units, sold_on, days)
"""


@pytest.fixture
def port_file(tmp_path: Path) -> Path:
    """A port file with one published table, where a publication has its restricted one."""
    file = tmp_path / "publication" / "restricted" / "sales.duckdb"
    file.parent.mkdir(parents=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute(SOLD)
    return file


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Path]:
    """Write an expectation file for one table, changed as the test wants."""

    def write(*, name: str = "shelves", product: str = "sold", **changes: Any) -> Path:
        use = {"table": "sold_v1", "columns": COLUMNS}
        use |= {
            key: changes.pop(key)
            for key in ("table", "columns", "rules", "severity")
            if key in changes
        }
        content = {
            "consumer": name,
            "owner": f"{name}@example.com",
            "purpose": "To fill shelves.",
            "uses": [use],
        }
        file = tmp_path / "products" / product / "consumers" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content | changes, sort_keys=False))
        return file

    return write


def check(port_file: Path, *files: Path) -> list[publishing.ExpectationResult]:
    return check_expectations(port_file, *read_files(files), TODAY)


def broken(port_file: Path, *files: Path) -> list[tuple[str, str, int | None]]:
    return [
        (item.where, item.status, item.failures)
        for item in check(port_file, *files)
        if item.status != "pass"
    ]


def test_a_file_says_who_relies_on_which_columns_of_which_version(
    declare: Callable[..., Path],
) -> None:
    found = read_file(declare(rules=[{"min_rows": 3}], severity="warn"))
    (use,) = found.uses
    assert (found.consumer, found.owner) == ("shelves", "shelves@example.com")
    assert use.table == "sold_v1"
    assert use.columns["product_id"] == "VARCHAR"
    assert use.columns["days"] == "INTEGER"
    assert [(rule.name, rule.severity) for rule in use.rules] == [("min_rows 3", "warn")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"owner": "somebody"}, "owner: expected an e-mail address, found 'somebody'"),
        ({"uses": []}, "uses: expected at least one table"),
        ({"tables": []}, "unknown key 'tables'"),
        ({"columns": {}}, "columns: expected the columns it reads"),
        ({"columns": {"units": "money"}}, r"columns\.units: expected a type of DuckDB's"),
        ({"severity": "fatal"}, "severity: expected one of error, warn"),
        ({"rules": [{"not_null": ["price"]}]}, r"columns that stand in `columns`.*\['price'\]"),
        ({"rules": [{"not_null": []}]}, "expected a list of columns"),
        ({"rules": [{"severity": "warn"}]}, "expected one of not_null, unique"),
        ({"rules": [{"min_rows": 1, "not_null": ["days"]}]}, "expected one of not_null, unique"),
        ({"rules": [{"min_rows": 0}]}, "a whole number of at least 1"),
        ({"rules": [{"between": {"column": "units", "lowest": 2, "highest": 1}}]}, "not above"),
        ({"rules": [{"reaches": {"column": "days", "at_least": "x"}}]}, "expected a number"),
        ({"rules": [{"holds": "units <="}]}, "a condition on the columns of one row"),
        ({"rules": [{"holds": "price > 1"}]}, "columns that stand in `columns`"),
        ({"rules": [{"holds": "units > (select 1)"}]}, "leave out sub-queries"),
        ({"rules": [{"holds": "units > sum(units)"}]}, "leave out sub-queries"),
        ({"rules": [{"holds": "days > 0) or (days < 9"}]}, "write one condition"),
        ({"rules": [{"holds": "true) union select (1"}]}, "write one condition"),
        ({"rules": [{"holds": "1 = 1"}]}, "name a column"),
    ],
)
def test_a_file_that_is_not_what_it_must_be_is_told_by_place_and_finding(
    declare: Callable[..., Path], changes: dict[str, Any], message: str
) -> None:
    file = declare(**changes)
    with pytest.raises(DeclarationError, match=message) as error:
        read_file(file)
    assert str(error.value).startswith(f"{file}: ")


def test_a_file_that_cannot_be_read_stops_none_of_the_others(
    declare: Callable[..., Path], port_file: Path
) -> None:
    good = declare()
    bad = declare(name="broken")
    bad.write_text("uses: [")
    gone = bad.with_name("gone.yaml")
    gone.symlink_to("nowhere.yaml")
    readable, unreadable = read_expectations(good.parents[2])
    assert [item.file for item in readable] == [good]
    assert [item.file for item in unreadable] == [bad, gone]
    assert "expected YAML" in unreadable[0].problem
    assert "expected a file that can be read" in unreadable[1].problem
    results = check_expectations(port_file, readable, unreadable, TODAY)
    assert [item.status for item in results] == ["warn"] * 2 + ["pass"] * len(COLUMNS)
    assert results[0].name == "sold/consumers/broken.yaml cannot be read"


@pytest.mark.parametrize(
    ("rule", "failures"),
    [
        ({"not_null": ["product_id", "days"]}, 0),
        ({"not_null": ["product_id", "units"]}, 1),
        ({"unique": ["product_id", "days"]}, 1),
        ({"unique": ["product_id", "units", "days", "sold_on"]}, 1),
        ({"between": {"column": "units", "lowest": 1, "highest": 9}}, 0),
        ({"between": {"column": "units", "lowest": 1.5, "highest": 8}}, 3),
        ({"min_rows": 5}, 0),
        ({"min_rows": 6}, 1),
        ({"reaches": {"column": "days", "at_least": 3}}, 0),
        ({"reaches": {"column": "days", "at_least": 2, "per": ["product_id"]}}, 1),
        ({"fresh": {"column": "sold_on", "within_days": 1}}, 0),
        ({"holds": "days > 0"}, 0),
        ({"holds": "days > 1 -- most of them"}, 3),
        ({"holds": "units > 0"}, 1),
    ],
)
def test_a_rule_counts_the_rows_that_break_it(
    declare: Callable[..., Path], port_file: Path, rule: dict[str, Any], failures: int
) -> None:
    expected = [("sold_v1", "fail", failures)] if failures else []
    assert broken(port_file, declare(rules=[rule])) == expected


def test_data_grow_old_and_an_empty_table_reaches_nothing(
    declare: Callable[..., Path], port_file: Path
) -> None:
    rules = [
        {"fresh": {"column": "sold_on", "within_days": 1}},
        {"reaches": {"column": "days", "at_least": 1}},
    ]
    readable, bad = read_files([declare(rules=rules)])
    late = check_expectations(port_file, readable, bad, date(2018, 1, 2))
    assert [item.message for item in late if item.status == "fail"] == [
        "expected fresh sold_on within 1 days, found 1 rows that are otherwise, newest 2017-12-31"
    ]
    with duckdb.connect(str(port_file)) as connection:
        connection.execute("delete from sold_v1")
    empty = check_expectations(port_file, readable, bad, TODAY)
    assert [item.rule for item in empty if item.status == "fail"] == [
        "fresh sold_on within 1 days",
        "reaches days 1",
    ]


def test_a_missing_version_or_column_or_another_type_breaks_its_consumer_by_name(
    declare: Callable[..., Path], port_file: Path
) -> None:
    old = declare(name="old", table="sold_v2")
    columns = {"units": "double", "price": "double", "days": "int"}
    rules = [{"not_null": ["price"]}, {"not_null": ["days"]}]
    other = declare(name="other", columns=columns, rules=rules)
    found = [item for item in check(port_file, old, other) if item.status != "pass"]
    assert [(item.name, item.message) for item in found] == [
        (
            "what old relies on, sold_v2 is published",
            "expected sold_v2, found only sold_v1",
        ),
        (
            "what other relies on, sold_v1.units is DOUBLE",
            "expected DOUBLE, found DECIMAL(18,4)",
        ),
        (
            "what other relies on, sold_v1.price is DOUBLE",
            "expected DOUBLE, found no such column",
        ),
    ]
    assert {item.status for item in found} == {"fail"}


def test_severity_warn_tells_and_blocks_nothing(
    declare: Callable[..., Path], port_file: Path
) -> None:
    rules = [{"min_rows": 9, "severity": "warn"}, {"min_rows": 8}]
    assert broken(port_file, declare(rules=rules)) == [
        ("sold_v1", "warn", 1),
        ("sold_v1", "fail", 1),
    ]
    assert broken(port_file, declare(columns={"price": "int"}, severity="warn")) == [
        ("sold_v1.price", "warn", None)
    ]


def test_a_rule_that_is_no_sql_of_duckdbs_is_its_owners_problem(
    declare: Callable[..., Path], port_file: Path
) -> None:
    rules = [{"holds": "shelf_of(product_id) = 1"}, {"holds": "error(product_id) is null"}]
    unknown, stopped = [
        item for item in check(port_file, declare(rules=rules)) if item.status != "pass"
    ]
    assert unknown.status == "warn"
    assert "shelf_of(product_id) = 1 cannot be run" in unknown.message
    assert stopped.status == "error"
    assert "milk" not in stopped.message, "an error's text may quote a row"


def test_the_sql_of_a_consumer_reads_nothing_but_the_publication(
    declare: Callable[..., Path], port_file: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.parquet"
    inside = port_file.parent / "inside.parquet"
    with duckdb.connect(str(port_file)) as connection:
        for file in (secret, inside):
            connection.execute(f"copy (select 1 as days) to '{file}'")
        # A table of ours could be such a view by mistake; a rule itself cannot name a file.
        connection.execute(f"create view outside_v1 as from read_parquet('{secret}')")
        connection.execute(f"create view inside_v1 as from read_parquet('{inside}')")
    columns = {"days": "int"}
    outside = check(port_file, declare(table="outside_v1", columns=columns))
    assert [(item.status, item.rule) for item in outside] == [("fail", "can be read")]
    assert not broken(port_file, declare(table="inside_v1", columns=columns))


def test_a_consumer_may_rely_on_a_table_that_is_refreshed_beside_the_publication(
    settings: Settings, declare: Callable[..., Path]
) -> None:
    fill(settings)
    publish(settings)
    columns = {"product": "text", "met": "boolean"}
    file = declare(table="slo_status_v1", columns=columns, rules=[{"not_null": ["product"]}])
    results = check_expectations(
        settings.published / "restricted" / "sales.duckdb", *read_files([file]), TODAY
    )
    assert [item.status for item in results] == ["pass"] * 3


def test_what_no_contract_promises_is_told_without_any_data(declare: Callable[..., Path]) -> None:
    column = partial(SimpleNamespace, description="")
    table: Any = SimpleNamespace(
        relation="sold_v1",
        columns=(
            column(name="product_id", physical_type="VARCHAR"),
            column(name="units", physical_type="DOUBLE"),
        ),
    )
    contract: Any = SimpleNamespace(tables=(table,))
    columns = {"product_id": "text", "units": "decimal(18,4)", "price": "double"}
    assert list(unpromised(read_file(declare(columns=columns)), [contract])) == [
        ("sold_v1.units", "expected DECIMAL(18,4), found that DOUBLE is promised"),
        ("sold_v1.price", "expected a promised column, which are product_id, units"),
    ]
    assert list(unpromised(read_file(declare(table="sold_v9")), [contract])) == [
        ("sold_v9", "expected a table that a contract promises, which are sold_v1")
    ]


def test_what_the_committed_files_rely_on_is_promised() -> None:
    readable, bad = read_expectations()
    assert not bad
    assert {item.consumer for item in readable} >= {"replenishment"}
    assert publishing.check_promises(readable, read_contracts()) == []


def test_a_candidate_that_would_break_a_consumer_is_not_published(
    settings: Settings, declare: Callable[..., Path]
) -> None:
    fill(settings)
    columns = {"product_id": "text", "units_sold": "decimal(18,4)"}
    use = {"table": "daily_sales_v1", "columns": columns, "name": "shelves"}
    products = declare(**use, rules=[{"holds": "units_sold < 3"}]).parents[2]
    declare(name="broken").write_text("uses: [")
    with pytest.raises(publishing.AuditFailed) as error:
        publish(settings, partial(publishing.consumer_tests, products=products))
    told = "what shelves relies on, daily_sales_v1 holds units_sold < 3 (1 rows)"
    assert f"failed {told}." in str(error.value)
    assert publishing.current_publication(settings) is None
    audited = {
        item["name"]: item for item in json.loads((error.value.folder / "audit.json").read_text())
    }
    assert audited["sold/consumers/broken.yaml cannot be read"]["status"] == "warn"
    assert audited[told.removesuffix(" (1 rows)")]["message"].endswith("(ask shelves@example.com)")
    rows = json.loads((error.value.folder / "restricted" / "audit.json").read_text())
    assert rows[-1]["rows"] == [{"units_sold": "3.0000"}]

    declare(**use, rules=[{"holds": "units_sold < 3", "severity": "warn"}])
    published = publish(settings, partial(publishing.consumer_tests, products=products))
    assert published.number == 1
    results = publishing.check_published(settings, products)
    assert [item.status for item in results] == ["warn", "pass", "pass", "warn"]


def test_a_consumer_can_try_a_file_against_what_is_published(
    published_home: Path, declare: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHCAST_HOME", str(published_home))
    columns = {"product_id": "text", "horizon_days": "integer"}
    tried = declare(table="sales_forecast_v1", columns=columns, rules=[{"min_rows": 9_000_000}])
    ran = CliRunner().invoke(app, ["expectations", "check", str(tried)])
    assert ran.exit_code == 1
    assert "min_rows 9000000" in ran.stdout
    assert (
        "shelves (shelves@example.com), sales_forecast_v1: 2 of 3 expectations kept" in ran.stdout
    )
    bad = declare(name="broken", owner="nobody")
    ran = CliRunner().invoke(app, ["expectations", "check", "--json", str(bad)])
    assert ran.exit_code == 2
    assert json.loads(ran.stdout)[0]["status"] == "warn"


def test_without_a_publication_the_contracts_are_asked(
    tmp_path: Path, declare: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHCAST_HOME", str(tmp_path / "empty"))
    ran = CliRunner().invoke(app, ["expectations", "check", str(declare(table="weekly_sales_v1"))])
    assert ran.exit_code == 1
    assert "expected a table that a contract promises" in ran.stdout
    ran = CliRunner().invoke(app, ["expectations", "check"])
    assert ran.exit_code == 0
    assert "replenishment (replenishment@example.com), sales_forecast_v1: 0 of 0" in ran.stdout
    assert "only the contracts were asked" in ran.stderr
