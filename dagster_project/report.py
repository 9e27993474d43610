"""What the command line shows: progress of stages, and pages of tables a person can read."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

import pandas as pd
from rich.console import Console
from rich.measure import Measurement
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from dagster_project.forecasting.gate import METRICS, Verdict
from dagster_project.landing import LandingReport
from dagster_project.publishing import Publication
from dagster_project.reproduction import Reproduction
from dagster_project.settings import Settings
from dagster_project.stages import StageEvent
from dagster_project.status import Status
from dagster_project.summary import RunSummary

REJECTED_SHOWN = 10
UNLIMITED = 10_000


class StageTimings:
    """A listener that shows each stage as it goes and keeps the seconds it took.

    Attributes:
        seconds: wall time of each ended stage, in the order they ended.
        elapsed: wall time from its start to its end, with what lies between the stages.
    """

    def __init__(self, console: Console | None) -> None:
        """Show on `console`, in a terminal as it goes, else a line per stage; None: times only."""
        self.seconds: dict[str, float] = {}
        self.elapsed = 0.0
        self._tasks: dict[str, Any] = {}
        self._console = console
        self._progress = (
            Progress(
                SpinnerColumn(finished_text="[green]✓[/green]"),
                TextColumn("{task.description:<32}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[detail]}"),
                console=console,
            )
            if console is not None and console.is_terminal
            else None
        )

    def __enter__(self) -> StageTimings:
        """Start the display, and the clock."""
        self._started = time.monotonic()
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the display; what was shown stays."""
        self.elapsed = time.monotonic() - self._started
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: StageEvent) -> None:
        """Take one event of a stage."""
        is_over = event.kind in ("ended", "failed")
        if is_over:
            self.seconds[event.name] = self.seconds.get(event.name, 0.0) + event.seconds
        if self._progress is not None:
            self._show_progress(self._progress, event)
        elif self._console is not None and is_over:
            mark = "done  " if event.kind == "ended" else "FAILED"
            self._console.print(
                f"{mark} {event.name:<27} {event.seconds:6.1f} s  {event.detail}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def _show_progress(self, progress: Progress, event: StageEvent) -> None:
        if event.kind == "started":
            self._tasks[event.name] = progress.add_task(event.name, total=1, detail="")
            return
        task = self._tasks[event.name]
        if event.kind == "failed":
            progress.update(task, description=f"[red]{event.name}: FAILED[/red]")
            progress.stop_task(task)
        progress.update(task, detail=event.detail, completed=1 if event.kind == "ended" else 0)


def print_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table; numbers to the right.

    In a terminal that is too narrow, cells continue on the next line; elsewhere nothing is narrow.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        is_number = bool(rows) and not isinstance(rows[0][index], str | bool | None.__class__)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    print_table(console, table)


def print_table(console: Console, table: Table) -> None:
    """Print a table so that no cell is cut."""
    if console.is_terminal:
        console.print(table)
        return
    needed = Measurement.get(console, console.options.update(max_width=UNLIMITED), table).maximum
    text = io.StringIO()
    Console(file=text, width=max(needed, console.width)).print(table)
    for line in text.getvalue().splitlines():
        console.file.write(line.rstrip() + "\n")


def print_landing(
    console: Console, settings: Settings, landed: LandingReport, sales_lines: int
) -> None:
    """Say what was registered, what was rejected and why, and what to look at."""
    console.print(
        f"{landed.files_new:,} new files registered, with {sales_lines:,} sales lines and "
        f"{landed.rows_new - sales_lines:,} rows of other entities; {landed.files_known:,} known, "
        f"{len(landed.files_rejected):,} rejected (landing folder: {settings.landing})",
        soft_wrap=True,
    )
    for path, reason in landed.files_rejected[:REJECTED_SHOWN]:
        console.print(f"  rejected {path}: {reason}", style="yellow", markup=False)
    if len(landed.files_rejected) > REJECTED_SHOWN:
        console.print(f"  ... and {len(landed.files_rejected) - REJECTED_SHOWN} more")
    for warning in landed.warnings:
        console.print(f"  warning: {warning}", style="yellow", markup=False)


def print_publications(console: Console, settings: Settings, listed: Sequence[Publication]) -> None:
    """List publications, the newest first and current."""
    if not listed:
        console.print(f"Nothing is published yet in {settings.published}.")
        return
    columns = [
        "publication",
        "published at",
        "cutoff",
        "forecast",
        "model",
        "kind",
        "reason",
        "erasures",
    ]
    newest = listed[-1].number
    print_rows(
        console,
        columns,
        [
            [
                f"{item.number} (current)" if item.number == newest else f"{item.number}",
                f"{item.published_at:%Y-%m-%d %H:%M}",
                item.cutoff_on,
                item.forecast_version,
                item.model_version,
                item.kind if item.rollback_of is None else f"rollback to {item.rollback_of}",
                item.reason,
                ", ".join(str(number) for number in item.erasures),
            ]
            for item in reversed(listed)
        ],
    )


def print_backtest(console: Console, table: pd.DataFrame, verdict: Verdict) -> None:
    """Scores of one slice, then the gate's reasons."""
    print_rows(
        console,
        list(table.columns),
        [
            [f"{value:.3f}" if isinstance(value, float) else value for value in row]
            for row in table.itertuples(index=False)
        ],
    )
    console.print(f"gate: {verdict.outcome}")
    for reason in verdict.reasons:
        console.print(f"  {reason}", markup=False, highlight=False)


def print_summary(console: Console, page: RunSummary) -> None:
    """Print the page at the end of a run, which a manager understands."""
    rows = page.rows
    left_out = sum(page.series_left_out.values())
    lines = [
        ("data", f"{', '.join(page.sources)} up to {page.cutoff_on} (today is {page.today})"),
        ("files", f"{page.files_accepted:,} read, {page.files_rejected:,} rejected"),
        *(
            [("rebuilt", f"{' and '.join(page.rebuilt)}, which other SQL had built")]
            if page.rebuilt
            else []
        ),
        (
            "sales lines",
            f"{rows['read']:,} read = {rows['accepted']:,} accepted + {rows['quarantined']:,} "
            f"quarantined + {rows['duplicate']:,} duplicates + {rows['superseded']:,} superseded",
        ),
        *(
            [("quarantined", _counted(page.quarantined_by_reason))]
            if page.quarantined_by_reason
            else []
        ),
        ("series", f"{page.series_forecast:,} forecast, {left_out:,} left out"),
        *([("left out", _counted(page.series_left_out))] if left_out else []),
        ("model", page.model_version),
        *([("skill", f"{_skill(page.skill)} than seasonal naive")] if page.skill else []),
        ("gate", f"{page.gate['outcome']} {'; '.join(page.gate['failed'])}".strip()),
        ("publication", f"{page.publication}, forecast version {page.forecast_version}"),
        ("where", page.port),
        (
            "time",
            ", ".join(f"{name} {value:.1f} s" for name, value in page.seconds.items())
            + f" = {sum(page.seconds.values()):.1f} s of {page.elapsed_seconds:.1f} s",
        ),
    ]
    if page.paused is not None:
        lines.append(("paused", f"nothing new is published: {page.paused} (`meshcast resume`)"))
    lines += [("warning", told) for told in (*page.failed_checks, *page.ending)]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in lines:
        table.add_row(name, Text(text))
    console.print()
    print_table(console, table)
    console.print()
    print_rows(console, list(page.sample[0]), [list(row.values()) for row in page.sample])


def _skill(skill: dict[str, float]) -> str:
    return ", ".join(
        f"{METRICS[name]} {abs(value):.1%} {'better' if value >= 0 else 'worse'}"
        for name, value in skill.items()
    )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def print_reproduction(console: Console, result: Reproduction) -> None:
    """Say of each compared thing whether it came out the same, and what else differs."""
    print_rows(
        console,
        ["what", "published", "reproduced", "same"],
        [
            [
                item.name,
                item.published[:16],
                item.reproduced[:16],
                "yes" if item.is_identical else "NO",
            ]
            for item in result.comparisons
        ],
    )
    for difference in result.differences:
        console.print(f"  differs: {difference}", style="yellow", markup=False)
    outcome = "identical" if result.is_identical else "NOT identical"
    console.print(f"Publication {result.publication} reproduced: {outcome}")


def print_status(console: Console, state: Status) -> None:
    """Print where a home stands."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in asdict(state).items():
        if isinstance(value, list):
            value = "\n".join(value) or "none"
        table.add_row(name.replace("_", " "), Text("none" if value is None else str(value)))
    print_table(console, table)
