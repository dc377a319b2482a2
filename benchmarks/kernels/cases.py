# SPDX-License-Identifier: MIT
"""Every operator on the graph of a structure, with random features and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

import mlipkit.ops  # noqa: F401  (registers the operators)
from common import counts
from common.counts import Count
from mlipkit.interfaces.neighbours import NeighbourList
from mlipkit.nn.contraction_basis import contraction_basis
from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths, polynomial_tree

CUTOFF, FIRST, INTERVALS = 5.0, 0.1, 127  # angstrom; intervals of the tables
RADIAL = 32  # functions of the species densities


@dataclass
class Case:
    """One operator: how to call it, by what it is differentiated, and its cost per atom."""

    name: str
    call: Callable[[], Tensor | tuple[Tensor, ...]]
    inputs: list[Tensor]
    count: Callable[[str], Count]  # of a pass
    passes: tuple[str, ...] = ("forward", "backward", "derivative")


class Graph:
    """The edges of a structure as tensors on torch's default device."""

    def __init__(self, atoms: Atoms, dtype: torch.dtype) -> None:
        device = torch.get_default_device()
        edges = NeighbourList(CUTOFF).update(atoms.positions, np.array(atoms.cell), atoms.pbc)
        self.n, self.dtype = len(atoms), dtype
        self.centre, self.neighbour = (torch.from_numpy(x).to(device) for x in (edges.centre, edges.neighbour))
        self.r_ij = torch.from_numpy(edges.r_ij).to(device, dtype).requires_grad_()
        self.per_atom = len(edges) / len(atoms)
        _, species = np.unique(atoms.numbers, return_inverse=True)
        self.species = torch.from_numpy(species.astype(np.int64)).to(device)
        self.n_species = int(self.species.max()) + 1

    def random(self, *shape: int) -> Tensor:
        return torch.randn(*shape, dtype=self.dtype, requires_grad=True)


def all_cases(atoms: Atoms, channels: int, l_max: int, correlation: int, dtype: torch.dtype) -> list[Case]:
    """For scalar features, and for vectors besides them."""
    torch.manual_seed(0)
    graph = Graph(atoms, dtype)
    cases = [geometry(graph, l_max), density(graph, l_max), from_densities(graph, l_max, channels)]
    for l_in in (0, 1):
        cases += [convolution(graph, l_in, l_max, channels), table(graph, l_in, l_max, channels)]
        cases += [mixing(graph, l_in, l_max, channels)]
    cases += [contraction(graph, l_max, l_out, correlation, channels) for l_out in (0, 1)]
    if torch.get_default_device().type == "cpu":
        cases += [window(graph, l_max, channels)]
    return cases


def geometry(graph: Graph, l_max: int) -> Case:
    return Case(
        "edge_geometry",
        lambda: torch.ops.mlip.edge_geometry(graph.r_ij, l_max),
        [graph.r_ij],
        lambda which: counts.edge_geometry(l_max, graph.per_atom, which, size=graph.r_ij.element_size()),
    )


def _distance(graph: Graph) -> Tensor:
    return graph.r_ij.detach().norm(dim=1).requires_grad_()


def density(graph: Graph, l_max: int) -> Case:
    distance, harmonics = _distance(graph), graph.random(len(graph.centre), (l_max + 1) ** 2)
    rows = graph.random(INTERVALS + 5, RADIAL).detach()
    return Case(
        "species_density",
        lambda: torch.ops.mlip.species_density(
            distance,
            harmonics,
            rows,
            FIRST,
            INTERVALS / (CUTOFF - FIRST),
            graph.centre,
            graph.neighbour,
            graph.species,
            graph.n_species,
            graph.n,
        ),
        [distance, harmonics],
        lambda which: counts.species_density(
            l_max, RADIAL, graph.n_species, graph.per_atom, which, size=distance.element_size()
        ),
        passes=("forward", "backward"),
    )


def convolution(graph: Graph, l_in: int, l_max: int, channels: int) -> Case:
    paths = coupling_paths(l_in, l_max, l_max)
    coupling = convolution_coupling(paths)
    weights = graph.random(len(graph.centre), len(paths), channels)
    harmonics = graph.random(len(graph.centre), (l_max + 1) ** 2)
    features = graph.random(graph.n, (l_in + 1) ** 2, channels)
    return Case(
        f"convolution, l_in {l_in}",
        lambda: torch.ops.mlip.convolution(
            weights, harmonics, features, graph.centre, graph.neighbour, graph.n, l_in, l_max, coupling
        ),
        [weights, harmonics, features],
        lambda which: counts.convolution(
            l_in, l_max, channels, graph.per_atom, False, which, size=weights.element_size()
        ),
    )


def table(graph: Graph, l_in: int, l_max: int, channels: int) -> Case:
    paths = coupling_paths(l_in, l_max, l_max)
    coupling, none = convolution_coupling(paths), torch.zeros(0, dtype=torch.int64)
    distance, harmonics = _distance(graph), graph.random(len(graph.centre), (l_max + 1) ** 2)
    features = graph.random(graph.n, (l_in + 1) ** 2, channels)
    rows = graph.random(1, INTERVALS + 5, len(paths), channels).detach()
    return Case(
        f"convolution_table, l_in {l_in}",
        lambda: torch.ops.mlip.convolution_table(
            distance,
            harmonics,
            features,
            rows,
            none,
            FIRST,
            INTERVALS / (CUTOFF - FIRST),
            graph.centre,
            graph.neighbour,
            graph.n,
            l_in,
            l_max,
            coupling,
        ),
        [distance, harmonics, features],
        lambda which: counts.convolution(
            l_in, l_max, channels, graph.per_atom, True, which, size=distance.element_size()
        ),
        passes=("forward", "backward"),
    )


def window(graph: Graph, l_max: int, channels: int) -> Case:
    """Radial weights of a layer with vectors from splines, as training has them."""
    columns, n_edges = len(coupling_paths(1, l_max, l_max)) * channels, len(graph.centre)
    factors, rows = graph.random(n_edges, 6), graph.random(INTERVALS + 5, columns)
    start = torch.randint(0, INTERVALS, (n_edges,))
    return Case(
        "windowed_sum",
        lambda: torch.ops.mlip.windowed_sum(factors, rows, start),
        [factors, rows],
        lambda which: counts.windowed_sum(columns, graph.per_atom, which, size=rows.element_size()),
    )


def mixing(graph: Graph, l_in: int, l_max: int, channels: int) -> Case:
    """The linear maps from paths to messages."""
    paths = coupling_paths(l_in, l_max, l_max)
    into = [sum(l3 == degree for _, _, l3 in paths) for degree in range(l_max + 1)]
    rows = sum((2 * degree + 1) * n for degree, n in enumerate(into))
    x, one = graph.random(graph.n, rows, channels), torch.zeros(0, dtype=torch.int64)
    weight = graph.random(1, len(paths), channels, channels).detach()
    count = counts.linear(into, channels, channels, size=x.element_size())
    return Case(
        f"degree_linear, l_in {l_in}",
        lambda: torch.ops.mlip.degree_linear(x, weight, one, into, [1.0] * (l_max + 1)),
        [x],
        lambda which: count,
        passes=("forward", "backward"),
    )


def from_densities(graph: Graph, l_max: int, channels: int) -> Case:
    """The linear maps from densities to the messages of the first layer."""
    columns, one = graph.n_species * RADIAL, torch.zeros(0, dtype=torch.int64)
    x = graph.random(graph.n, (l_max + 1) ** 2, columns)
    weight = graph.random(1, l_max + 1, columns, channels).detach()
    count = counts.linear([1] * (l_max + 1), columns, channels, size=x.element_size())
    return Case(
        "degree_linear, densities",
        lambda: torch.ops.mlip.degree_linear(x, weight, one, [1] * (l_max + 1), [1.0] * (l_max + 1)),
        [x],
        lambda which: count,
        passes=("forward", "backward"),
    )


def contraction(graph: Graph, l_max: int, l_out: int, correlation: int, channels: int) -> Case:
    basis = contraction_basis(l_max, l_out, correlation)
    tree = polynomial_tree(basis, (l_max + 1) ** 2)
    x = graph.random(graph.n, (l_max + 1) ** 2, channels)
    coefficients = graph.random(graph.n_species, len(basis.monomial), channels).detach()
    return Case(
        f"contraction, l_out {l_out}",
        lambda: torch.ops.mlip.contraction(x, coefficients, graph.species, tree, 2 * l_out + 1),
        [x],
        lambda which: counts.contraction(l_max, l_out, correlation, channels, which, size=x.element_size()),
    )
