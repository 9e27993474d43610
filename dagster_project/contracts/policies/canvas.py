"""The canvas of a product, its README.md, is complete in its ten parts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dagster_project.contracts.expectations import CONSUMERS
from dagster_project.contracts.policies.violation import Evidence, Policy, Violation
from dagster_project.contracts.product import Product

NAME = "canvas_is_complete"

PARTS = (
    "Domain",
    "Name",
    "Consumers and use cases",
    "Output ports",
    "Metadata",
    "Input ports",
    "Design",
    "Observability",
    "Ubiquitous language",
    "Classification",
)

ROW = re.compile(r"^\| \*\*(?P<part>[^*|]+)\*\* \|(?P<text>.*)\|$", re.MULTILINE)


def _violations(evidence: Evidence) -> Iterator[Violation]:
    for product in evidence.products:
        yield from _of_product(product)


def _of_product(product: Product) -> Iterator[Violation]:
    file = product.folder / "README.md"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    parts = {match["part"].strip(): match["text"].strip() for match in ROW.finditer(text)}
    for part in PARTS:
        if not parts.get(part):
            yield Violation(
                policy=NAME,
                product=product.name,
                object=f"{product.name}/README.md",
                expected=f"the part `{part}`",
                found="none" if part not in parts else "an empty one",
                remedy=f"add the row `| **{part}** | … |` to its table",
            )
    consumers = product.folder / CONSUMERS
    if consumers.is_dir() and f"]({CONSUMERS})" not in parts.get("Consumers and use cases", ""):
        yield Violation(
            policy=NAME,
            product=product.name,
            object=f"{product.name}/README.md, Consumers and use cases",
            expected=f"a link to {CONSUMERS}/, where consumers say what they rely on",
            found="none",
            remedy=f"write [{CONSUMERS}/]({CONSUMERS}) there",
        )
    named = parts.get("Output ports", "")
    for relation in (table.relation for c in product.contracts for table in c.tables):
        if f"`{relation}`" not in named:
            yield Violation(
                policy=NAME,
                product=product.name,
                object=f"{product.name}/README.md, Output ports",
                expected=f"the port `{relation}`",
                found="none of that name",
                remedy="tell its readers of it",
            )


CANVAS_IS_COMPLETE = Policy(
    NAME,
    "README.md is the data product canvas: ten parts, every port named, consumers linked.",
    _violations,
)
