# SPDX-License-Identifier: MIT
"""Runs every emulated kernel once on odd sizes: under the address sanitizer, in a process of its own.

The argument is the library of emulated kernels.
"""

from __future__ import annotations

import ctypes
import sys

import torch

import mlipkit.ops  # noqa: F401  (registers the operators)
from mlipkit.nn.contraction_basis import contraction_basis
from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths, polynomial_tree

N_LOCAL, N_ALL, N_EDGES = 4, 6, 36  # of which one centre has 33, more than a tile holds


def twice(result: torch.Tensor, inputs: list[torch.Tensor]) -> None:
    """First and second derivatives."""
    first = torch.autograd.grad(result.square().sum(), inputs, create_graph=True)
    torch.autograd.grad(sum(gradient.square().sum() for gradient in first), inputs)


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    torch.ops.mlip.emulate_cuda(sys.argv[1])
    torch.manual_seed(0)
    centre, neighbour = torch.tensor([0] * 33 + [2, 2, 3]), torch.randint(0, N_ALL, (N_EDGES,))
    none = torch.zeros(0, dtype=torch.int64)
    for dtype in (torch.float32, torch.float64):

        def random(*shape: int, dtype: torch.dtype = dtype) -> torch.Tensor:
            return torch.randn(shape, dtype=dtype, requires_grad=True)

        distance, harmonics = torch.ops.mlip.edge_geometry(random(N_EDGES, 3), 4)
        twice(*(lambda r: (torch.cat([x.flatten() for x in torch.ops.mlip.edge_geometry(r, 4)]), [r]))(random(9, 3)))
        distance, harmonics = distance.detach().requires_grad_(), harmonics.detach().requires_grad_()
        for l_in, l_max in ((0, 4), (1, 3), (2, 4)):
            paths = coupling_paths(l_in, l_max, l_max)
            y = harmonics[:, : (l_max + 1) ** 2].detach().requires_grad_()
            features = random(N_ALL, (l_in + 1) ** 2, 33)
            rest = (centre, neighbour, N_LOCAL, l_in, l_max, convolution_coupling(paths))
            inputs = [random(N_EDGES, len(paths), 33), y, features]
            twice(torch.ops.mlip.convolution(*inputs, *rest), inputs)
            table = random(1, 9, len(paths), 33).detach()
            inputs = [distance, y, features]
            found = torch.ops.mlip.convolution_table(*inputs, table, none, 0.5, 2.0, *rest)
            torch.autograd.grad(found.sum(), inputs)
        basis = contraction_basis(2, 1, 3)
        inputs = [random(5, 9, 37), random(2, len(basis.monomial), 37)]
        species = torch.tensor([0, 1, 1, 0, 1])
        twice(torch.ops.mlip.contraction(*inputs, species, polynomial_tree(basis, 9), 3), inputs)
        species = torch.randint(0, 3, (N_ALL,))
        table = random(11, 24).detach()
        found = torch.ops.mlip.species_density(
            distance, harmonics, table, 0.5, 2.0, centre, neighbour, species, 3, N_LOCAL
        )
        torch.autograd.grad(found.sum(), [distance, harmonics])
    library.mlip_emulator_blocks.restype = ctypes.c_int64
    print(library.mlip_emulator_blocks(), "blocks")


if __name__ == "__main__":
    main()
