from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from dagster_project.contracts.contract import read_contracts
from dagster_project.publishing import DataFile, PortManifest, Publication, TestResult
from dagster_project.publishing.contract_tests import (
    CHECKS,
    link_untested,
    resolved,
    run_public_tool,
)

CONTRACT = {
    "apiVersion": "v3.2.0",
    "kind": "DataContract",
    "id": "shop-v1",
    "version": "1.0.0",
    "status": "active",
    "servers": [
        {
            "server": "duckdb",
            "type": "duckdb",
            "database": "published/sales.duckdb",
            "schema": "main",
        },
        {
            "server": "parquet",
            "type": "local",
            "format": "parquet",
            "path": "published/current/{model}/*.parquet",
        },
    ],
    "schema": [
        {
            "name": "shop_v1",
            "physicalName": "shop_v1",
            "properties": [
                {
                    "name": "product_id",
                    "logicalType": "string",
                    "physicalType": "VARCHAR",
                    "required": True,
                    "primaryKey": True,
                    "primaryKeyPosition": 1,
                },
                {
                    "name": "known_at",
                    "logicalType": "timestamp",
                    "physicalType": "TIMESTAMP WITH TIME ZONE",
                    "required": True,
                },
                {
                    "name": "paths",
                    "logicalType": "array",
                    "physicalType": "FLOAT[2]",
                    "items": {"logicalType": "number", "physicalType": "FLOAT"},
                },
            ],
            "quality": [
                {
                    "type": "sql",
                    "name": "few",
                    "description": "Few rows.",
                    "query": "select count(*) from shop_v1",
                    "mustBeLessThan": 3,
                },
            ],
        }
    ],
    "slaProperties": [
        {"property": "freshness", "value": 2, "unit": "d", "element": "shop_v1.known_at"}
    ],
}

GOOD = "values ('milk', timestamptz '{day} 00:00:00+00', [1, 2]::float[2])"
BROKEN = f"{GOOD} union all {GOOD} union all values (null, timestamptz '{{day}}', null)"


def publish(folder: Path, rows: str) -> None:
    """A publication's folder, with a table as Parquet and a view of it in the port file."""
    (folder / "shop_v1").mkdir(parents=True)
    file = folder / "shop_v1" / "all.parquet"
    with duckdb.connect(str(folder / "sales.duckdb")) as connection:
        connection.execute(
            f"copy (select * from ({rows}) as t (product_id, known_at, paths)) to '{file}'"
        )
        connection.execute(
            "create view shop_v1 as select * replace (paths::float[2] as paths) from"
            f" read_parquet('{file}')"
        )


def arguments(folder: Path, place: Path) -> list[str]:
    """What the tool is told of a publication, on both servers."""
    told = []
    for server, checks in CHECKS.items():
        file = folder / f"{place.name}.{server}.yaml"
        document = resolved(CONTRACT, server, place=place, lateness=0)
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        told.append(f"{file}={server}={checks}")
    return told


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[TestResult]]:
    """What the public tool found of a good, a broken and a stale publication."""
    folder = tmp_path_factory.mktemp("publications")
    today = datetime.now(UTC).date()
    stale = date(today.year - 1, 1, 1)
    publish(folder / "good", GOOD.format(day=today))
    publish(folder / "broken", BROKEN.format(day=today))
    publish(folder / "stale", GOOD.format(day=stale))
    told = [
        argument
        for name in ("good", "broken", "stale")
        for argument in arguments(folder, folder / name)
    ]
    found: dict[str, list[TestResult]] = {"good": [], "broken": [], "stale": []}
    for result in run_public_tool(told):
        name = result.name.removeprefix("datacontract_").split("_")[0]
        found[name].append(result)
    return found


def test_the_public_tool_passes_on_good_files_with_both_servers(
    results: dict[str, list[TestResult]],
) -> None:
    assert [(item.name, item.status) for item in results["good"]] == [
        ("datacontract_good_duckdb", "pass"),
        ("datacontract_good_parquet", "pass"),
    ]
    assert int(str(results["good"][0].message).split()[0]) > 8


def test_a_broken_file_fails_on_both_servers_with_the_check_that_found_it(
    results: dict[str, list[TestResult]],
) -> None:
    failed = [item.name for item in results["broken"] if item.status == "fail"]

    assert any("_duckdb: shop_v1 Few rows" in name for name in failed), failed
    for server in ("duckdb", "parquet"):
        assert any(f"_{server}: " in name and "no missing values" in name for name in failed)
        assert any(f"_{server}: " in name and "duplicate" in name for name in failed)


def test_stale_data_is_a_warning_that_withholds_nothing(
    results: dict[str, list[TestResult]],
) -> None:
    (warned,) = [item for item in results["stale"] if item.status != "pass"]

    assert warned.status == "warn"
    assert "Freshness" in warned.name


def test_a_tool_that_ends_early_is_an_error_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="expected results of 1 contracts, found 0"):
        run_public_tool([f"{tmp_path}/none.yaml"])


def test_the_servers_of_all_contracts_lead_into_the_publication() -> None:
    for contract in read_contracts():
        document = yaml.safe_load(contract.file.read_text(encoding="utf-8"))
        ways: dict[str, Any] = {
            server: resolved(document, server, place=Path("/p/7"), lateness=10)["servers"][0]
            for server in CHECKS
        }
        secret = "restricted/" if contract.is_restricted else ""
        live = "live/" if contract.is_live else ""
        assert ways["duckdb"]["database"] == f"/p/7/{secret}sales.duckdb"
        assert ways["parquet"]["path"] == f"/p/7/{live}{{model}}/*.parquet"
        freshness = resolved(document, "duckdb", place=Path("/p/7"), lateness=10)["slaProperties"]
        assert [item["value"] for item in freshness if item["property"] == "freshness"] == [13]


def manifest(names: list[str], version: str = "1.0.0") -> Publication:
    files = tuple(
        DataFile(f"shop/v1/{name}.parquet", name, 1, 1, f"sha-{name}", "", "", "") for name in names
    )
    port = PortManifest("shop_v1", "shop", version, False, {}, len(names), "", files)
    moment = datetime(2018, 1, 1, tzinfo=UTC)
    return Publication(
        1,
        moment,
        "regular",
        None,
        None,
        moment.date(),
        1,
        moment,
        "m",
        "r",
        None,
        {},
        "",
        {"shop_v1": port},
    )


def linked(folder: Path, candidate: Publication, before: Publication | None) -> list[str]:
    target = folder / "new"
    link_untested(folder / "publication", candidate, before, target)
    return sorted(file.stem for file in (target / "shop_v1").iterdir())


def test_files_that_an_earlier_publication_was_tested_with_are_not_read_again(
    tmp_path: Path,
) -> None:
    assert linked(tmp_path / "a", manifest(["1", "2", "3"]), None) == ["1", "2", "3"]
    assert linked(tmp_path / "b", manifest(["1", "2", "3"]), manifest(["1", "2"])) == ["3"]
    assert linked(tmp_path / "c", manifest(["1", "2"]), manifest(["1", "2"])) == ["2"]
    other = manifest(["1", "2"], version="0.9.0")
    assert linked(tmp_path / "d", manifest(["1", "2"]), other) == ["1", "2"]


@pytest.mark.parametrize(("unit", "value"), [("d", 5), ("h", 74)])
def test_freshness_is_moved_by_days_in_whichever_unit_it_is_promised(unit: str, value: int) -> None:
    promise = {**CONTRACT["slaProperties"][0], "unit": unit}  # type: ignore[index]
    told = resolved(
        {**CONTRACT, "slaProperties": [promise]}, "duckdb", place=Path("/p"), lateness=2
    )
    assert told["slaProperties"][0]["value"] == value
