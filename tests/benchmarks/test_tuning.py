"""What the search of parameters tries."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from benchmarks.tuning import GRID, draws
from dagster_project.parameters import Parameters


@pytest.mark.parametrize("loss", ["tweedie", "poisson"])
def test_the_declared_parameters_come_first_and_nothing_is_tried_twice(loss: str) -> None:
    base = Parameters(loss=loss, tweedie_power=1.2, members=3)
    tried = draws(base, 40)
    assert tried[0] == base and tried == draws(base, 40)
    assert len({astuple(one) for one in tried}) == 40
    for name, values in GRID.items():
        if name != "tweedie_power":
            assert {getattr(one, name) for one in tried[1:]} == set(values)
    powers = {one.tweedie_power for one in tried[1:]}
    assert powers == (set(GRID["tweedie_power"]) if loss == "tweedie" else {1.2})
    assert {one.members for one in tried} == {3}
