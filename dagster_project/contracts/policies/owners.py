"""The owner of a product can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dagster_project.contracts.policies.violation import Evidence, Policy, Violation

NAME = "owner_can_be_reached"

# Something, an at sign, and a domain with a dot in it: whether somebody reads it, no rule can tell.
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
CHANNEL = re.compile(r"mailto:[^@\s]+@[^@\s.]+(\.[^@\s.]+)+|https?://[^\s/]+\S*")


def _violations(evidence: Evidence) -> Iterator[Violation]:
    for product in evidence.products:
        owners = {
            product.folder.name: product.owner,
            **{contract.file.name: contract.owner for contract in product.contracts},
        }
        for place, owner in owners.items():
            if not EMAIL.fullmatch(owner):
                yield Violation(
                    policy=NAME,
                    product=product.name,
                    object=f"{place}, owner",
                    expected="an e-mail address",
                    found=repr(owner),
                    remedy="name the member of the team with role owner by such an address",
                )
        for contract in product.contracts:
            if not any(CHANNEL.fullmatch(channel.url) for channel in contract.support):
                yield Violation(
                    policy=NAME,
                    product=product.name,
                    object=f"{contract.file.name}, support",
                    expected="a channel with a mailto: or https:// address",
                    found=", ".join(channel.url or "none" for channel in contract.support)
                    or "no channel",
                    remedy="write where consumers ask",
                )


OWNER_CAN_BE_REACHED = Policy(
    NAME, "Each product and contract has an owner's e-mail and a support channel.", _violations
)
