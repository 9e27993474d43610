"""Accuracy beside what users would pick instead: `python -m benchmarks.accuracy`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from rich.console import Console

from benchmarks import naive
from benchmarks.bootstrap import Measured, paired_difference
from benchmarks.datasets import DEMO_TODAY, DataMissing, Dataset, DataTooShort, read_set
from benchmarks.fingerprint import OtherData, check_same_data
from benchmarks.ours import Ours, build_home, cpu_seconds, forecast_ours
from benchmarks.picture import REFERENCE, write_picture
from benchmarks.scores import (
    BUILD,
    NEXT,
    Record,
    cost_record,
    cpu_record,
    mean_records,
    measured,
    rows_to_score,
    score_origin,
    slices_to_score,
    with_forecast,
)
from benchmarks.tables import write_json, write_markdown
from dagster_project.assets.training import forecast_scope
from dagster_project.revision import code_revision
from dagster_project.settings import CHECKOUT, Settings, load_settings

DATASETS = ("m5", "rossmann", "demo")
OURS = "ours"
OUR_LOSS = "mlforecast_our_loss"
PEERS = ("auto_ets", "mlforecast_documented", OUR_LOSS)
METHODS = (*naive.METHODS, *PEERS, OURS)
LIBRARIES = ("statsforecast", "mlforecast", "lightgbm")
NEXT_DAYS_FILES = {"m5": "m5_next_28_days.parquet", "rossmann": "rossmann_next_42_days.parquet"}

Answer = tuple[pd.DataFrame, float]


@dataclass(frozen=True)
class Options:
    """What the command line asks for; see `parse`."""

    data: Path
    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    results: Path
    home: Path
    peers_python: Path
    reuse: bool


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=CHECKOUT.parent / "shared" / "data",
        help="folder of m5/ and rossmann/ [default: ../shared/data beside the checkout]",
    )  # fmt: skip
    parser.add_argument("--dataset", nargs="+", choices=DATASETS, default=DATASETS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument(
        "--results", type=Path,
        help="where tables and records go, those of the set replaced [default: benchmarks/results "
        "where all methods run, results/ in --home where some do]",
    )  # fmt: skip
    parser.add_argument(
        "--home", type=Path, default=load_settings().home / "benchmarks",
        help="where homes and answers are kept [default: benchmarks/ in MESHCAST_HOME]",
    )  # fmt: skip
    parser.add_argument(
        "--peers-python", type=Path, default=CHECKOUT / ".venv-peers" / "bin" / "python",
        help="Python of the peers' environment, which `make benchmarks` prepares",
    )  # fmt: skip
    parser.add_argument(
        "--reuse", action="store_true",
        help="take the peers' answers of an earlier run where there are any; ours is always new",
    )  # fmt: skip
    found = parser.parse_args(arguments)
    is_whole = set(found.methods) == set(METHODS)
    usual = CHECKOUT / "benchmarks" / "results" if is_whole else found.home / "results"
    return Options(
        data=found.data.resolve(),
        datasets=tuple(found.dataset),
        methods=tuple(name for name in METHODS if name in found.methods),
        results=(found.results or usual).resolve(),
        home=found.home.resolve(),
        peers_python=found.peers_python.absolute(),  # not resolved: a link marks its environment
        reuse=found.reuse,
    )


def run(options: Options, console: Console) -> None:
    """Run every method on every data set that is there, and write the results."""
    revision = code_revision()  # before a result is written, which would make it dirty
    for name in options.datasets:
        try:
            dataset, home, costs = prepare(name, options, console)
        except DataMissing as missing:
            console.print(f"{name}: left out. {missing}", highlight=False, soft_wrap=True)
            continue
        answers, others = answer_all(dataset, home, options, console)
        records = score_all(dataset, answers)
        if OURS in answers:
            records += [cost_record(dataset, OURS, *cost) for cost in (costs | others).items()]
        write_json(options.results / "accuracy.json", records)
        write_markdown(options.results / f"{name}.md", name, records, versions(options), revision)
        if OURS in answers and REFERENCE in answers:
            forecasts = {
                method: {cutoff: answer[0] for cutoff, answer in by_cutoff.items()}
                for method, by_cutoff in answers.items()
            }
            write_picture(options.results / f"{name}.png", dataset, forecasts, OURS)
        console.print(f"{name}: {len(records)} records, table in {options.results / name}.md")


def prepare(
    name: str, options: Options, console: Console
) -> tuple[Dataset, Settings, dict[str, float]]:
    """Read a set, and build the home that ours is made in where ours or the demo is asked for.

    Returns:
        The set, its home, and what the build took (`dbt_build_cpu_seconds`) where there was one.

    Raises:
        DataMissing: the set is not there.
        OtherData: its home or its answers were made from other data.
    """
    home = options.home / name
    costs: dict[str, float] = {}
    if name == "demo":  # has to be built to be read at all
        costs[BUILD] = build_home(Settings(home=home, today=DEMO_TODAY), name, None)
    dataset, settings = read_set(name, options.data, home)
    if dataset.folder is not None:
        check_same_data(dataset.folder, options.home / "answers" / name)
        if OURS in options.methods:
            costs[BUILD] = build_home(settings, name, dataset)
    for seconds in costs.values():
        console.print(f"{name} ours: dbt build {seconds:.1f} CPU s", highlight=False)
    return dataset, settings, costs


def answer_all(
    dataset: Dataset, settings: Settings, options: Options, console: Console
) -> tuple[dict[str, dict[date, Answer]], dict[str, float]]:
    """Forecasts and CPU seconds: method -> cutoff -> answer; and what else ours takes."""
    answers: dict[str, dict[date, Answer]] = {}
    costs: dict[str, float] = {}
    for method in options.methods:
        if method == OURS:
            answers[method], costs[NEXT] = _ours(dataset, settings, options, console)
            continue
        for cutoff in dataset.cutoffs:
            kept = _answers_folder(method, dataset, options) / cutoff.isoformat()
            answer = _kept(kept) if options.reuse else None
            if answer is None:
                answer = _peer(method, options)(dataset, cutoff)
                _keep(kept, answer)
            answers.setdefault(method, {})[cutoff] = answer
            console.print(
                f"{dataset.name} {method} {cutoff}: {answer[1]:.1f} CPU s", highlight=False
            )
    return answers, costs


def score_all(dataset: Dataset, answers: dict[str, dict[date, Answer]]) -> list[Record]:
    """Every record of a data set: per origin, mean, and on the means the difference to ours."""
    records: list[Record] = []
    parts: dict[str, dict[str, list[Measured]]] = {}
    rows_at = {cutoff: rows_to_score(dataset, cutoff) for cutoff in dataset.cutoffs}
    slices = slices_to_score(dataset, list(rows_at.values()))
    for cutoff, rows in rows_at.items():
        for method, by_cutoff in answers.items():
            forecast, seconds = by_cutoff[cutoff]
            scored = with_forecast(rows, forecast, method)
            records += score_origin(scored, dataset, method, cutoff, slices)
            records.append(cpu_record(dataset, method, cutoff, seconds))
            for metric, one in measured(scored, dataset, cutoff).items():
                parts.setdefault(method, {}).setdefault(metric, []).append(one)
    order = {method: position for position, method in enumerate(answers)}
    records.sort(key=lambda record: order[record["method"]])
    means = mean_records(records)
    if OURS in parts:
        for record in means:
            others = parts[record["method"]].get(record["metric"])
            if record["method"] != OURS and record["slice"] == "overall" and others:
                found = paired_difference(parts[OURS][record["metric"]], others)
                record |= {"difference": found.mean, "lower": found.lower, "upper": found.upper}
    return records + means


def versions(options: Options) -> dict[str, str]:
    """Versions that the figures depend on: scikit-learn, and the peers' libraries."""
    found = {"scikit-learn": version("scikit-learn")}
    if options.peers_python.exists():
        code = (
            "import json, sys; from importlib.metadata import version; "
            "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
        )
        ran = subprocess.run(
            [options.peers_python, "-c", code, *LIBRARIES],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found |= json.loads(ran.stdout)
    return found


def _ours(
    dataset: Dataset, settings: Settings, options: Options, console: Console
) -> tuple[dict[date, Answer], float]:
    """Its answers, and the wall seconds of training on everything and scoring."""
    made: Ours = forecast_ours(settings, dataset, forecast_scope(settings).model)
    console.print(
        f"{dataset.name} ours: {made.cpu_seconds:.1f} CPU s an origin; trained on everything and "
        f"scored in {made.next_wall_seconds:.1f} s",
        highlight=False,
    )
    if dataset.folder is not None:
        file = options.results / NEXT_DAYS_FILES[dataset.name]
        if dataset.name == "m5" or (dataset.folder / "future.parquet").is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            made.next_days.to_parquet(file, index=False)
    answers = {cutoff: (rows, made.cpu_seconds) for cutoff, rows in made.forecasts.items()}
    return answers, made.next_wall_seconds


def _answers_folder(method: str, dataset: Dataset, options: Options) -> Path:
    """Where a method's answers are kept; of another loss, in another folder."""
    loss = dataset.objective.values() if method == OUR_LOSS else ()
    return options.home / "answers" / dataset.name / "-".join([method, *map(str, loss)])


def _peer(method: str, options: Options) -> Callable[[Dataset, date], Answer]:
    if method in naive.METHODS:
        return partial(_naive, method)
    if not options.peers_python.exists():
        raise SystemExit(
            f"{method}: expected the peers' Python at {options.peers_python}, found none. Run "
            "`make benchmarks`, or name it with --peers-python."
        )
    return partial(_in_peers_environment, method, options.peers_python)


def _naive(method: str, dataset: Dataset, cutoff_on: date) -> Answer:
    problem = dataset.problem(cutoff_on)
    started = cpu_seconds()
    forecast = naive.METHODS[method](problem)
    return forecast, cpu_seconds() - started


def _in_peers_environment(method: str, python: Path, dataset: Dataset, cutoff_on: date) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        dataset.problem(cutoff_on).save(Path(folder) / "problem")
        ran = subprocess.run(
            [python, "-m", "benchmarks.peers", f"{folder}/problem", method, f"{folder}/answer"],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise RuntimeError(f"{method} failed on {dataset.name} at {cutoff_on}:\n{ran.stderr}")
        answer = _kept(Path(folder) / "answer")
        assert answer is not None
        return answer


def _kept(folder: Path) -> Answer | None:
    if not (folder / "cpu_seconds.json").is_file():
        return None
    seconds = float(json.loads((folder / "cpu_seconds.json").read_text()))
    return pd.read_parquet(folder / "forecast.parquet"), seconds


def _keep(folder: Path, answer: Answer) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    answer[0].to_parquet(folder / "forecast.parquet", index=False)
    (folder / "cpu_seconds.json").write_text(json.dumps(answer[1]))


if __name__ == "__main__":
    try:
        run(parse(), Console())
    except (OtherData, DataTooShort) as refused:
        sys.exit(f"benchmarks.accuracy: {refused}")
