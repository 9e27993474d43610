"""The service levels as checks of Dagster."""

from __future__ import annotations

import dagster as dg
import pytest

from dagster_project.assets.service_levels import build_service_level_checks
from dagster_project.settings import Settings


def test_before_the_first_publication_there_is_nothing_to_measure(settings: Settings) -> None:
    measure = build_service_level_checks()
    with pytest.raises(dg.Failure) as failure:
        list(measure(settings=settings))
    assert "expected a publication in" in (failure.value.description or "")
