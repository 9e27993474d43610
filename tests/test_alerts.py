"""Alerts reach the log and the webhook, and never break what they report on."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dagster as dg
import pytest

from dagster_project.alerts import Alert, send_alert
from dagster_project.schedules import alert_on_failed_check, alert_on_failed_run
from dagster_project.settings import Settings

ALERT = Alert(subject="job ingest", reason="no disk", run_id="1")


class Webhook:
    """A local server that keeps what it is sent and answers with `status`."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                webhook.received.append(json.loads(self.rfile.read(length)))
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    thread = threading.Thread(target=webhook.server.serve_forever)
    thread.start()
    yield webhook
    webhook.server.shutdown()
    thread.join()
    webhook.server.server_close()


@dg.op
def fails() -> None:
    raise RuntimeError("the till's disk is full")


@dg.job
def failing() -> None:
    fails()


@dg.asset(check_specs=[dg.AssetCheckSpec("is_fresh", asset="sales")])
def sales():
    check = dg.AssetCheckResult(
        passed=False, severity=dg.AssetCheckSeverity.WARN, description="9 days old"
    )
    return dg.MaterializeResult(check_results=[check])


def test_an_alert_is_logged_and_posted_as_json(
    settings: Settings, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    assert send_alert(replace(settings, webhook_url=webhook.url), ALERT)
    assert webhook.received == [
        {"subject": "job ingest", "reason": "no disk", "run_id": "1", "severity": "error"}
    ]
    assert "job ingest: no disk" in caplog.text


def test_without_a_webhook_an_alert_is_logged_with_its_severity(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert not send_alert(settings, replace(ALERT, severity="warning"))
    assert [(r.levelno, r.message) for r in caplog.records] == [
        (logging.WARNING, "job ingest: no disk")
    ]


def test_a_webhook_that_is_not_there_is_logged_and_breaks_nothing(
    settings: Settings, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{nobody.server_port}/"
    nobody.server_close()
    assert not send_alert(replace(settings, webhook_url=url), ALERT)
    assert f"webhook {url} did not take the alert" in caplog.text

    webhook.status = 500
    assert not send_alert(replace(settings, webhook_url=webhook.url), ALERT)
    assert "HTTP Error 500" in caplog.text


def test_a_webhook_address_that_is_none_is_logged_and_breaks_nothing(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert not send_alert(replace(settings, webhook_url="not an address"), ALERT)
    assert "webhook not an address did not take the alert" in caplog.text


def test_the_webhook_hears_of_a_failed_run(settings: Settings, webhook: Webhook) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = failing.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="alert_on_failed_run",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"settings": replace(settings, webhook_url=webhook.url)},
        ).for_run_failure()
        alert_on_failed_run(context)

    assert [(sent["subject"], sent["run_id"]) for sent in webhook.received] == [
        ("job failing", result.run_id)
    ]
    assert "fails" in webhook.received[0]["reason"]


def test_the_webhook_hears_of_a_failed_check_in_a_run_that_went_on(
    settings: Settings, webhook: Webhook
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([sales], instance=instance)
        context = dg.build_run_status_sensor_context(
            sensor_name="alert_on_failed_check",
            dagster_event=result.get_run_success_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"settings": replace(settings, webhook_url=webhook.url)},
        )
        alert_on_failed_check(context)

    assert webhook.received == [
        {
            "subject": "check is_fresh of sales",
            "reason": "9 days old",
            "run_id": result.run_id,
            "severity": "warning",
        }
    ]
