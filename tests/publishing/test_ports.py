"""The ports that the contracts promise."""

from __future__ import annotations

from dagster_project import publishing


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
