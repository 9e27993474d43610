"""`meshcast contracts` on a copy of the descriptors and of what was generated from them."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner, Result

from dagster_project.assets import ports
from dagster_project.commands import contracts
from dagster_project.contracts.dbt_models import FOLDER
from dagster_project.settings import CHECKOUT, DATA_PRODUCTS, DBT_PROJECT

Run = Callable[..., Result]
CONTRACT = "sales_events/contract_v1.odcs.yaml"


@pytest.fixture
def products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder, project = tmp_path / "data_products", tmp_path / "dbt_project"
    shutil.copytree(DATA_PRODUCTS, folder)
    shutil.copytree(DBT_PROJECT / "tests", project / "tests")
    shutil.copytree(DBT_PROJECT / FOLDER, project / FOLDER)
    shutil.copytree(DBT_PROJECT / "models" / "staging", project / "models" / "staging")
    shutil.copy(DBT_PROJECT / "models" / "groups.yml", project / "models")
    monkeypatch.setattr(contracts, "DATA_PRODUCTS", folder)
    monkeypatch.setattr(contracts, "DBT_PROJECT", project)
    return folder


@pytest.fixture
def run(products: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MESHCAST_HOME", str(products.parent / "home"))

    def invoke(command: str, today: str = "2018-01-01") -> Result:
        monkeypatch.setenv("MESHCAST_TODAY", today)
        return CliRunner().invoke(contracts.app, [command])

    return invoke


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_contracts_of_this_checkout_agree_with_everything_that_follows(run: Run) -> None:
    ended = run("check")
    assert ended.exit_code == 0, ended.output
    assert "4 data products: every promise and what follows from it agree" in ended.output
    assert "meshcast contracts check" in (CHECKOUT / "Makefile").read_text()


def test_a_changed_contract_fails_the_check_until_it_is_bumped_told_and_synced(
    run: Run, products: Path
) -> None:
    model = products.parent / "dbt_project" / FOLDER / "sales_events.yml"
    edit(products / CONTRACT, "description: Where it was sold.", "description: A shop.")
    failed = run("check")
    assert failed.exit_code == 1
    told = failed.output
    assert f"{model}:" in told
    assert "columns[store_id].description: expected 'A shop.' (the contract)" in told
    assert "found 'Where it was sold.'" in told
    version = yaml.safe_load((products / CONTRACT).read_text())["version"]
    assert f"expected a minor version above {version}" in told

    following = f"1.{int(version.split('.')[1]) + 1}.0"
    edit(products / CONTRACT, f"version: {version}", f"version: {following}")
    product = products / "sales_events/product.odps.yaml"
    edit(product, f"    version: {version}", f"    version: {following}")
    changelog = products / "sales_events/CHANGELOG.md"
    edit(changelog, f"## {version}", f"## {following}\n\n* Shops.\n\n## {version}")
    synced = run("sync")
    assert synced.exit_code == 0, synced.output
    assert "13 generated files: 1 written, 12 unchanged, 0 removed" in synced.output
    assert "description: A shop." in model.read_text()
    assert run("check").exit_code == 0
    assert "13 generated files: 0 written, 13 unchanged" in run("sync").output

    assert f"released sales-events-v1 {following}" in run("release").output
    assert "nothing to release" in run("release").output


def test_what_breaks_consumers_cannot_be_released(run: Run, products: Path) -> None:
    edit(products / CONTRACT, "value: 400", "value: 4")
    ended = run("release")
    assert ended.exit_code == 1
    assert "Changed retention from 400 d to 4 d" in ended.output
    assert "value: 400" in (products / "sales_events/released/contract_v1.odcs.yaml").read_text()


def test_a_wrong_descriptor_fails_the_check_and_writes_nothing(run: Run, products: Path) -> None:
    edit(products / CONTRACT, "physicalType: VARCHAR", "physicalType: STRNG")
    edit(products / "daily_sales/product.odps.yaml", "type: aggregate", "typ: aggregate")
    edit(products / "daily_sales/contract_v2.odcs.yaml", "property: volume", "property: charm")
    models = products.parent / "dbt_project" / FOLDER
    before = {file: file.read_bytes() for file in models.iterdir()}
    failed = run("check")
    assert failed.exit_code == 1
    assert len([line for line in failed.output.splitlines() if "To mend it" in line]) == 2
    assert "expected a property that is measured" in failed.output
    assert run("sync").exit_code == 2
    assert {file: file.read_bytes() for file in models.iterdir()} == before


def test_sync_removes_the_file_of_a_table_that_is_no_longer_promised(
    run: Run, products: Path
) -> None:
    models = products.parent / "dbt_project" / FOLDER
    shutil.copy(models / "sales_events.yml", models / "sales_lines.yml")
    assert "sales_lines.yml:1" in run("check").output
    assert "1 removed" in run("sync").output
    assert not (models / "sales_lines.yml").exists()
    assert (models / "unit_tests.yml").exists()


def test_a_table_past_its_end_of_life_fails_the_check(run: Run) -> None:
    assert run("check", today="2027-12-31").exit_code == 0
    failed = run("check", today="2028-01-01")
    assert failed.exit_code == 1
    assert "expected an end of life of daily_sales_v1 after today, 2028-01-01" in failed.output


def test_what_dagster_says_of_a_port_is_held_against_its_contract(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = ports.port_spec

    def otherwise(*promised: object) -> dg.AssetSpec:
        spec = derived(*promised)  # type: ignore[arg-type]
        policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=9))
        return spec.replace_attributes(
            freshness_policy=policy, owners=["me@example.com"], description="Lines."
        )

    monkeypatch.setattr(ports, "port_spec", otherwise)
    failed = run("check")
    assert failed.exit_code == 1
    assert "sales_events_v1.freshness: expected 2 days, 0:00:00 (the contract), found 9 days" in (
        failed.output
    )
    assert "sales_events_v1.owner: expected ['sales-data@example.com'] (the contract)" in (
        failed.output
    )
    assert "sales_events_v1.description: " in failed.output
