"""The ports that the contracts promise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagster_project import publishing
from dagster_project.declaration import DeclarationError


def test_every_table_of_a_contract_is_a_port() -> None:
    ports = {item.relation: item for item in publishing.read_ports()}
    assert set(ports) == {
        "daily_sales_v1",
        "daily_sales_v2",
        "forecast_value_added_v1",
        "likely_stockouts_v1",
        "sales_events_v1",
        "sales_forecast_explained_v1",
        "sales_forecast_history_v1",
        "sales_forecast_totals_v1",
        "sales_forecast_v1",
    }
    assert ports["sales_events_v1"].folder == "restricted/sales_events/v1"
    assert ports["sales_events_v1"].personal == ("customer_key",)
    assert ports["daily_sales_v1"].personal == ()
    assert ports["sales_forecast_history_v1"].product == "sales_forecast"
    assert ports["daily_sales_v1"].sorted_by == ("sold_on", "product_id", "store_id")


def test_a_restricted_table_is_not_refreshed_where_everybody_can_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (live,) = publishing.read_live_ports()
    closed = replace(live, is_restricted=True)
    monkeypatch.setattr("dagster_project.publishing.ports._all_ports", lambda *_: [closed])
    with pytest.raises(DeclarationError, match="slo_status_v1: expected an open table"):
        publishing.read_live_ports()
