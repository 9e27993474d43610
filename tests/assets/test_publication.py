"""What Dagster tells of publications that a rollback has brought back."""

from __future__ import annotations

from dataclasses import replace

from dagster_project.assets.publication import port_metadata
from dagster_project.settings import Settings
from tests.publishing.invented_ports import fill, publish


def test_a_publication_from_before_a_table_was_promised_says_that_it_lacks_it(
    settings: Settings,
) -> None:
    fill(settings)
    published = publish(settings)
    assert port_metadata(published, "daily_sales_v2")["dagster/row_count"] == 2

    earlier = replace(published, ports={"daily_sales_v1": published.ports["daily_sales_v1"]})
    assert port_metadata(earlier, "daily_sales_v2") == {
        "publication": 1,
        "is_in_publication": False,
    }
