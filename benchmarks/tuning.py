"""A search for a source's model parameters: `python -m benchmarks.tuning SET HOME`.

What is declared first, then random draws from a grid (Bergstra and Bengio, 2012). Each is
fitted and scored at the set's rolling origins by the product's own code, point forecasts only. What
wins by more than chance is declared in the source's YAML, by hand.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.datasets import Dataset, read_set
from benchmarks.ours import cpu_seconds
from benchmarks.problem import QUANTILES, SERIES
from benchmarks.scores import rows_to_score, score_origin, with_forecast
from dagster_project.assets.frames import WarehouseHistory
from dagster_project.assets.training import forecast_scope
from dagster_project.forecasting.model import fit, predict
from dagster_project.parameters import Parameters
from dagster_project.settings import CHECKOUT
from dagster_project.warehouse import warehouse

GRID: dict[str, tuple[Any, ...]] = {
    "learning_rate": (0.03, 0.05, 0.1),
    "iterations": (100, 150, 250),
    "leaves": (15, 31, 63),
    "min_samples_leaf": (20, 50, 100, 300),
    "l2": (0.0, 1.0, 5.0),
    "feature_share": (0.4, 0.6, 0.8),
    "row_share": (0.5, 0.7, 1.0),
    "tweedie_power": (1.1, 1.3, 1.5),
}
SEED = 20171231
"""Of the draws; every model keeps the seed of the declared parameters."""

METRIC = {"m5": "wrmsse", "rossmann": "rmspe", "demo": "rmsse"}
RESULTS = CHECKOUT / "benchmarks" / "results"


def grid(base: Parameters) -> dict[str, tuple[Any, ...]]:
    """What of GRID changes a model: the Tweedie power has no effect with another loss."""
    return {
        name: values
        for name, values in GRID.items()
        if name != "tweedie_power" or base.loss == "tweedie"
    }


def draws(base: Parameters, count: int) -> list[Parameters]:
    """The parameters to try: `base`, then random draws from its grid, none of them twice.

    Raises:
        ValueError: the grid has fewer than `count` combinations.
    """
    names = grid(base)
    most = math.prod(len(values) for values in names.values())
    if count > most:
        raise ValueError(
            f"draws: expected at most {most}, the combinations there are, found {count}"
        )
    chance = random.Random(SEED)
    tried = [base]
    while len(tried) < count:
        drawn = replace(base, **{name: chance.choice(values) for name, values in names.items()})
        if drawn not in tried:
            tried.append(drawn)
    return tried


def scores(history: WarehouseHistory, dataset: Dataset, parameters: Parameters) -> list[float]:
    """The set's METRIC at each of its origins."""
    found = []
    for cutoff in dataset.cutoffs:
        model = fit(history.training_rows(cutoff), parameters)
        frame = history.scoring_rows(cutoff)
        units = predict(model, frame)
        forecast = frame[[*SERIES, "target_on"]].assign(
            units_mean=units, **dict.fromkeys(QUANTILES, units)
        )
        rows = with_forecast(rows_to_score(dataset, cutoff), forecast, "trial")
        records = score_origin(rows, dataset, "trial", cutoff)
        found += [
            float(one["score"])
            for one in records
            if one["metric"] == METRIC[dataset.name] and one["slice"] == "overall"
        ]
    return found


def main() -> None:
    """Try the draws on a home in which `dbt build` has run, and write a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("set", choices=METRIC)
    parser.add_argument("home", type=Path, help="home of the set, as benchmarks.accuracy builds it")
    parser.add_argument("--data", type=Path, default=CHECKOUT.parent / "shared" / "data")
    parser.add_argument("--trials", type=int, default=12)
    options = parser.parse_args()
    dataset, settings = read_set(options.set, options.data, options.home)
    rows = []
    with warehouse(settings) as connection:
        base = forecast_scope(settings).model
        history = WarehouseHistory(
            connection,
            known_through_on=dataset.last_day,
            max_rows=base.max_training_rows,
            seed=base.seed,
        )
        for parameters in draws(base, options.trials):
            started = cpu_seconds()
            found = scores(history, dataset, parameters)
            values = asdict(parameters)
            tried = ", ".join(f"{name} {values[name]}" for name in grid(base))
            rows.append((float(np.mean(found)), found, cpu_seconds() - started, tried))
            Console().print(f"{rows[-1][0]:.4f} {tried}", highlight=False, soft_wrap=True)
    _write(options.set, dataset, rows)


def _write(name: str, dataset: Dataset, rows: list[tuple[float, list[float], float, str]]) -> None:
    origins = " | ".join(cutoff.isoformat() for cutoff in dataset.cutoffs)
    lines = [
        f"# Search of the model parameters, {name}",
        "",
        f"{METRIC[name]} at each origin, the declared parameters first, then by their mean."
        " CPU s is for all origins, reading included.",
        "",
        f"| mean | {origins} | CPU s | parameters |",
        "| ---: |" + " ---: |" * (len(dataset.cutoffs) + 1) + " --- |",
    ]
    for mean, found, seconds, tried in [rows[0], *sorted(rows[1:])]:
        by_origin = " | ".join(f"{one:.3f}" for one in found)
        lines.append(f"| {mean:.4f} | {by_origin} | {seconds:.0f} | {tried} |")
    file = RESULTS / f"tuning_{name}.md"
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
