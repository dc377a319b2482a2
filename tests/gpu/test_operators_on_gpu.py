# SPDX-License-Identifier: MIT
"""Every operator on the device against the same operator on the processor, which has been tested against its
definition: values, gradients and second derivatives; and twice the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import operator_inputs
import pytest
import torch
from torch import Tensor

from mlipkit.nn.contraction_basis import contraction_basis
from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths, polynomial_tree

# Sums of up to some hundred products; relative to the largest number of each result.
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-5}
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])


@dataclass
class Case:
    """An operator: `call(inputs, constants)`, differentiated by the inputs."""

    call: Callable[[list[Tensor], list[Tensor]], tuple[Tensor, ...]]
    inputs: list[Tensor]
    constants: list[Tensor]
    twice: bool = True  # differentiable twice

    def results(self, device: str, dtype: torch.dtype) -> list[Tensor]:
        """Values and derivatives, on the processor in float64."""
        inputs = [x.to(device, dtype).requires_grad_() for x in self.inputs]
        constants = [x.to(device, dtype if x.is_floating_point() else x.dtype) for x in self.constants]
        values = self.call(inputs, constants)
        joined = torch.cat([value.flatten().double() for value in values])
        if self.twice:
            found = [*values, *operator_inputs.derivatives(joined.cpu(), inputs, 4)]
        else:
            adjoint = torch.randn(joined.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
            found = [*values, *torch.autograd.grad((joined * adjoint.to(joined)).sum(), inputs)]
        return [x.detach().cpu().double() for x in found]


def compare(case: Case, dtype: torch.dtype) -> None:
    wanted, found, again = (case.results(device, dtype) for device in ("cpu", "cuda", "cuda"))
    for x, y, z in zip(wanted, found, again, strict=True):
        assert torch.equal(y, z), "two runs differ"
        scale = float(x.abs().max()) if x.numel() else 1.0
        torch.testing.assert_close(y, x, rtol=0.0, atol=ROUNDING[dtype] * max(scale, 1.0) * 10.0)


def convolution(l_in: int, l_max: int, channels: int, n_local: int, n_edges: int) -> Case:
    torch.manual_seed(l_in + 10 * l_max + channels)
    paths = coupling_paths(l_in, l_max, l_max)
    centre, neighbour = operator_inputs.graph(n_local, n_local + 7, n_edges)
    shapes = [(n_edges, len(paths), channels), (n_edges, (l_max + 1) ** 2), (n_local + 7, (l_in + 1) ** 2, channels)]
    return Case(
        lambda x, c: (torch.ops.mlip.convolution(*x, *c[:2], n_local, l_in, l_max, c[2]),),
        [torch.randn(shape, dtype=torch.float64) for shape in shapes],
        [centre, neighbour, convolution_coupling(paths)],
    )


@DTYPES
@pytest.mark.parametrize(
    ("l_in", "l_max", "channels"),
    [(0, 3, 128), (1, 3, 128), (2, 3, 64), (0, 0, 1), (1, 2, 33), (2, 4, 5), (0, 4, 300)],
)
def test_convolution(l_in: int, l_max: int, channels: int, dtype: torch.dtype) -> None:
    compare(convolution(l_in, l_max, channels, 60, 900), dtype)


@DTYPES
@pytest.mark.parametrize(("n_local", "n_edges"), [(5, 0), (500, 20)])
def test_convolution_of_lonely_atoms(n_local: int, n_edges: int, dtype: torch.dtype) -> None:
    compare(convolution(1, 2, 7, n_local, n_edges), dtype)


@DTYPES
@pytest.mark.parametrize(("l_in", "l_max", "channels", "n_tables"), [(0, 3, 128, 1), (1, 3, 128, 3), (2, 2, 33, 1)])
def test_convolution_with_tables(l_in: int, l_max: int, channels: int, n_tables: int, dtype: torch.dtype) -> None:
    case = convolution(l_in, l_max, channels, 60, 900)
    n_paths = len(coupling_paths(l_in, l_max, l_max))
    which = torch.randint(0, n_tables, (900,)) if n_tables > 1 else torch.zeros(0, dtype=torch.int64)
    compare(
        Case(
            lambda x, c: (torch.ops.mlip.convolution_table(*x, c[3], c[4], 0.5, 20.0, *c[:2], 60, l_in, l_max, c[2]),),
            [torch.rand(900, dtype=torch.float64) * 5.6, *case.inputs[1:]],
            [*case.constants, torch.randn(n_tables, 101, n_paths, channels, dtype=torch.float64), which],
            twice=False,
        ),
        dtype,
    )


@DTYPES
@pytest.mark.parametrize(
    ("l_in", "l_out", "correlation", "channels"), [(3, 0, 3, 128), (3, 1, 3, 128), (2, 2, 3, 33), (4, 0, 2, 1)]
)
def test_contraction(l_in: int, l_out: int, correlation: int, channels: int, dtype: torch.dtype) -> None:
    torch.manual_seed(l_in + l_out)
    basis = contraction_basis(l_in, l_out, correlation)
    tree = polynomial_tree(basis, (l_in + 1) ** 2)
    compare(
        Case(
            lambda x, c: (torch.ops.mlip.contraction(*x, *c, 2 * l_out + 1),),
            [
                torch.randn(700, (l_in + 1) ** 2, channels, dtype=torch.float64),
                torch.randn(3, len(basis.monomial), channels, dtype=torch.float64),
            ],
            [torch.randint(0, 3, (700,)), tree],
        ),
        dtype,
    )


@DTYPES
@pytest.mark.parametrize("l_max", [0, 1, 2, 3, 4])
def test_geometry(l_max: int, dtype: torch.dtype) -> None:
    torch.manual_seed(l_max)
    vectors = torch.nn.functional.normalize(torch.randn(1001, 3, dtype=torch.float64)) * (
        1.0 + torch.rand(1001, 1, dtype=torch.float64)
    )
    compare(Case(lambda x, c: torch.ops.mlip.edge_geometry(x[0], l_max), [vectors], []), dtype)


@DTYPES
@pytest.mark.parametrize(("l_max", "n_radial", "n_species"), [(3, 8, 2), (3, 32, 4), (4, 64, 1), (2, 16, 20)])
def test_densities(l_max: int, n_radial: int, n_species: int, dtype: torch.dtype) -> None:
    torch.manual_seed(n_radial)
    centre, neighbour = operator_inputs.graph(40, 50, 2000)
    compare(
        Case(
            lambda x, c: (torch.ops.mlip.species_density(*x, c[0], 0.4, 20.0, *c[1:], n_species, 40),),
            [
                torch.rand(2000, dtype=torch.float64) * 5.0,
                torch.randn(2000, (l_max + 1) ** 2, dtype=torch.float64),
            ],
            [
                torch.randn(95, n_radial, dtype=torch.float64),
                centre,
                neighbour,
                torch.randint(0, n_species, (50,)),
            ],
            twice=False,
        ),
        dtype,
    )
