"""Pictures of the catalog: the flow around a product and the history of a service level, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from dagster_project.catalog.flow import Flow, Node

WIDTH, HEIGHT = 164, 46
ACROSS, DOWN = 16, 34
MARGIN = 4
BESIDE = 44
LONGEST_NAME = 21

DOT, GAP = 8, 3
SHOWN_MEASUREMENTS = 14


def draw_flow(flow: Flow, here: str) -> Markup:
    """The nodes of a flow in layers from what is read, above, to who reads, below."""
    layers = flow.layers()
    widest = max(len(layer) for layer in layers)
    width = widest * (WIDTH + ACROSS) - ACROSS + 2 * MARGIN
    height = len(layers) * (HEIGHT + DOWN) - DOWN + 2 * MARGIN
    places = {
        node.name: (
            MARGIN + (width - 2 * MARGIN) * (position + 0.5) / len(layer),
            MARGIN + level * (HEIGHT + DOWN),
        )
        for level, layer in enumerate(layers)
        for position, node in enumerate(layer)
    }
    level_of = {node.name: level for level, layer in enumerate(layers) for node in layer}
    passes_by = {(a, b) for a, b in flow.edges if level_of[b] - level_of[a] > 1}
    edges = Markup("").join(
        _edge(places[a], places[b], around=width - MARGIN if (a, b) in passes_by else None)
        for a, b in sorted(flow.edges)
    )
    width += BESIDE if passes_by else 0
    nodes = Markup("").join(
        _node(node, places[node.name], is_here=node.name == here)
        for layer in layers
        for node in layer
    )
    arrow = Markup(
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
        ' markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
    )
    return Markup(
        '<svg class="graph" role="img" width="{}" height="{}" viewBox="0 0 {} {}"'
        ' aria-label="Lineage of {}, as in the lists below">{}{}{}</svg>'
    ).format(width, height, width, height, here, arrow, edges, nodes)


def draw_history(outcomes: Sequence[tuple[str, bool]]) -> Markup:
    """A dot for each of the newest measurements: high and round where met, low and square if not.

    Args:
        outcomes: (when and what was measured, whether it was met), oldest first.
    """
    newest = outcomes[-SHOWN_MEASUREMENTS:]
    missed = sum(not is_met for _, is_met in newest)
    dots = Markup("").join(
        (
            Markup('<circle class="met" cx="{}" cy="6" r="4"><title>{}</title></circle>')
            if is_met
            else Markup(
                '<rect class="missed" x="{}" y="9" width="8" height="8"><title>{}</title></rect>'
            )
        ).format(position * (DOT + GAP) + (4 if is_met else 0), told)
        for position, (told, is_met) in enumerate(newest)
    )
    return Markup(
        '<svg class="history" role="img" width="{}" height="18" aria-label="{} measurements,'
        ' {} missed">{}</svg>'
    ).format(len(newest) * (DOT + GAP), len(newest), missed, dots)


def _edge(start: tuple[float, float], end: tuple[float, float], *, around: float | None) -> Markup:
    """An arrow from below one node to above another; one that skips layers goes beside them."""
    if around is not None:
        (x, y), (to_x, to_y) = start, end
        return Markup(
            '<path d="M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}"'
            ' marker-end="url(#arrow)"/>'
        ).format(
            *(x + WIDTH / 2, y + HEIGHT / 2),
            *(around + BESIDE, y + HEIGHT),
            *(around + BESIDE, to_y),
            *(to_x + WIDTH / 2 + 1, to_y + HEIGHT / 2),
        )
    (x, y), (to_x, to_y) = (start[0], start[1] + HEIGHT), end
    bend = (to_y - y) / 2
    return Markup(
        '<path d="M{:.0f} {:.0f}C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}"'
        ' marker-end="url(#arrow)"/>'
    ).format(x, y, x, y + bend, to_x, to_y - bend, to_x, to_y - 1)


def _node(node: Node, place: tuple[float, float], *, is_here: bool) -> Markup:
    x, y = place
    name = node.name if len(node.name) <= LONGEST_NAME else f"{node.name[: LONGEST_NAME - 1]}…"
    note = node.note if len(node.note) <= LONGEST_NAME + 4 else f"{node.note[: LONGEST_NAME + 3]}…"
    drawn = Markup(
        '<g{}><title>{}</title><rect x="{:.0f}" y="{:.0f}" width="{}" height="{}" rx="8"/>'
        '<text x="{:.0f}" y="{:.0f}">{}</text>'
        '<text class="note" x="{:.0f}" y="{:.0f}">{}</text></g>'
    ).format(
        Markup(' class="here"') if is_here else "",
        node.name,
        *(x - WIDTH / 2, y, WIDTH, HEIGHT),
        *(x, y + 20, name),
        *(x, y + 36, note),
    )
    if node.href is None or is_here:
        return drawn
    return Markup('<a href="{}">{}</a>').format(escape(node.href), drawn)
