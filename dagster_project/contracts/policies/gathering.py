"""Gather what policies look at, from the checkout alone: no home, no data, no network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dagster_project.contracts.declared_lineage import read_declared_lineage
from dagster_project.contracts.dry_build import DryBuild
from dagster_project.contracts.lineage import trace
from dagster_project.contracts.policies.personal_data import FRAME
from dagster_project.contracts.policies.violation import Evidence
from dagster_project.contracts.product import read_products
from dagster_project.forecasting.frames import feature_columns
from dagster_project.forecasting.inputs import SCALE, input_columns
from dagster_project.parameters import Parameters
from dagster_project.settings import DATA_PRODUCTS


def gather(build: DryBuild, products: Path = DATA_PRODUCTS) -> Evidence:
    """Read the products, and trace every column of a built project.

    Raises:
        DeclarationError: a descriptor or the declared lineage is wrong.
    """
    frame = pd.DataFrame(columns=list(build.columns[FRAME]))
    scales = {source.forecast.model.scale_column for source in build.sources}
    inputs = {*input_columns(feature_columns(frame)), *scales, Parameters().scale_column} - {SCALE}
    return Evidence(
        products=read_products(products),
        manifest=build.manifest,
        lineage=trace(build, read_declared_lineage(products)),
        model_inputs=tuple(sorted(inputs)),
    )
