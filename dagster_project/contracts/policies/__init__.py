"""Policies as code: what every data product keeps, by name, applied to all that are found."""

from __future__ import annotations

from dagster_project.contracts.policies.canvas import CANVAS_IS_COMPLETE
from dagster_project.contracts.policies.classifications import EVERY_COLUMN_IS_CLASSIFIED
from dagster_project.contracts.policies.descriptions import EVERYTHING_IS_DESCRIBED
from dagster_project.contracts.policies.exposures import EXPOSURES_USE_PUBLIC_MODELS
from dagster_project.contracts.policies.names import NAMES_TELL_WHAT_THINGS_ARE
from dagster_project.contracts.policies.objectives import REQUIRED_OBJECTIVES_ARE_PROMISED
from dagster_project.contracts.policies.owners import OWNER_CAN_BE_REACHED
from dagster_project.contracts.policies.personal_data import PERSONAL_DATA_IS_MASKED
from dagster_project.contracts.policies.public_models import PUBLIC_MODELS_ARE_PROMISED
from dagster_project.contracts.policies.violation import Evidence, Policy, Violation

POLICIES = (
    OWNER_CAN_BE_REACHED,
    EVERYTHING_IS_DESCRIBED,
    EVERY_COLUMN_IS_CLASSIFIED,
    REQUIRED_OBJECTIVES_ARE_PROMISED,
    NAMES_TELL_WHAT_THINGS_ARE,
    PUBLIC_MODELS_ARE_PROMISED,
    EXPOSURES_USE_PUBLIC_MODELS,
    PERSONAL_DATA_IS_MASKED,
    CANVAS_IS_COMPLETE,
)

__all__ = ["POLICIES", "Evidence", "Policy", "Violation", "violations"]


def violations(evidence: Evidence) -> list[Violation]:
    """Everything that breaks a policy, policy by policy."""
    return [found for policy in POLICIES for found in policy.violations(evidence)]
