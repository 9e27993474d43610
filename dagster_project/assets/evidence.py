"""Evidence as people see it in Dagster: backtest tables, the gate's reasons, pictures."""

from __future__ import annotations

import base64
import io

import dagster as dg
import duckdb
import pandas as pd

from dagster_project.forecasting.gate import Verdict
from dagster_project.forecasting.scores import TOTALS
from dagster_project.forecasting.value_added import ERRORS, VALUE_ADDED

METRICS = ["rmsse", "wape", "wape_category_totals", "bias", "pinball", "coverage_80", "coverage_95"]
# Dagster shows a table of this width whole; with the metrics' own names it cuts off the last ones.
SHORT_NAMES = {
    "wape_category_totals": "category wape",
    "coverage_80": "80 %",
    "coverage_95": "95 %",
}
INTERVAL_METRICS = {
    "coverage_80": "80 %",
    "width_80": "width",
    "exceedance_90": "above",
    "pit_80": "PIT",
    "coverage_95": "95 %",
    "width_95": "width 95",
    "exceedance_975": "above 95",
    "pit_95": "PIT 95",
    "zeros": "no sale",
}
METHODS = ["published", "model", "baseline", "cold_start"]
WORST_SHOWN = 15
PAST_DAYS = 56
SERIES_SHOWN = 3

# The largest series of a forecast: what was sold in the weeks before, what is forecast, and what
# earlier versions had forecast of days that have come since.
PICTURE_ROWS = """
with version as (
    select * from state.forecast_versions where forecast_version = $version
),

forecast as (
    select ledger.*
    from state.forecast_ledger as ledger
    where ledger.forecast_version = $version
),

largest as (
    select product_id, store_id
    from forecast
    group by product_id, store_id
    order by sum(units_mean) desc, product_id, store_id
    limit $series
),

days as (
    select unnest(generate_series(
        cutoff_on - $past, cutoff_on + horizon_days, interval 1 day
    ))::date as day_on
    from version
),

sold as (
    select largest.product_id, largest.store_id, daily.sold_on, daily.units_sold
    from sales_by_day as daily
    inner join largest
        on daily.product_id = largest.product_id and daily.store_id = largest.store_id
),

earlier as (
    select
        ledger.product_id,
        ledger.store_id,
        ledger.target_on,
        arg_max(ledger.units_mean, (ledger.cutoff_on, ledger.forecast_version)) as units_mean
    from state.forecast_ledger as ledger
    inner join largest
        on ledger.product_id = largest.product_id and ledger.store_id = largest.store_id
    cross join version
    where ledger.cutoff_on < version.cutoff_on and ledger.target_on <= version.cutoff_on
    group by ledger.product_id, ledger.store_id, ledger.target_on
),

last_known as (
    select max(sold_on) as sold_on from sales_by_day
)

select
    largest.product_id,
    largest.store_id,
    days.day_on,
    case when days.day_on <= last_known.sold_on then coalesce(sold.units_sold, 0)::double end
        as units,
    earlier.units_mean::double as units_before,
    forecast.units_mean::double as units_mean,
    forecast.units_p10::double as units_p10,
    forecast.units_p90::double as units_p90
from days
cross join largest
cross join last_known
left join sold
    on days.day_on = sold.sold_on
    and largest.product_id = sold.product_id
    and largest.store_id = sold.store_id
left join earlier
    on days.day_on = earlier.target_on
    and largest.product_id = earlier.product_id
    and largest.store_id = earlier.store_id
left join forecast
    on days.day_on = forecast.target_on
    and largest.product_id = forecast.product_id
    and largest.store_id = forecast.store_id
order by largest.product_id, largest.store_id, days.day_on
"""


def score_table(scores: pd.DataFrame, slice_name: str) -> pd.DataFrame:
    """Mean scores over the reported origins: one row per slice value and method."""
    pooled = scores[scores["cutoff_on"].isna() & (scores["slice"] == slice_name)]
    table = pooled.pivot_table(
        index=["slice_value", "method"], columns="metric", values="score", observed=True
    )
    columns = [metric for metric in METRICS if metric in table.columns]
    table = table[columns].reset_index()
    order = {method: position for position, method in enumerate(METHODS)}
    return table.sort_values(
        ["slice_value", "method"],
        key=lambda column: (
            column.map(order).fillna(column.map(str)) if column.name == "method" else column
        ),
        kind="stable",
        ignore_index=True,
    )


def interval_table(scores: pd.DataFrame) -> pd.DataFrame:
    """How well published intervals cover: each slice at its worst, and totals.

    Returns:
        A row for all series days, one for the value of each slice whose PIT is farthest from 80 %,
        one for each kind of total; columns `of` and those of INTERVAL_METRICS, "" where undefined.
    """
    pooled = scores[scores["cutoff_on"].isna() & (scores["method"] == "published")]
    found: dict[tuple[str, str], dict[str, float]] = {}
    columns = [pooled[name] for name in ("slice", "slice_value", "metric", "score")]
    for name, value, metric, score in zip(*columns, strict=True):
        found.setdefault((name, value), {})[metric] = score
    overall = found.pop(("overall", "all"))
    described = {"series and days": overall}
    for name in dict.fromkeys(name for name, _ in found):
        values = {value: one for (other, value), one in found.items() if other == name}
        worst = max(values, key=lambda value: abs(values[value].get("pit_80", 0.8) - 0.8))
        described[f"worst {name}: {worst}"] = values[worst]
    for kind in TOTALS:
        described[kind.replace("_", " ")] = {
            name.removesuffix(f"_{kind}"): score
            for name, score in overall.items()
            if name.endswith(f"0_{kind}") or name.endswith(f"5_{kind}")
        }
    return pd.DataFrame(
        [[of, *(one.get(name, "") for name in INTERVAL_METRICS)] for of, one in described.items()],
        columns=["of", *INTERVAL_METRICS.values()],
    )


def backtest_tables(scores: pd.DataFrame) -> dict[str, dg.MetadataValue]:
    """Overall and by slice, as Markdown; of stores and categories the worst by RMSSE."""
    tables: dict[str, dg.MetadataValue] = {}
    for name in ("overall", "horizon_week", "model_age", "volume", "store", "category"):
        table = score_table(scores, name)
        if name in ("store", "category"):
            table = (
                table[table["method"] == "published"]
                .sort_values("rmsse", ascending=False)
                .head(WORST_SHOWN)
            )
        shown = (
            table.drop(columns="slice_value")
            if name == "overall"
            else table.rename(columns={"slice_value": name})
        )
        tables[f"by_{name}" if name != "overall" else "overall"] = dg.MetadataValue.md(
            markdown_table(shown.rename(columns=SHORT_NAMES))
        )
    tables["intervals"] = dg.MetadataValue.md(markdown_table(interval_table(scores)))
    overall = score_table(scores, "overall").set_index("method")
    for metric in ("rmsse", "wape_category_totals", "bias", "coverage_80"):
        score = overall[metric].to_dict()["published"]
        tables[f"published_{metric}"] = dg.MetadataValue.float(round(float(score), 4))
    return tables


def ladder_table(value_added: pd.DataFrame) -> dg.MetadataValue:
    """The ladder over all series: each rung's errors, and what it adds to the one below."""
    overall = value_added.loc[value_added["slice"] == "overall", ["rung", *ERRORS, *VALUE_ADDED]]
    shown = overall.astype(object)
    return dg.MetadataValue.md(markdown_table(shown.where(shown.notna(), "")))


def markdown_table(table: pd.DataFrame) -> str:
    """A frame as a Markdown table, numbers with three decimals."""
    lines = [
        "| " + " | ".join(str(name) for name in table.columns) + " |",
        "|" + "---|" * len(table.columns),
    ]
    for row in table.itertuples(index=False):
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict_table(verdict: Verdict) -> dg.MetadataValue:
    """Every rule of the gate with its figure, limit and outcome."""
    table = pd.DataFrame(
        [
            (
                reason.rule,
                "" if reason.figure is None else f"{reason.figure:.3f}",
                reason.limit,
                reason.outcome,
            )
            for reason in verdict.reasons
        ],
        columns=["rule", "figure", "limit", "outcome"],
    )
    return dg.MetadataValue.md(markdown_table(table))


def forecast_picture(
    connection: duckdb.DuckDBPyConnection, forecast_version: int
) -> dg.MetadataValue:
    """The largest series of a forecast beside what was sold, as a picture in Markdown."""
    rows = connection.execute(
        PICTURE_ROWS,
        {"version": forecast_version, "past": PAST_DAYS, "series": SERIES_SHOWN},
    ).df()
    return as_markdown(draw(rows))


def draw(rows: pd.DataFrame) -> bytes:
    """Draw one panel per series: units sold, the forecast and its 80 % interval; PNG bytes."""
    from matplotlib.figure import Figure  # takes a second, which most commands need not wait for

    groups = list(rows.groupby(["product_id", "store_id"], sort=False))
    figure = Figure(figsize=(9, 2.4 * len(groups)))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False)
    for ((product_id, store_id), series), panel in zip(groups, panels[:, 0], strict=True):
        days = pd.to_datetime(series["day_on"])
        panel.plot(days, series["units"], color="0.25", linewidth=1, label="sold")
        if rows["units_before"].notna().any():
            panel.plot(
                days, series["units_before"], color="tab:orange", linewidth=1, label="forecast then"
            )
        panel.plot(days, series["units_mean"], color="tab:blue", label="forecast")
        panel.fill_between(
            days,
            series["units_p10"],
            series["units_p90"],
            color="tab:blue",
            alpha=0.2,
            linewidth=0,
            label="80 % interval",
        )
        panel.set_title(f"{product_id}, store {store_id}", fontsize=9, loc="left")
        panel.set_ylabel("units a day", fontsize=8)
        panel.set_ylim(bottom=0)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    panels[0, 0].legend(
        fontsize=8, frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1)
    )
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return buffer.getvalue()


def as_markdown(png: bytes) -> dg.MetadataValue:
    """A picture that Dagster's page shows without fetching anything."""
    return dg.MetadataValue.md(
        f"![forecast against actual](data:image/png;base64,{base64.b64encode(png).decode()})"
    )
