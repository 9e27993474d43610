"""How data flows between products: from landed files through ours to those of other domains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagster_project.contracts.product import Product

LANDED = "landed files"


@dataclass(frozen=True)
class Node:
    """Something that data flows through.

    Attributes:
        name: a product, or what it is made from.
        note: what it is, for people.
        href: its page; None when it has none.
    """

    name: str
    note: str
    href: str | None = None


@dataclass(frozen=True)
class Flow:
    """Nodes by name, and the edges between them, from what is read to what reads."""

    nodes: Mapping[str, Node]
    edges: frozenset[tuple[str, str]]

    def upstream(self, name: str) -> tuple[Node, ...]:
        """All that something is made from, nearest first."""
        return self._reached(name, backwards=True)

    def downstream(self, name: str) -> tuple[Node, ...]:
        """All that is made from something, nearest first."""
        return self._reached(name, backwards=False)

    def around(self, name: str) -> Flow:
        """What has to do with something: what it is made from, itself, and what is made of it."""
        kept = {name, *(node.name for node in (*self.upstream(name), *self.downstream(name)))}
        return Flow(
            {key: node for key, node in self.nodes.items() if key in kept},
            frozenset((a, b) for a, b in self.edges if a in kept and b in kept),
        )

    def layers(self) -> list[list[Node]]:
        """Nodes by the longest way to them, so that every edge leads down."""
        depth = dict.fromkeys(self.nodes, 0)
        for _ in self.nodes:  # as many rounds as the longest way has nodes
            for read, reader in self.edges:
                depth[reader] = max(depth[reader], min(depth[read] + 1, len(self.nodes)))
        found: dict[int, list[Node]] = {}
        for name in sorted(self.nodes):
            found.setdefault(depth[name], []).append(self.nodes[name])
        return [found[level] for level in sorted(found)]

    def _reached(self, name: str, *, backwards: bool) -> tuple[Node, ...]:
        reached: list[str] = []
        waiting = [name]
        while waiting:
            at = waiting.pop(0)
            next_to = sorted(
                (a if backwards else b) for a, b in self.edges if (b if backwards else a) == at
            )
            fresh = [other for other in next_to if other not in reached and other != name]
            reached += fresh
            waiting += fresh
        return tuple(self.nodes[other] for other in reached)


def read_flow(products: Sequence[Product], consumers: Iterable[tuple[str, str]]) -> Flow:
    """The flow between products, and to consumers that have committed expectations.

    Args:
        products: ours and those of other domains whose descriptors we have.
        consumers: (consumer, product that it reads); left out where the consumer is the domain of
            a product that reads it too.
    """
    owner = {contract.id: product for product in products for contract in product.contracts}
    nodes = {
        product.name: Node(product.name, f"product of {product.domain}", f"{product.name}.html")
        for product in products
    }
    edges = set()
    for product in products:
        for port in product.inputs:
            if port.contract_id in owner:
                edges.add((owner[port.contract_id].name, product.name))
            else:
                name = LANDED if port.declared_in else port.name
                nodes.setdefault(name, Node(name, port.declared_in or "not of ours"))
                edges.add((name, product.name))
    told = {
        (product.domain, read)
        for product in products
        for read, reader in edges
        if reader == product.name
    }
    for consumer, read in consumers:
        if (consumer, read) not in told and consumer not in {p.name for p in products}:
            nodes.setdefault(consumer, Node(consumer, "consumer"))
            edges.add((read, consumer))
    return Flow(nodes, frozenset(edges))
