"""The parts of a page: snippets that run, samples, Markdown, flows, pictures, service levels."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from dagster_project.catalog.access import Place, read_places, snippets
from dagster_project.catalog.drawing import draw_flow, draw_history
from dagster_project.catalog.flow import Flow, Node, read_flow
from dagster_project.catalog.markdown import to_html
from dagster_project.catalog.model_layers import layers_of, written_by_python
from dagster_project.catalog.sample import read_sample, shown
from dagster_project.catalog.service_levels import levels_of, promises_of, read_history, told
from dagster_project.contracts.product import read_products
from dagster_project.publishing import current_publication
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.catalog.conftest import Site

MEASURED_AT = datetime(2018, 1, 1, 6, tzinfo=UTC)
ROW = {
    "product": "daily_sales",
    "slo": "freshness",
    "element": "daily_sales_v1.last_known_on",
    "severity": "error",
    "unit": "d",
    "reason": None,
    "target": 2,
    "measured": 1,
    "met": True,
    "window_days": 28,
    "days_measured": 20,
    "days_missed": 1,
    "attainment": 0.95,
    "error_budget": 0.05,
    "error_budget_left": 0.2857,
    "measured_at": MEASURED_AT,
}


def places(site: Site) -> dict[str, Place]:
    published = current_publication(site.settings)
    assert published is not None
    return read_places(
        site.settings, published, (site.settings.published / "sales.duckdb").resolve()
    )


@pytest.mark.parametrize("relation", ["daily_sales_v1", "sales_events_v1"])
def test_every_snippet_runs_as_it_stands(site: Site, relation: str) -> None:
    sql, python, parquet = snippets(places(site)[relation])
    with duckdb.connect() as connection:
        attach, select, detach, _ = sql.text.split(";")
        connection.execute(attach)
        rows = connection.execute(select).fetchall()
        connection.execute(detach)
        assert len(rows) > 0
        assert connection.execute(parquet.text).fetchall() == rows
    ran = f"{python.text}\nprint(len(rows))"
    printed = subprocess.run(
        [sys.executable, "-c", ran], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == str(len(rows))


def test_a_sample_shows_rows_of_open_ports_alone(site: Site) -> None:
    file = (site.settings.published / "sales.duckdb").resolve()
    found = read_sample(file, places(site)["daily_sales_v1"])
    assert found.names == ("product_id", "store_id", "units_sold", "sold_on")
    assert ("milk", "s1", "1.0000", "2017-01-30") in found.rows
    restricted = read_sample(file, places(site)["sales_events_v1"])
    assert restricted.rows == ()
    assert "restricted" in restricted.why_none
    empty = read_sample(file, places(site)["likely_stockouts_v1"])
    assert (empty.rows, empty.why_none) == ((), "The table has no rows yet.")


def test_long_lists_are_shown_by_their_beginning() -> None:
    assert shown([0.5, None, 2, 3, 4]) == "[0.5, None, 2, … 5 values]"
    assert shown((1, 2)) == "[1, 2]"
    assert (shown(None), shown(True)) == (None, "true")


def test_markdown_shows_html_as_text_and_keeps_only_links_that_lead_somewhere() -> None:
    text = (
        "# Title\n\n<b>bold</b> [in](contract.yaml) [out](https://example.com) [lost](../x.md)"
        " [bad](javascript:alert(1)) ![picture](https://example.com/a.png)\n\n| a |\n|---|\n| 1 |\n"
    )
    html = str(to_html(text, {"contract.yaml": "p/contract.yaml"}))
    assert "<h3>Title</h3>" in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert '<a href="p/contract.yaml" rel="noreferrer">in</a>' in html
    assert '<a href="https://example.com" rel="noreferrer">out</a>' in html
    assert " lost " in html
    assert "x.md" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert '<div class="scroll"' in html


def test_a_consumer_that_has_told_us_is_downstream_of_what_it_reads() -> None:
    flow = read_flow(read_products(), [("planning", "daily_sales"), ("sales", "daily_sales")])
    assert ("daily_sales", "planning") in flow.edges
    assert [node.name for node in flow.upstream("planning")][0] == "daily_sales"
    assert {"sales_forecast", "planning"} <= {n.name for n in flow.downstream("sales_events")}
    assert "sales" not in flow.nodes, "its product says that already"


def test_layers_lead_down_and_the_picture_has_every_node_and_edge() -> None:
    nodes = {name: Node(name, "note", f"{name}.html") for name in ("a", "b", "c & d", "e")}
    edges = frozenset({("a", "b"), ("b", "c & d"), ("a", "c & d")})
    flow = Flow(nodes, edges)
    assert [[node.name for node in layer] for layer in flow.layers()] == [
        ["a", "e"],
        ["b"],
        ["c & d"],
    ]
    assert set(flow.around("b").nodes) == {"a", "b", "c & d"}
    drawn = ElementTree.fromstring(str(draw_flow(flow, "b")))
    texts = [element.text for element in drawn.iter("text")]
    assert {"a", "b", "c & d", "e"} <= set(texts)
    assert len([p for p in drawn.iter("path") if p.get("marker-end")]) == len(edges)
    assert [a.get("href") for a in drawn.iter("a")] == ["a.html", "e.html", "c & d.html"]


def test_a_history_tells_met_from_missed_by_more_than_colour() -> None:
    drawn = ElementTree.fromstring(str(draw_history([("one <", True), ("two", False)] * 2)))
    assert drawn.get("aria-label") == "4 measurements, 2 missed"
    assert len(list(drawn.iter("circle"))) == 2
    assert len(list(drawn.iter("rect"))) == 2
    assert [title.text for title in drawn.iter("title")] == ["one <", "two"] * 2


def test_a_level_tells_target_figure_attainment_and_history() -> None:
    missed = {**ROW, "slo": "volume", "met": False, "measured": 3.5, "unit": "factor"}
    unknown = {**ROW, "slo": "bias", "met": None, "measured": None, "attainment": None}
    unknown["reason"] = "no forecast has come true yet"
    other = {**ROW, "product": "sales_events"}
    past = {**ROW, "met": False, "measured": 3}
    rows = [ROW, missed, unknown, other]
    fresh, volume, bias = levels_of("daily_sales", rows, [past, ROW, other])
    assert (fresh.target, fresh.measured, fresh.told) == ("2 days", "1 day", "✓ met")
    assert fresh.attainment == "95%: 19 of 20 days measured"
    assert fresh.budget_left == "29%"
    assert "2 measurements, 1 missed" in fresh.picture
    assert (volume.measured, volume.told) == ("3.5 times", "✗ missed")
    assert (bias.told, bias.reason) == ("not yet known", "no forecast has come true yet")
    assert told((fresh, volume, bias)) == "1 of 2 met"
    assert told((bias,)) == "not measured yet"


def test_a_share_is_told_in_percent_and_a_day_as_it_is() -> None:
    (product,) = [found for found in read_products() if found.name == "daily_sales"]
    targets = {promise.title: promise.target for promise in promises_of(product.contracts)}
    assert targets["completeness of daily_sales_v2.sold_on"] == "95\N{NO-BREAK SPACE}%"
    assert targets["endOfLife of daily_sales_v1"] == "2027-12-31"


def test_the_same_promise_of_two_versions_is_told_once() -> None:
    (product,) = [found for found in read_products() if found.name == "daily_sales"]
    twice = [*product.contracts, *(replace(contract) for contract in product.contracts)]
    assert promises_of(twice) == promises_of(product.contracts)


def test_history_is_left_out_rather_than_waited_for(settings: Settings) -> None:
    assert read_history(settings) == []
    with warehouse(settings) as connection:
        connection.execute(
            "create table if not exists state.slo_measurements (product varchar, slo varchar,"
            " element varchar, measured double, met boolean, measured_at timestamptz)"
        )
    held = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True);"
        " sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", held, str(settings.warehouse_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert read_history(settings) == []
        assert other.stdin is not None
        other.stdin.close()
    assert read_history(settings) == []


def test_models_are_followed_through_sql_and_through_what_python_writes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for path, sql in {
        "staging/stg_a.sql": "select 1",
        "features/feat_b.sql": "select * from {{ ref('stg_a') }}",
        "daily/unused.sql": "select 1",
        "data_products/c_v1.sql": "select * from {{ source('state', 'ledger') }}",
        "data_products/d_v2.sql": "select * from {{ ref('c', v=1) }}",
    }.items():
        (models / path).parent.mkdir(parents=True, exist_ok=True)
        (models / path).write_text(sql)
    (tmp_path / "lineage.yaml").write_text(
        "tables: [{name: state.ledger, columns: {'*': [state.model.*]}},"
        " {name: state.model, columns: {a: [feat_b.x], b: [feat_b.y]}}]"
    )
    written = written_by_python(tmp_path)
    assert written == {"ledger": ("model",), "model": ("feat_b",)}
    found = {layer.name: layer.models for layer in layers_of(["d_v2"], written, tmp_path)}
    assert found == {
        "staging": ("stg_a",),
        "features": ("feat_b",),
        "data_products": ("c_v1", "d_v2"),
    }
    assert written_by_python(models) == {}
