# SPDX-License-Identifier: MIT
"""Constants that the operators take: couplings of the convolution, polynomials of the symmetric contraction."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mlipkit.nn.clebsch_gordan import wigner_3j
from mlipkit.nn.contraction_basis import ContractionBasis


def coupling_paths(l_in: int, l_sh: int, l_out: int) -> list[tuple[int, int, int]]:
    """Paths (l1, l2, l3) that conserve parity, ordered by l3, then l1, then l2: the order of the radial weights."""
    return [
        (l1, l2, l3)
        for l3 in range(l_out + 1)
        for l1 in range(l_in + 1)
        for l2 in range(l_sh + 1)
        if abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
    ]


def convolution_coupling(paths: list[tuple[int, int, int]]) -> Tensor:
    """What ``torch.ops.mlip.convolution`` takes as ``coupling``.

    Args:
        paths: (l1, l2, l3) of feature, harmonic and message, by l3, then l1, then l2.

    Returns:
        float64, for each path sqrt(2 l3 + 1) times the Wigner 3j tensor [2 l1 + 1, 2 l2 + 1, 2 l3 + 1], joined.
    """
    blocks = [math.sqrt(2 * l3 + 1) * wigner_3j(l1, l2, l3).reshape(-1) for l1, l2, l3 in paths]
    return torch.from_numpy(np.concatenate(blocks))


def polynomial_tree(basis: ContractionBasis, n_components: int) -> Tensor:
    """What ``torch.ops.mlip.contraction`` takes as ``tree``: the polynomials in Horner form.

    Args:
        basis: entry e is a monomial of component ``basis.component[e]`` of the output; its coefficients are row e.
        n_components: of the vector that is contracted.

    Returns:
        [nodes, 4] int32: factor, row of the coefficients or -1, first child, one past the last child. The first nodes
        are the roots, one per component of the output; children of a node are neighbours.
    """
    roots: list[dict[int, list]] = [{} for _ in range(int(basis.component[-1]) + 1)]
    for entry, (monomial, component) in enumerate(zip(basis.monomial, basis.component, strict=True)):
        level = roots[component]
        node: list = []
        for factor in (int(f) for f in basis.factors[monomial] if f < n_components):
            node = level.setdefault(factor, [-1, {}])
            level = node[1]
        node[0] = entry
    rows: list[list[int]] = [[-1, -1, 0, 0] for _ in roots]
    waiting = list(zip(rows, roots, strict=True))
    while waiting:  # breadth first, so that children of a node lie together
        row, children = waiting.pop(0)
        row[2], row[3] = len(rows), len(rows) + len(children)
        for factor, (entry, below) in children.items():
            rows.append([factor, entry, 0, 0])
            waiting.append((rows[-1], below))
    return torch.tensor(rows, dtype=torch.int32)


def joined_trees(trees: list[Tensor], bases: list[ContractionBasis]) -> Tensor:
    """Several of :func:`polynomial_tree` as one, whose outputs and rows of coefficients follow one another."""
    n_roots = [int(basis.component[-1]) + 1 for basis in bases]
    roots, others = [], []
    entries, below = 0, sum(n_roots)
    for tree, basis, n in zip(trees, bases, n_roots, strict=True):
        moved = tree.clone()
        moved[:, 1] += entries * (tree[:, 1] >= 0)
        moved[:, 2:] += below - n
        roots.append(moved[:n])
        others.append(moved[n:])
        entries += len(basis.monomial)
        below += len(tree) - n
    return torch.cat(roots + others)
