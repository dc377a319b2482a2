# SPDX-License-Identifier: MIT
"""Operations and bytes of every operator, counted from its definition: what a kernel has to do, not what one does.

A multiplication or an addition is one operation, a multiply-add two. With M = 2 l + 1 components of a degree l, a path
(l1, l2, l3) of feature, harmonic and message does the following for one edge and one channel; x = w h.

  forward        x: M1             message += G x: 2 M1 M3
  backward       x: M1             s = G adj: 2 M1 M3       overlap += x adj: 2 M1 M3
                 dw += h s: 2 M1   dh += w s: 2 M1
  table          weight from six rows: 12; backward also the slope, 12, and its product with dw, 2

where G, the harmonics coupled with the path's coefficients, costs 2 per non-zero coefficient and edge, as does the way
back from overlaps to gradients of harmonics. Derivatives are computed with dual numbers: a product of two duals costs
three times as much as one of numbers (rounded up for multiplications alone), one of a dual and a number twice as much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from mlipkit.nn.contraction_basis import contraction_basis
from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths, polynomial_tree

PIECES = 6  # rows of a spline of fifth degree that a value needs
PASSES = ("forward", "backward", "derivative")


@dataclass(frozen=True)
class Count:
    """Operations, and bytes when every array moves once to or from memory; ``cached`` bytes are read again and again.

    For whatever the counting function says: an edge, an atom.
    """

    operations: float
    bytes: float = 0.0
    cached: float = 0.0

    def __add__(self, other: Count) -> Count:
        return Count(self.operations + other.operations, self.bytes + other.bytes, self.cached + other.cached)

    def times(self, factor: float) -> Count:
        return Count(factor * self.operations, factor * self.bytes, factor * self.cached)


def convolution(
    l_in: int, l_max: int, channels: int, edges: float, tabulated: bool, which: str, size: int = 4
) -> Count:
    """Per atom with so many edges. ``which`` of :data:`PASSES`; ``size``: bytes of a number.

    The table itself is not among the bytes; its six rows per edge are ``cached``, and so are gathered features.
    """
    paths = coupling_paths(l_in, l_max, l_max)
    coefficients = int(torch.count_nonzero(convolution_coupling(paths)))
    per_channel, features = dict.fromkeys(PASSES, 0.0), (l_in + 1) ** 2
    for l1, _, l3 in paths:
        m1, m3 = 2 * l1 + 1, 2 * l3 + 1
        forward, backward = m1 + 2 * m1 * m3, m1 + 4 * m1 * m3 + 4 * m1
        per_channel["forward"] += forward + 2 * PIECES * tabulated
        per_channel["backward"] += backward + (4 * PIECES + 2) * tabulated
        per_channel["derivative"] += 3 * forward + 3 * (m1 + 4 * m1) + 2 * (4 * m1 * m3)
    per_edge = {"forward": 2.0, "backward": 4.0, "derivative": 10.0}[which] * coefficients
    rows = sum(2 * l3 + 1 for _, _, l3 in paths)
    given = 1 if tabulated else len(paths) * channels  # a distance, or weights
    numbers = edges * (given + (l_max + 1) ** 2) + features * channels
    factor = {"forward": 1, "backward": 2, "derivative": 4}[which]  # also gradients; also tangents
    out = (1 if which != "derivative" else 2) * rows * channels
    gathered = edges * features * channels * (2 if which == "backward" else 1 if which == "forward" else 6)
    table = edges * PIECES * len(paths) * channels * tabulated
    return Count(
        edges * (per_edge + channels * per_channel[which]),
        size * (factor * numbers + out) + 16 * edges,
        size * (gathered + table),
    )


def contraction(l_max: int, l_out: int, correlation: int, channels: int, which: str, size: int = 4) -> Count:
    """Per atom, into the one degree ``l_out``: Horner form, two operations per node of its tree.

    Backward, each node adds its value to its parent's and its share to the gradient, 4; a node with children also
    multiplies the adjoint by its factor. Coefficients are shared by atoms: not among the bytes, but ``cached``.
    """
    components = (l_max + 1) ** 2
    basis = contraction_basis(l_max, l_out, correlation)
    tree = polynomial_tree(basis, components)
    nodes = len(tree) - (2 * l_out + 1)
    inner = int((tree[2 * l_out + 1 :, 3] > tree[2 * l_out + 1 :, 2]).sum())
    operations = {"forward": 2 * nodes, "backward": 4 * nodes + inner, "derivative": 3 * (4 * nodes + inner)}[which]
    out = 2 * l_out + 1
    moved = {"forward": components + out, "backward": 2 * components + out, "derivative": 3 * components + 3 * out}
    cached = len(basis.monomial) * channels * size
    return Count(channels * operations, size * channels * moved[which], cached)


def species_density(l_max: int, n_radial: int, n_species: int, edges: float, which: str, size: int = 4) -> Count:
    """Per atom: per edge ``n_radial`` splines (12 each; backward 24), and their products with all harmonics."""
    harmonics = (l_max + 1) ** 2
    operations = 2 * PIECES * n_radial + 2 * harmonics * n_radial
    if which == "backward":
        operations = 4 * PIECES * n_radial + 4 * harmonics * n_radial + 2 * harmonics
    numbers = edges * (1 + harmonics) * (1 if which == "forward" else 2) + harmonics * n_species * n_radial
    cached = size * edges * (PIECES * n_radial + (2 if which == "forward" else 1) * harmonics * n_radial)
    return Count(edges * operations, size * numbers + 16 * edges, cached)


def edge_geometry(l_max: int, edges: float, which: str, size: int = 4) -> Count:
    """Per atom; a distance costs 10 operations, a harmonic about 4 and its gradient, by three components, about 12."""
    harmonics = (l_max + 1) ** 2
    per_edge = {"forward": 10 + 4 * harmonics, "backward": 20 + 12 * harmonics, "derivative": 60 + 36 * harmonics}
    moved = {"forward": 4 + harmonics, "backward": 7 + harmonics, "derivative": 10 + 3 * harmonics}
    return Count(edges * per_edge[which], edges * size * moved[which])


def linear(paths: list[int], channels_in: int, channels_out: int, size: int = 4) -> Count:
    """Per atom: ``paths[l]`` inputs of each degree l to one output; the way back to the inputs costs the same."""
    rows = sum((2 * degree + 1) * n for degree, n in enumerate(paths))
    out = sum(2 * degree + 1 for degree, n in enumerate(paths) if n)
    return Count(2.0 * rows * channels_in * channels_out, size * (rows * channels_in + out * channels_out))


def windowed_sum(columns: int, edges: float, which: str, size: int = 4) -> Count:
    """Per atom with so many edges. The sums, or their adjoint, move; rows are read, or added to, from the cache."""
    products = {"forward": 1, "backward": 2, "derivative": 4}[which]
    per_edge = columns * PIECES
    return Count(
        2.0 * products * edges * per_edge, products * edges * size * columns, products * edges * size * per_edge
    )


@dataclass(frozen=True)
class Part:
    """What one part of a model costs per atom, and which cases of the kernel benchmark measure it."""

    layer: int
    name: str
    forward: Count
    backward: Count
    cases: tuple[str, ...] = ()


def model_parts(
    channels: int, hidden_l_max: int, l_max: int, correlation: int, edges: float, n_species: int, n_radial: int
) -> list[Part]:
    """All parts of a model of two layers for energy and forces, as the engine computes it.

    Linear maps of atoms: those between contraction and features of both layers, the one of what neighbours send, and
    the skip connection of the second layer. Embedding and readouts are left out: less than one part in a hundred.
    """
    hidden = [1] * (hidden_l_max + 1)
    paths = coupling_paths(hidden_l_max, l_max, l_max)
    into = [sum(l3 == degree for _, _, l3 in paths) for degree in range(l_max + 1)]

    def both(count: Callable[[str], Count]) -> tuple[Count, Count]:
        return count("forward"), count("backward")

    def contracted(l_out: int) -> tuple[Count, Count]:
        found = [both(partial(contraction, l_max, degree, correlation, channels)) for degree in range(l_out + 1)]
        return sum((f for f, _ in found), Count(0.0)), sum((b for _, b in found), Count(0.0))

    def twice(count: Count) -> tuple[Count, Count]:
        return count, count

    densities = partial(species_density, l_max, n_radial, n_species, edges)
    contractions = tuple(f"contraction, l_out {degree}" for degree in range(hidden_l_max + 1))
    mixing = twice(linear([n_species] * (l_max + 1), n_radial, channels))
    messages = twice(linear(into, channels, channels))
    convolutions = both(partial(convolution, hidden_l_max, l_max, channels, edges, True))
    return [
        Part(1, "geometry of edges", *both(partial(edge_geometry, l_max, edges)), ("edge_geometry",)),
        Part(1, "densities of species", *both(densities), ("species_density",)),
        Part(1, "messages from densities", *mixing, ("degree_linear, densities",)),
        Part(1, "contraction", *contracted(hidden_l_max), contractions),
        Part(1, "linear maps of atoms", *twice(linear(hidden, channels, channels).times(2))),
        Part(2, "convolution", *convolutions, (f"convolution_table, l_in {hidden_l_max}",)),
        Part(2, "messages from paths", *messages, (f"degree_linear, l_in {hidden_l_max}",)),
        Part(2, "contraction", *contracted(0), contractions[:1]),
        Part(2, "linear maps of atoms", *twice(linear([1], channels, channels).times(2))),
    ]
