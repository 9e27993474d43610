"""The canvas of a product has its ten parts, and names every port."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.contracts.policies import Evidence
from dagster_project.contracts.policies.canvas import CANVAS_IS_COMPLETE, PARTS
from dagster_project.settings import DATA_PRODUCTS

README = (DATA_PRODUCTS / "sales_events" / "README.md").read_text()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_missing_or_empty_is_named(
    one: Callable[..., Evidence], tmp_path: Path, part: str
) -> None:
    rows = README.splitlines(keepends=True)
    row = next(row for row in rows if row.startswith(f"| **{part}** |"))
    for found, text in {
        "found none": README.replace(row, ""),
        "found an empty one": README.replace(row, f"| **{part}** | |\n"),
    }.items():
        (tmp_path / "README.md").write_text(text)
        violations = CANVAS_IS_COMPLETE.violations(one(product={"folder": tmp_path}))
        told = str(next(violations))
        assert f"expected the part `{part}`, {found}" in told


def test_a_canvas_that_forgets_a_port_is_incomplete(one: Callable[..., Evidence]) -> None:
    (told,) = CANVAS_IS_COMPLETE.violations(one(table={"relation": "sales_lines_v1"}))
    assert told.expected == "the port `sales_lines_v1`"


def test_a_canvas_leads_to_what_consumers_rely_on(
    one: Callable[..., Evidence], tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(README)
    changed = one(product={"folder": tmp_path})
    assert list(CANVAS_IS_COMPLETE.violations(changed)) == []
    (tmp_path / "consumers").mkdir()
    (told,) = CANVAS_IS_COMPLETE.violations(changed)
    assert "expected a link to consumers/" in str(told)
    row = "| **Consumers and use cases** | "
    (tmp_path / "README.md").write_text(README.replace(row, f"{row}[consumers/](consumers), "))
    assert list(CANVAS_IS_COMPLETE.violations(changed)) == []


def test_a_product_without_a_canvas_misses_every_part(
    one: Callable[..., Evidence], tmp_path: Path
) -> None:
    shutil.copy(DATA_PRODUCTS / "sales_events" / "CHANGELOG.md", tmp_path)
    found = list(CANVAS_IS_COMPLETE.violations(one(product={"folder": tmp_path})))
    assert [violation.expected for violation in found][:10] == [f"the part `{x}`" for x in PARTS]


def test_the_canvases_of_this_checkout_are_complete(evidence: Evidence) -> None:
    assert list(CANVAS_IS_COMPLETE.violations(evidence)) == []
