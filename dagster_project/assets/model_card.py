"""The model card: what a person should know of a model before relying on it.

Its sections are the nine of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), in
their order. Everything in it is filled from the run that trained the model.
"""

from __future__ import annotations

from dataclasses import asdict

import duckdb
import numpy as np
import pandas as pd

from dagster_project.assets.documents import render
from dagster_project.assets.evidence import (
    SHORT_NAMES,
    WORST_SHOWN,
    markdown_table,
    score_table,
)
from dagster_project.forecasting.explanation import GROUPS, group_of
from dagster_project.forecasting.forecast import ForecastModel
from dagster_project.forecasting.rungs import MODEL, SEASONAL_NAIVE
from dagster_project.models import ModelRecord
from dagster_project.publishing import INPUTS_FILE, MACRO_FILE, Publication

CARD_FILE = "model_card.md"
SECTIONS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)
"""The sections of the published proposal, in its order."""

SERIES_BY_RUNG = """
select
    product_id,
    store_id,
    max(days) as days,
    max(rmsse) filter (where rung = $model)::double as rmsse,
    max(rmsse) filter (where rung = $baseline)::double as baseline_rmsse
from state.forecast_value_added
where model_version = $version and slice = 'series'
group by product_id, store_id
having count(rmsse) filter (where rung in ($model, $baseline)) = 2
order by product_id, store_id
"""


def baseline_card(publication: Publication, contact: str) -> str:
    """The card of a forecast that no model has made."""
    return render("baseline_card.md.j2", publication=publication, contact=contact)


def model_card(
    record: ModelRecord,
    model: ForecastModel,
    scores: pd.DataFrame,
    *,
    frame: pd.DataFrame,
    by_series: pd.DataFrame,
    contact: str,
    holdout_rows: int,
) -> str:
    """The card of a model, as Markdown.

    Args:
        record: what the warehouse knows of the model.
        model: the model.
        scores: of its backtest.
        frame: the inputs of the published forecast.
        by_series: product_id, store_id, days, rmsse and baseline_rmsse; may be empty.
        contact: whom to ask.
        holdout_rows: rows of holdout.parquet.
    """
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in model.demand.features:
        groups[group_of(name)].append(f"`{name}`")
    return render(
        "model_card.md.j2",
        record=record,
        contact=contact,
        reasons="; ".join(record.reasons) or record.verdict,
        packages=", ".join(f"{name} {version}" for name, version in record.packages.items()),
        parameters=", ".join(
            f"{name} {value}" for name, value in asdict(record.parameters).items()
        ),
        features="\n".join(
            f"* {group}: {', '.join(names)}" for group, names in groups.items() if names
        ),
        evaluation=_evaluation(record, scores),
        scores=_unitary(scores),
        by_series=_intersectional(by_series),
        horizon=int(frame["horizon_days"].max()),
        fallbacks=len(model.calibration.fallbacks),
        holdout=holdout_rows,
        macro_file=MACRO_FILE,
        inputs_file=INPUTS_FILE,
    )


def series_scores(connection: duckdb.DuckDBPyConnection, model_version: str) -> pd.DataFrame:
    """RMSSE of model and baseline for each series of a model's backtest, where both are defined."""
    return connection.execute(
        SERIES_BY_RUNG, {"model": MODEL, "baseline": SEASONAL_NAIVE, "version": model_version}
    ).df()


def _evaluation(record: ModelRecord, scores: pd.DataFrame) -> str:
    """Which past origins the model was held against, and why these."""
    cutoffs = sorted(pd.to_datetime(scores["cutoff_on"].dropna()).dt.date.unique())
    scored = scores[
        scores["cutoff_on"].isna()
        & (scores["slice"] == "overall")
        & (scores["method"] == "published")
        & (scores["metric"] == "rmsse")
    ]
    observations = int(scored["observations"].sum())
    return (
        f"{len(cutoffs)} rolling origins up to {record.trained_through_on} "
        f"({', '.join(map(str, cutoffs))}), {observations:,} series days: the model is fitted "
        "again on what was known at each and forecasts the days after it, so that every score is "
        "out of sample and as old as what is forecast today. Prepared like the training data; days "
        "on which a store was closed are not scored."
    )


def _unitary(scores: pd.DataFrame) -> str:
    """A table per factor; of categories and stores the worst."""
    tables = []
    for name in ("overall", "horizon_week", "volume", "category", "store"):
        table = score_table(scores, name)
        title = f"By {name}"
        if name in ("category", "store"):
            table = table[table["method"] == "published"].nlargest(WORST_SHOWN, "rmsse")
            title += ", the worst"
        table = table.rename(columns={**SHORT_NAMES, "slice_value": name})
        tables.append(f"{title}:\n\n{markdown_table(table)}" if len(table) else "")
    return "\n\n".join(table for table in tables if table)


def _intersectional(by_series: pd.DataFrame) -> str:
    """How the errors of series spread, against the baseline's."""
    if by_series.empty:
        return "No series has a defined score yet."
    better = float(np.mean(by_series["rmsse"] < by_series["baseline_rmsse"]))
    shares = [0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
    table = pd.DataFrame(
        {
            "of the series": [f"{share:.0%}" for share in shares],
            "model RMSSE at most": by_series["rmsse"].quantile(shares).to_numpy(),
            "baseline RMSSE at most": by_series["baseline_rmsse"].quantile(shares).to_numpy(),
        }
    )
    return (
        f"{len(by_series):,} series are scored; in {better:.0%} of them the model's RMSSE is "
        "below the baseline's. All of them stand in `forecast_value_added_v1`.\n\n"
        + markdown_table(table)
    )
