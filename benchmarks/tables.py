"""The results as files: every record in accuracy.json, the tables people read in Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.scores import BUILD, NEXT, Record

HEADLINE = {"m5": "wrmsse", "rossmann": "rmspe", "demo": "rmsse"}
SHOWN = {
    "m5": ["wrmsse", "wape", "rmsse", "bias", "scaled_pinball"],
    "rossmann": ["rmspe", "wape", "rmsse", "bias", "scaled_pinball"],
    "demo": ["rmsse", "wape_category_totals", "wape", "bias", "scaled_pinball"],
}
INTERVALS = [
    *("coverage_80", "coverage_95", "width_80", "width_95", "exceedance_90", "exceedance_975"),
    *("pit_80", "pit_95"),
]
TITLES = {
    "m5": "M5, store x department, 28 days ahead",
    "rossmann": "Rossmann, by store, 42 days ahead",
    "demo": "The demo, category x store, 28 days ahead",
}
NOTES = {
    "m5": "WRMSSE is the mean over the competition's levels 1 to 9.",
    "rossmann": "Closed days are known ahead and not scored, nor are open days that sold nothing "
    "(they are no row of the sales).",
    "demo": "The origins and series are those of the product's own backtest.",
}


def write_json(file: Path, records: Sequence[Record]) -> None:
    """Replace the records of the data sets that were run; those of others stay as they are.

    One record a line, so that a change of one shows as such; an undefined score is null.
    """
    run = {record["dataset"] for record in records}
    kept = json.loads(file.read_text()) if file.is_file() else []
    everything = [record for record in kept if record["dataset"] not in run]
    everything += [_plain(record) for record in records]
    lines = ",\n".join(json.dumps(record, separators=(",", ":")) for record in everything)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[\n{lines}\n]\n")


def write_markdown(
    file: Path,
    dataset: str,
    records: Sequence[Record],
    versions: Mapping[str, str],
    revision: str,
) -> None:
    """Write the tables of one data set: means, per origin, by level or week, differences."""
    table = pd.DataFrame(records)
    overall = table[table["slice"] == "overall"]
    means = overall[overall["origin"].isna()]
    headline = HEADLINE[dataset]
    blocks = [
        f"# {TITLES[dataset]}",
        f"{NOTES[dataset]} Mean of {overall['origin'].nunique()} rolling origins; lower is better, "
        "bias and coverage are best at 0 and at what they say. CPU s is what one "
        "origin takes: features, fit, predict and what its intervals need, of ours the origins "
        f"that only calibrate, too.{_costs(means)}",
        _pivot(_with_build(means), "metric", [*SHOWN[dataset], "cpu_seconds"]),
        f"## {headline} by origin (its last known day)",
        _pivot(overall[overall["metric"] == headline].fillna({"origin": "mean"}), "origin", None),
    ]
    breakdown = "level" if dataset == "m5" else "horizon_week"
    chosen = (table["slice"] == breakdown) & (table["metric"] == headline) & table["origin"].isna()
    blocks += [
        f"## {headline} by {breakdown.replace('_', ' ')}",
        _pivot(table[chosen], "slice_value", None),
        "## Intervals",
        "Coverage is the share of days inside the 80 % and the 95 % interval, width theirs over "
        "the units sold, exceedance the share of days above the 90 % and 97.5 % quantile (best at "
        "0.1 and 0.025). PIT is the share of the randomised probability integral transform in the "
        "same intervals: best at 0.8 and 0.95, also where most days sell nothing. It needs more "
        "than five quantiles, which only ours have.",
        _pivot(means, "metric", INTERVALS),
    ]
    if (table["metric"] == "pit_80").any():
        blocks += [
            "## Intervals of ours by slice",
            "Least and most among the values of a slice, means over origins; in brackets how many "
            "are more than five points off. Series days are those scored at all origins, and those "
            "of the value with the fewest.",
            _by_slice(table[table["origin"].isna() & (table["method"] == "ours")]),
        ]
    if "lower" in means and means["lower"].notna().any():
        blocks += [
            "## Difference to ours, with 95 % interval",
            "Score of the method less ours, mean over origins; above zero we are better. Paired "
            "bootstrap in two stages: origins are redrawn, and whole weeks within each of them.",
            _differences(means, [name for name in SHOWN[dataset] if name != "bias"]),
        ]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    blocks.append(
        f"Made by `python -m benchmarks.accuracy --dataset {dataset}` at revision {revision}, with "
        f"{named}."
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n".join(blocks) + "\n")


def _costs(means: pd.DataFrame) -> str:
    """What ours takes once for all origins, as a sentence; nothing where ours was not run."""
    seconds = dict(zip(means["metric"], means["score"], strict=True))
    if BUILD not in seconds or NEXT not in seconds:
        return ""
    return (
        f" `dbt build`, which makes our features, takes {seconds[BUILD]:.1f} CPU s once for all "
        f"origins; training on everything and scoring then take {seconds[NEXT]:.1f} s of the clock."
    )


def _with_build(means: pd.DataFrame) -> pd.DataFrame:
    """The means with a row for ours with its dbt build, shared equally by the origins."""
    ours = means[means["method"] == "ours"]
    build, cpu = (ours[ours["metric"] == metric] for metric in (BUILD, "cpu_seconds"))
    if build.empty:
        return means
    origins = int(cpu["observations"].sum())
    with_build = float(cpu["score"].sum()) + float(build["score"].sum()) / origins
    row = {"method": "ours, with its dbt build", "metric": "cpu_seconds", "score": with_build}
    return pd.concat([means, pd.DataFrame([row])], ignore_index=True)


def _pivot(rows: pd.DataFrame, columns: str, order: Sequence[str] | None) -> str:
    """Methods down, the values of a column across."""
    methods = list(dict.fromkeys(rows["method"]))
    names = [name for name in order or dict.fromkeys(rows[columns]) if name in set(rows[columns])]
    scores = {
        (method, name): score
        for method, name, score in zip(rows["method"], rows[columns], rows["score"], strict=True)
    }
    body = [
        [_title(method), *(_number(scores.get((method, name)), name) for name in names)]
        for method in methods
    ]
    return _markdown(["method", *(_title(name) for name in names)], body)


def _by_slice(rows: pd.DataFrame) -> str:
    """Slices of ours down, the range of each interval metric across."""
    best = {"exceedance_90": 0.1, "exceedance_975": 0.025, "pit_80": 0.8, "pit_95": 0.95}
    body = []
    for name, values in rows.groupby("slice", sort=False):
        cells = []
        for metric, nominal in best.items():
            scores = values.loc[values["metric"] == metric, "score"]
            off = int(((scores - nominal).abs() > 0.05).sum())
            cells.append(f"{scores.min():.3f} to {scores.max():.3f} ({off})" if len(scores) else "")
        if any(cells):
            days = values.loc[values["metric"] == "pit_80", "observations"]
            counts = f"{days.sum():,}, least {days.min():,}"
            body.append(
                [f"{_title(str(name))} ({values['slice_value'].nunique()})", counts, *cells]
            )
    return _markdown(["slice (values)", "series days", *(_title(metric) for metric in best)], body)


def _differences(means: pd.DataFrame, metrics: Sequence[str]) -> str:
    rows = means[means["lower"].notna()]
    found = {
        (row.method, row.metric): f"{row.difference:+.3f} ({row.lower:+.3f} to {row.upper:+.3f})"
        for row in rows.itertuples()
    }
    body = [
        [_title(method), *(found.get((method, metric), "") for metric in metrics)]
        for method in dict.fromkeys(rows["method"])
    ]
    return _markdown(["method", *(_title(metric) for metric in metrics)], body)


def _markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *body])


def _title(name: str) -> str:
    return name.replace("cpu_seconds", "CPU s").replace("_", " ")


def _number(score: float | None, name: str) -> str:
    if score is None or not math.isfinite(score):
        return ""
    return f"{score:.1f}" if name == "cpu_seconds" else f"{score:.3f}"


def _plain(record: Record) -> Record:
    """Six significant digits, null for what is not finite; the fields that a record has."""
    plain: Record = {}
    for name, value in record.items():
        if isinstance(value, float):
            plain[name] = float(f"{value:.6g}") if math.isfinite(value) else None
        else:
            plain[name] = value
    return plain
