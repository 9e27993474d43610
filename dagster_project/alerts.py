"""One hook for everything somebody should hear of: the log, and a webhook where one is set."""

from __future__ import annotations

import http.client
import json
import logging
import urllib.request
from dataclasses import asdict, dataclass

from dagster_project.settings import Settings

logger = logging.getLogger("meshcast.alerts")

WEBHOOK_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Alert:
    """What happened, in words for a person who is not looking at the system.

    Attributes:
        subject: what failed, such as a job or a check with its asset.
        reason: why, in one line.
        run_id: the Dagster run, or None outside one.
        severity: `error` or `warning`.
    """

    subject: str
    reason: str
    run_id: str | None = None
    severity: str = "error"


def send_alert(settings: Settings, alert: Alert) -> bool:
    """Log an alert and post it as JSON to `settings.webhook_url`.

    An alert must not break what it reports on, so a webhook that cannot be reached is logged.

    Returns:
        Whether the webhook took it; False also when none is set.
    """
    level = logging.ERROR if alert.severity == "error" else logging.WARNING
    logger.log(level, "%s: %s", alert.subject, alert.reason)
    if settings.webhook_url is None:
        return False
    try:
        request = urllib.request.Request(
            settings.webhook_url,
            data=json.dumps(asdict(alert)).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=WEBHOOK_TIMEOUT_SECONDS) as response:
            return bool(200 <= response.status < 300)
    except (OSError, http.client.HTTPException, ValueError) as error:
        logger.error("webhook %s did not take the alert: %s", settings.webhook_url, error)
        return False
