"""`meshcast ui` on a published home: its pages, as a program and as a browser see them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import NEXT_DAY, copy_home, execute

SECONDS_TO_START = 180
SECONDS_TO_STOP = 150
"""Dagster gives each of its two services 60 s."""

GRAPH = """
{
  assetNodes {
    assetKey { path }
    groupName
    description
    owners { ... on UserAssetOwner { email } }
    dependencyKeys { path }
    assetChecksOrError { ... on AssetChecks { checks { name blocking } } }
    assetMaterializations(limit: 1) { runId }
  }
  instance { info }
  sensors: workspaceOrError {
    ... on Workspace {
      locationEntries {
        locationOrLoadError {
          ... on PythonError { message }
          ... on RepositoryLocation { repositories { sensors { name } schedules { name } } }
        }
      }
    }
  }
}
"""


@dataclass(frozen=True)
class Served:
    """A running `meshcast ui`: its process, its address and the file of what it prints."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def ask(self, query: str) -> dict[str, Any]:
        """Answer of the server to a GraphQL query."""
        request = urllib.request.Request(
            f"{self.address}/graphql",
            data=json.dumps({"query": query}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.loads(response.read())
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


def wait_until_served(served: Served) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        assert served.process.poll() is None, served.log.read_text()
        try:
            served.ask("{ version }")
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"not served within {SECONDS_TO_START} s:\n{served.log.read_text()}")


def heed_interrupts() -> None:
    """What a shell runs in the background inherits that interrupts are ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module")
def served(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server, started from another folder than the checkout, and stopped as with Ctrl-C."""
    folder = tmp_path_factory.mktemp("ui")
    home = copy_home(published_home, folder / "home")
    number = free_port()
    log = folder / "log"
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MESHCAST_", "DAGSTER_"))
    }
    command = [Path(sys.executable).parent / "meshcast", "ui", "--port", str(number)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*map(str, command), "--today", str(NEXT_DAY)],
            cwd=folder,
            env={**inherited, "MESHCAST_HOME": str(home)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        ) as process,
    ):
        served = Served(process, f"http://127.0.0.1:{number}", log)
        try:
            wait_until_served(served)
            yield served
        finally:
            os.killpg(process.pid, signal.SIGINT)  # a terminal interrupts all of them
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise


def test_the_address_is_printed_and_the_daemon_runs(served: Served) -> None:
    deadline = time.monotonic() + 60
    while "SensorDaemon" not in served.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.5)
    printed = served.log.read_text()
    assert f"Dagster: {served.address} (stop it with Ctrl-C)" in printed
    assert "SensorDaemon" in printed
    assert "Warning" not in printed


def test_the_server_serves_the_asset_graph_with_groups_owners_checks_and_lineage(
    served: Served,
) -> None:
    data = served.ask(GRAPH)
    nodes = {"/".join(node["assetKey"]["path"]): node for node in data["assetNodes"]}

    assert all(node["groupName"] != "default" for node in nodes.values())
    assert [
        key for key, node in nodes.items() if not (node["owners"] and node["description"])
    ] == []
    checks = {
        (key, check["name"]): check["blocking"]
        for key, node in nodes.items()
        for check in node["assetChecksOrError"].get("checks", [])
    }
    assert checks["challenger", "gate"] is True
    assert ("ports/sales_forecast_v1", "slo_freshness_cutoff_on") in checks

    upstream, waiting = set(), ["ports/sales_forecast_v1"]
    while waiting:
        found = {"/".join(key["path"]) for key in nodes[waiting.pop()]["dependencyKeys"]}
        waiting += sorted(found - upstream)
        upstream |= found
    assert {
        "landing_files",
        "complete_journey/sales_events",
        "stg_complete_journey__sales_events",
        "sales_events_accepted",
        "forecast_frame",
        "champion",
        "forecast",
    } <= upstream
    assert len(nodes["forecast"]["assetMaterializations"]) == 1, "the home's own runs are shown"


def test_the_server_loads_the_schedules_and_sensors(served: Served) -> None:
    (entry,) = served.ask(GRAPH)["sensors"]["locationEntries"]
    (repository,) = entry["locationOrLoadError"]["repositories"]
    assert {schedule["name"] for schedule in repository["schedules"]} == {
        "daily",
        "weekly_retraining",
        "service_levels_daily",
    }
    assert {"new_landing_files", "forecast_after_ingest", "alert_on_failed_run"} <= {
        sensor["name"] for sensor in repository["sensors"]
    }


def test_telemetry_is_off(served: Served) -> None:
    assert "telemetry:\n  enabled: false" in served.ask(GRAPH)["instance"]["info"]


def test_a_port_in_use_is_refused_with_what_to_do(served: Served, tmp_path: Path) -> None:
    number = served.address.rpartition(":")[2]
    command = [sys.executable, "-m", "dagster_project", "ui", "--port", number]
    refused = execute(command, tmp_path / "home", expect=2)
    assert f"port {number}: expected a free one" in refused.stderr
    assert "meshcast ui --port" in refused.stderr


def browser() -> str | None:
    """A Chromium of this machine, or None."""
    return os.environ.get("MESHCAST_CHROMIUM") or shutil.which("chromium")


@pytest.mark.skipif(browser() is None, reason="no Chromium: set MESHCAST_CHROMIUM to one")
def test_a_browser_shows_the_graph_and_the_forecast_picture_without_fetching_from_elsewhere(
    served: Served,
) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(60_000)
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))

        page.goto(f"{served.address}/asset-groups")
        for group in ("landing", "training", "forecast", "ports"):
            page.get_by_text(group, exact=True).first.wait_for()

        page.goto(f"{served.address}/assets/forecast?view=events")
        page.get_by_text("Show Markdown").first.click()
        picture = page.get_by_alt_text("forecast against actual")
        picture.wait_for()
        assert picture.evaluate("image => image.naturalWidth") > 500

        page.goto(f"{served.address}/assets/challenger?view=checks")
        page.get_by_text("blocking").first.wait_for()
        chromium.close()

    elsewhere = [url for url in requested if not url.startswith((served.address, "data:", "blob:"))]
    assert elsewhere == []
