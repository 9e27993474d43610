"""Whoever is told to use something is told to use what is promised."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.contracts.policies.public_models import PUBLIC
from dagster_project.contracts.policies.violation import (
    EVERY_PRODUCT,
    Evidence,
    Policy,
    Violation,
)

NAME = "exposures_use_public_models"


def _violations(evidence: Evidence) -> Iterator[Violation]:
    nodes = evidence.manifest["nodes"]
    for exposure in evidence.manifest.get("exposures", {}).values():
        for used in exposure["depends_on"]["nodes"]:
            node = nodes.get(used)
            if node is None or node.get("access") != PUBLIC:
                yield Violation(
                    policy=NAME,
                    product=EVERY_PRODUCT if node is None else evidence.product_of(node["alias"]),
                    object=f"{exposure['original_file_path']}, exposure {exposure['name']}",
                    expected="public models only",
                    found=f"{used} ({node['access'] if node else 'no model'})",
                    remedy="use a published table, or publish what is needed",
                )


EXPOSURES_USE_PUBLIC_MODELS = Policy(
    NAME, "Each dbt exposure depends on public models only.", _violations
)
