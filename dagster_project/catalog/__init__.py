"""The data catalog: a static site over what is published and promised, read without a network."""

from dagster_project.catalog.site import SITE, NothingPublished, write_catalog

__all__ = ["SITE", "NothingPublished", "write_catalog"]
