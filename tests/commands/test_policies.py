"""`meshcast policies`: what it prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.commands import policies
from dagster_project.contracts.lineage import Lineage, Unresolved
from dagster_project.contracts.policies import POLICIES, Evidence
from dagster_project.contracts.product import read_products

NOTHING_PROMISED = Evidence(
    products=(),
    manifest={"nodes": {}, "exposures": {}},
    lineage=Lineage({}, frozenset()),
    model_inputs=(),
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Evidence]:
    """What the command looks at in place of a build: the first of the list."""
    found = [NOTHING_PROMISED]

    @contextmanager
    def given() -> Iterator[Evidence]:
        yield found[0]

    monkeypatch.setattr(policies, "evidence_of_checkout", given)
    return found


@pytest.mark.usefixtures("seen")
def test_policies_that_hold_end_in_one_line() -> None:
    ended = CliRunner().invoke(app, ["policies", "check"])
    assert ended.exit_code == 0
    assert ended.stdout == (
        f"{len(POLICIES)} policies hold for 0 products; the origin of 0 columns is known\n"
    )
    as_json = CliRunner().invoke(app, ["policies", "check", "--json"])
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (0, [])


def test_each_violation_is_a_line_and_the_command_fails(seen: list[Evidence]) -> None:
    (product, *_) = read_products()
    contract = replace(product.contracts[0], tables=())
    lineage = Lineage({}, frozenset(), (Unresolved("events", "column [who] could not be\nread"),))
    broken = replace(product, owner="nobody", contracts=(contract,))
    seen[0] = replace(NOTHING_PROMISED, products=(broken,), lineage=lineage)

    ended = CliRunner().invoke(app, ["policies", "check"])

    assert ended.exit_code == 1
    assert ended.stdout == ""
    first, last = ended.stderr.splitlines()
    assert first.startswith(f"{product.name}: owner_can_be_reached: {product.folder.name}, owner:")
    assert last.startswith("every product: personal_data_is_masked: events: expected columns")
    assert "found column [who] could not be read. To mend it, " in last

    as_json = CliRunner().invoke(app, ["policies", "check", "--json"])
    assert as_json.exit_code == 1
    assert [set(violation) for violation in json.loads(as_json.stdout)] == [
        {"policy", "product", "object", "expected", "found", "remedy"}
    ] * 2


def test_the_list_names_every_policy_once() -> None:
    names = [policy.name for policy in POLICIES]
    assert len(set(names)) == len(names)
    listed = CliRunner().invoke(app, ["policies", "list"]).stdout.splitlines()
    assert [line.partition(":")[0] for line in listed] == names
    as_json = CliRunner().invoke(app, ["policies", "list", "--json"]).stdout
    assert [policy["policy"] for policy in json.loads(as_json)] == names
