"""Gather what policies look at, from the checkout alone: no home, no data, no network."""

from __future__ import annotations

import pandas as pd

from dagster_project.contracts.declared_lineage import DeclaredLineage
from dagster_project.contracts.dry_build import DryBuild
from dagster_project.contracts.lineage import trace
from dagster_project.contracts.policies.personal_data import FRAME
from dagster_project.contracts.policies.violation import Evidence
from dagster_project.contracts.product import Product
from dagster_project.forecasting.frames import feature_columns
from dagster_project.forecasting.inputs import SCALE, input_columns
from dagster_project.parameters import Parameters


def gather(products: tuple[Product, ...], declared: DeclaredLineage, build: DryBuild) -> Evidence:
    """Trace every column of a built project, and name those that a demand model reads."""
    frame = pd.DataFrame(columns=list(build.columns[FRAME]))
    scales = {source.forecast.model.scale_column for source in build.sources}
    inputs = {*input_columns(feature_columns(frame)), *scales, Parameters().scale_column} - {SCALE}
    return Evidence(
        products=products,
        manifest=build.manifest,
        lineage=trace(build, declared),
        model_inputs=tuple(sorted(inputs)),
    )
