"""What Python carries is declared in one file, which is read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.contracts.declared_lineage import read_declared_lineage
from dagster_project.declaration import DeclarationError
from dagster_project.settings import CHECKOUT, DATA_PRODUCTS

TEXT = (DATA_PRODUCTS / "lineage.yaml").read_text()


def test_the_only_mask_is_the_keyed_hash_and_every_table_of_state_is_told_of() -> None:
    declared = read_declared_lineage()
    assert declared.masks == {"hash_customer"}
    told = {hop.relation for hop in declared.hops}
    assert {"state.forecast_ledger", "state.forecast_paths", "state.model_versions"} <= told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("functions:", "function:", "expected one of the keys functions, digests, tables"),
        ("hash_customer: masks", "hash_customer: hides", "expected one of masks, passes"),
        ("forecast.py::append_forecast", "forecast.py::write", "of a Python function of this"),
        ("assets/forecast.py", "assets/nowhere.py", "of a Python function of this checkout"),
        ("    because: MD5 of all", "    why: MD5 of all", "the unknown key 'why'"),
        ("functions:", "functions: [", "expected YAML"),
    ],
)
def test_what_is_declared_wrongly_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in TEXT
    (tmp_path / "lineage.yaml").write_text(TEXT.replace(old, new, 1))
    with pytest.raises(DeclarationError, match=r"lineage\.yaml") as refused:
        read_declared_lineage(tmp_path, CHECKOUT)
    assert told in str(refused.value)


def test_without_the_file_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="expected this file, found none"):
        read_declared_lineage(tmp_path)
