# SPDX-License-Identifier: MIT
"""Reductions from edge gradients, on a model simple enough to know every number: springs between neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from brute_force import System, batch
from torch import Tensor

from mlipkit.nn import ArchitectureConfig, evaluate
from mlipkit.nn.evaluate import summing_to_charge
from mlipkit.nn.registry import OutputSpec


class Springs(torch.nn.Module):
    """Energy of an atom: k/2 (r - 1)^2 / 2 over its edges; one output, the number of edges."""

    def __init__(self) -> None:
        super().__init__()
        self.k = torch.nn.Parameter(torch.tensor(3.0, dtype=torch.float64))

    def forward(
        self,
        r_ij: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        species: Tensor,
        n_local: int,
        conditions: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        length = r_ij.norm(dim=1)
        zero = torch.zeros(n_local, dtype=r_ij.dtype)
        energy = zero.index_add(0, centre, 0.25 * self.k * (length - 1.0) ** 2)
        return {"energy": energy, "edges": zero.index_add(0, centre, torch.ones_like(length)).unsqueeze(1)}


DIMER = System(np.array([[0.0, 0.0, 0.0], [1.5, 0.0, 0.0]]), np.array([0, 0]))


def test_dimer() -> None:
    found = evaluate(Springs(), batch([DIMER], 3.0), training=False)
    np.testing.assert_allclose(found.energy, [3.0 / 2 * 0.25])
    np.testing.assert_allclose(found.energies, [0.1875, 0.1875])
    # Stretched: the atoms attract each other; W = -sum r (x) dE/dr is negative, as under tension.
    np.testing.assert_allclose(found.forces, [[1.5, 0, 0], [-1.5, 0, 0]])
    np.testing.assert_allclose(found.virial, [[-2.25, 0, 0, 0, 0, 0]])
    assert torch.isnan(found.stress).all()
    np.testing.assert_allclose(found.outputs["edges"], [[1.0], [1.0]])


def test_stress_is_positive_under_tension_and_reference_energies_are_added() -> None:
    chain = System(np.zeros((1, 3)), np.array([0]), np.diag([1.5, 10.0, 10.0]))
    graph = batch([DIMER, chain], 2.0)
    graph.e0 = torch.tensor([-100.0, -50.0], dtype=torch.float64)
    found = evaluate(Springs(), graph, training=False)
    np.testing.assert_allclose(found.energy, [-100.0 + 0.375, -50.0 + 0.375])
    np.testing.assert_allclose(found.stress[1], [2.25 / 150.0, 0, 0, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(found.forces[2], 0.0, atol=1e-15)
    assert torch.isnan(found.stress[0]).all()


def test_structure_without_volume_gives_no_nan_to_the_parameters() -> None:
    model = Springs()
    chain = System(np.zeros((1, 3)), np.array([0]), np.diag([1.5, 10.0, 10.0]))
    found = evaluate(model, batch([DIMER, chain], 2.0), training=True)
    torch.where(torch.isfinite(found.stress), found.stress, 0.0).sum().backward()
    assert model.k.grad is not None
    np.testing.assert_allclose(model.k.grad, 0.75 / 150.0)


def test_only_training_keeps_the_graph() -> None:
    for training in (False, True):
        found = evaluate(Springs(), batch([DIMER], 3.0), training)
        for value in (found.energy, found.energies, found.forces, found.virial, found.stress, found.edge_gradients):
            assert value.requires_grad == training


def test_sums_are_in_float64() -> None:
    found = evaluate(Springs().float(), batch([DIMER], 3.0, torch.float32), training=False)
    for value in (found.energy, found.energies, found.forces, found.virial, found.stress):
        assert value.dtype == torch.float64
    assert found.edge_gradients.dtype == torch.float32


def with_charge(system: System, charge: float) -> System:
    return replace(system, conditions={"total_charge": charge})


def test_charges_of_each_structure_sum_to_its_total_charge() -> None:
    trimer = System(np.array([[0.0, 0.0, 0.0], [1.5, 0.0, 0.0], [0.0, 1.5, 0.0]]), np.array([0, 0, 0]))
    graph = batch([with_charge(DIMER, -1.0), with_charge(trimer, 2.0)], 3.0)
    raw = torch.tensor([[0.3], [-0.1], [0.5], [0.0], [0.2]], dtype=torch.float64)
    found = summing_to_charge(raw, graph)
    np.testing.assert_allclose(found.squeeze(1), [-0.3, -0.7, 0.5 + 1.3 / 3, 1.3 / 3, 0.2 + 1.3 / 3])
    graph.conditions.clear()  # a model without the condition: neutral
    np.testing.assert_allclose(summing_to_charge(raw, graph)[:2, 0], [0.2, -0.2])


def test_gradient_of_summing_charges() -> None:
    graph = batch([with_charge(DIMER, -1.0), with_charge(DIMER, 1.0)], 3.0)
    raw = torch.randn(4, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda q: summing_to_charge(q, graph), raw)
    summing_to_charge(raw, graph).sum().backward()  # the sum is fixed, whatever the model says
    assert raw.grad is not None
    np.testing.assert_allclose(raw.grad, 0.0, atol=1e-15)


@pytest.mark.parametrize("training", [False, True])
def test_outputs_that_are_declared_so_sum_to_the_charge(training: bool) -> None:
    model = Springs()
    graph = batch([with_charge(DIMER, 1.0)], 3.0)
    for spec, expected in (({"sums_to": "total_charge"}, 0.5), ({}, 1.0)):
        output = OutputSpec.model_validate({"name": "edges", "unit": "e", **spec})
        model.config = ArchitectureConfig(species=["H"], cutoff=3.0, outputs=[output])
        np.testing.assert_allclose(evaluate(model, graph, training).outputs["edges"].detach(), [[expected]] * 2)


@pytest.mark.parametrize("wrong", [{"unit": "e*angstrom"}, {"width": 3}])
def test_only_charges_sum_to_the_total_charge(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="output 'charges' cannot sum to the total charge"):
        OutputSpec.model_validate({"name": "charges", "unit": "e", "sums_to": "total_charge", **wrong})
