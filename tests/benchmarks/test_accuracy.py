"""The whole of the benchmark on small data: what it runs, what it writes, what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from benchmarks.accuracy import METHODS, OUR_LOSS, OURS, Options, parse, run, score_all
from benchmarks.datasets import M5_CUTOFFS, Dataset, DataTooShort, objective, read_demo
from benchmarks.fingerprint import OtherData, check_same_data
from benchmarks.naive import seasonal_naive
from benchmarks.ours import NEXT_COLUMNS, Ours, build_home, forecast_ours
from benchmarks.problem import Problem
from benchmarks.scores import BUILD, NEXT, Record
from dagster_project.assets.training import forecast_scope
from dagster_project.parameters import Parameters
from dagster_project.settings import CHECKOUT, Settings
from dagster_project.warehouse import warehouse
from tests.benchmarks.invented_set import CUTOFFS, invented_set
from tests.command_line import NEXT_DAY

STUB = """#!{python}
import json, sys
from pathlib import Path
from benchmarks.naive import naive
from benchmarks.problem import Problem
answer = Path(sys.argv[5])
answer.mkdir()
naive(Problem.load(Path(sys.argv[3]))).to_parquet(answer / "forecast.parquet")
(answer / "cpu_seconds.json").write_text("1.5")
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """M5's files with two stores and two departments over 14 months; no Rossmann."""
    folder = tmp_path / "data" / "m5"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(6)
    days = pd.date_range("2015-04-01", "2016-06-19")
    calendar = pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "event_name_1": None})
    calendar.loc[30, "event_name_1"] = "Fair"
    calendar = calendar.assign(event_name_2=None, snap_CA=0, snap_TX=1, snap_WI=0)
    calendar.to_csv(folder / "calendar.csv", index=False)
    bottom = pd.DataFrame(
        [
            (store, department, store[:2], department[:-2])
            for store in ("CA_1", "TX_1")
            for department in ("FOODS_1", "HOBBIES_1")
        ],
        columns=["store_id", "dept_id", "state_id", "cat_id"],
    )
    sold = bottom.merge(pd.DataFrame({"date": days[:-28].date}), "cross")
    sold["sales"] = generator.poisson(30, len(sold))
    sold.to_parquet(folder / "store_dept_daily.parquet")
    names = [["Total"], ["CA", "TX"], ["CA_1", "TX_1"], ["FOODS", "HOBBIES"]]
    names += [["FOODS_1", "HOBBIES_1"]]
    for first, second in ((1, 3), (1, 4), (2, 3), (2, 4)):
        names.append([f"{one}|{other}" for one in names[first] for other in names[second]])
    pd.DataFrame(
        [
            (level, name, 1 / len(series))
            for level, series in enumerate(names, start=1)
            for name in series
        ],
        columns=["level", "series", "weight_validation_times12"],
    ).to_csv(folder / "scoring_validation_L1_L9.csv", index=False)
    return tmp_path / "data"


@pytest.fixture
def options(data: Path, tmp_path: Path) -> Options:
    """Two peers on M5, one of them in an environment of its own."""
    stub = tmp_path / "python"
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    return Options(
        data=data,
        datasets=("m5",),
        methods=("seasonal_naive", "auto_ets"),
        results=tmp_path / "results",
        home=tmp_path / "home",
        peers_python=stub,
        reuse=False,
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[Options], str]:
    """Run the benchmark and return what it says."""
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.setattr("benchmarks.accuracy.versions", lambda _: {"library": "1.0"})

    def run_and_listen(options: Options) -> str:
        console = Console(record=True, width=200, file=StringIO())
        run(options, console)
        return console.export_text()

    return run_and_listen


def records_of(options: Options) -> list[Record]:
    return json.loads((options.results / "accuracy.json").read_text())


def test_every_method_is_scored_at_every_origin_and_on_the_mean(
    options: Options, told: Callable[[Options], str]
) -> None:
    told(options)
    records = records_of(options)
    scored = {
        (one["method"], one["origin"])
        for one in records
        if one["slice"] == "overall" and one["metric"] == "wrmsse" and one["score"] > 0
    }
    origins = [None, *(cutoff.isoformat() for cutoff in M5_CUTOFFS)]
    assert scored == {(method, origin) for method in options.methods for origin in origins}
    identity = [
        (*(one[key] for key in ("method", "origin", "slice", "slice_value", "metric")),)
        for one in records
    ]
    assert len(set(identity)) == len(identity)
    assert {one["slice_value"] for one in records if one["slice"] == "level"} == set("123456789")
    cpu = [one["score"] for one in records if one["metric"] == "cpu_seconds"]
    assert cpu.count(1.5) == len(M5_CUTOFFS) + 1


def test_the_table_shows_the_mean_that_the_records_hold(
    options: Options, told: Callable[[Options], str]
) -> None:
    told(options)
    mean = next(
        one["score"]
        for one in records_of(options)
        if (one["method"], one["origin"], one["metric"]) == ("seasonal_naive", None, "wrmsse")
        and one["slice"] == "overall"
    )
    table = (options.results / "m5.md").read_text()
    assert f"| seasonal naive | {mean:.3f} |" in table
    assert "library 1.0" in table


def test_a_set_that_is_not_there_is_left_out_and_said_so(
    options: Options, told: Callable[[Options], str]
) -> None:
    said = told(replace(options, datasets=("rossmann", "m5"), methods=("naive",)))
    assert "rossmann: left out. rossmann: expected rossmann.parquet in" in said
    assert {one["dataset"] for one in records_of(options)} == {"m5"}


def test_a_run_replaces_the_records_of_its_sets_and_keeps_the_others(
    options: Options, told: Callable[[Options], str]
) -> None:
    options.results.mkdir()
    other = {"dataset": "demo", "method": "naive", "score": 1.0}
    old = {"dataset": "m5", "method": "gone", "score": 1.0}
    (options.results / "accuracy.json").write_text(json.dumps([other, old]))
    told(replace(options, methods=("naive",)))
    records = records_of(options)
    assert records[0] == other and old not in records and len(records) > 100


def test_what_ours_takes_once_stands_in_the_records_and_the_table(
    options: Options, told: Callable[[Options], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def invented(_: Settings, dataset: Dataset, parameters: Parameters) -> Ours:
        assert parameters.tweedie_power == dataset.objective["tweedie_variance_power"]
        rows = {cutoff: seasonal_naive(dataset.problem(cutoff)) for cutoff in dataset.cutoffs}
        return Ours(rows, pd.DataFrame({"day": [1]}), cpu_seconds=10.0, next_wall_seconds=7.5)

    monkeypatch.setattr("benchmarks.accuracy.build_home", lambda *_: 120.0)
    monkeypatch.setattr("benchmarks.accuracy.forecast_ours", invented)
    told(replace(options, methods=("naive", OURS)))
    once = {
        one["metric"]: one["score"]
        for one in records_of(options)
        if one["metric"] in (BUILD, NEXT) and one["origin"] is None and one["method"] == OURS
    }
    assert once == {BUILD: 120.0, NEXT: 7.5}
    table = (options.results / "m5.md").read_text()
    assert "takes 120.0 CPU s once for all origins" in table and "then take 7.5 s" in table
    with_build = next(line for line in table.splitlines() if "with its dbt build" in line)
    assert with_build.endswith("| 30.0 |")  # 10 and a sixth of 120
    assert re.search(r"at revision ([0-9a-f]{40}(-dirty)?|unknown), with library 1.0", table)


def test_the_warehouse_of_a_home_that_has_published_is_not_removed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, today=NEXT_DAY)
    settings.published.mkdir()
    settings.warehouse_file.parent.mkdir()
    with pytest.raises(RuntimeError, match="found one with publications. Name another folder"):
        build_home(settings, "demo", None)
    assert settings.warehouse_file.parent.exists()


def test_a_part_of_the_methods_leaves_the_shipped_results_alone(tmp_path: Path) -> None:
    part = parse(["--methods", "naive", "--home", str(tmp_path)])
    assert part.results == tmp_path / "results"
    assert parse([]).results == CHECKOUT / "benchmarks" / "results"
    assert parse(["--methods", "naive", "--results", str(tmp_path)]).results == tmp_path


def test_answers_with_our_loss_are_kept_by_loss(
    options: Options, told: Callable[[Options], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told(replace(options, methods=(OUR_LOSS,)))
    kept = {folder.name for folder in (options.home / "answers" / "m5").iterdir()}
    assert kept == {"mlforecast_our_loss-tweedie-1.1", "data.sha256"}
    declared = {"objective": "poisson"}
    monkeypatch.setattr("benchmarks.datasets.objective", lambda _: declared)
    options.peers_python.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(RuntimeError, match="mlforecast_our_loss failed"):
        told(replace(options, methods=(OUR_LOSS,), reuse=True))


def test_the_loss_of_a_set_is_the_declared_one_and_reaches_the_peers(tmp_path: Path) -> None:
    assert objective(Parameters(loss="poisson")) == {"objective": "poisson"}
    problem = invented_set().problem(CUTOFFS[0])
    problem.save(tmp_path)
    found = Problem.load(tmp_path).objective
    assert found == {"objective": "tweedie", "tweedie_variance_power": 1.4}


def test_reuse_takes_the_answers_of_an_earlier_run(
    options: Options, told: Callable[[Options], str]
) -> None:
    told(options)
    first = records_of(options)
    options.peers_python.write_text("#!/bin/sh\nexit 1\n")
    told(replace(options, reuse=True))
    assert records_of(options) == first
    with pytest.raises(RuntimeError, match="auto_ets failed on m5 at 2015-12-06"):
        told(options)


@pytest.mark.parametrize("kept", ["m5", "answers/m5"])
def test_a_file_that_is_added_to_the_data_later_is_refused_and_nothing_is_replaced(
    kept: str, options: Options, told: Callable[[Options], str]
) -> None:
    told(replace(options, methods=("naive",)))
    other = {"m5": "answers/m5", "answers/m5": "m5"}[kept]
    (options.home / other / "data.sha256").unlink()
    first = records_of(options)
    (options.data / "m5" / "future.parquet").write_bytes(b"days ahead")
    with pytest.raises(OtherData, match=rf"m5: expected the files that .*/{kept} was made from"):
        check_same_data(options.data / "m5", options.home / kept)
    (options.data / "m5" / "future.parquet").unlink()
    calendar = options.data / "m5" / "calendar.csv"
    calendar.write_text(calendar.read_text().replace("Fair", "Fete"))
    with pytest.raises(OtherData, match=rf"/{kept} was made from .* --home, or remove"):
        told(replace(options, methods=("naive",), reuse=True))
    assert records_of(options) == first


def test_the_same_files_in_another_folder_are_the_same_data(
    options: Options, told: Callable[[Options], str], tmp_path: Path
) -> None:
    told(replace(options, methods=("naive",)))
    shutil.copytree(options.data, tmp_path / "copy")
    (tmp_path / "copy" / "m5" / ".listing").write_text("of no meaning")
    told(replace(options, methods=("naive",), reuse=True, data=tmp_path / "copy"))


def test_data_that_ends_before_the_last_origins_horizon_is_refused(
    options: Options, told: Callable[[Options], str]
) -> None:
    file = options.data / "m5" / "store_dept_daily.parquet"
    sold = pd.read_parquet(file)
    sold[sold["date"] < date(2016, 5, 22)].to_parquet(file)
    with pytest.raises(DataTooShort, match="up to 2016-05-22, 28 days .* up to 2016-05-21 in"):
        told(options)


def test_a_peer_without_its_environment_is_named(
    options: Options, told: Callable[[Options], str]
) -> None:
    with pytest.raises(SystemExit, match="auto_ets: expected the peers' Python at .*make bench"):
        told(replace(options, peers_python=Path("nowhere")))


def test_all_sets_and_methods_are_the_default() -> None:
    options = parse([])
    assert options.datasets == ("m5", "rossmann", "demo")
    assert options.methods == METHODS and options.methods[-1] == OURS


def test_ours_is_scored_as_the_product_scores_itself(home: Path) -> None:
    settings = Settings(home=home, today=NEXT_DAY)
    dataset = read_demo(settings)
    ours = forecast_ours(settings, dataset, forecast_scope(settings).model)
    answers = {
        "seasonal_naive": {
            cutoff: (seasonal_naive(dataset.problem(cutoff)), 0.0) for cutoff in dataset.cutoffs
        },
        OURS: {cutoff: (rows, ours.cpu_seconds) for cutoff, rows in ours.forecasts.items()},
    }
    records = score_all(dataset, answers)
    found = {
        (one["method"], one["metric"], one["origin"]): one["score"]
        for one in records
        if one["slice"] == "overall"
    }
    with warehouse(settings) as connection:
        scores = connection.execute(
            "select cutoff_on, metric, score from state.backtest_scores"
            " where method = 'published' and slice = 'overall'"
        ).fetchall()
    compared = 0
    for cutoff, metric, score in scores:
        key = (OURS, metric, cutoff.isoformat() if isinstance(cutoff, date) else None)
        if key in found:
            assert found[key] == pytest.approx(score, rel=1e-3, abs=1e-4), key
            compared += 1
    # wape, its category totals, rmsse, bias; coverage, width, exceedance and PIT of both intervals
    assert compared == 5 * 12
    differences = [one for one in records if "lower" in one]
    assert {one["method"] for one in differences} == {"seasonal_naive"}
    assert all(one["lower"] <= one["difference"] <= one["upper"] for one in differences)


def test_the_days_after_the_data_are_forecast_once_each_and_sorted(home: Path) -> None:
    settings = Settings(home=home, today=NEXT_DAY)
    dataset = read_demo(settings)
    ahead = forecast_ours(settings, dataset, Parameters(iterations=10)).next_days
    assert list(ahead.columns) == NEXT_COLUMNS
    keys = ["store_id", "product_id", "target_on"]
    assert ahead[keys].equals(ahead[keys].drop_duplicates().sort_values(keys))
    assert ahead["target_on"].nunique() == 28 and ahead["target_on"].min() == NEXT_DAY
    assert len(ahead) == 28 * len(ahead.drop_duplicates(keys[:2]))
