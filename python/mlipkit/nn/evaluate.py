# SPDX-License-Identifier: MIT
"""From a model and a batch to energies, forces and stresses: the Python twin of the engine's reductions.

One backward pass gives g = dE/dr_ij for every edge. Then F_neighbour = -g, F_centre = +g, and the virial is
W = -sum r_ij (x) g; stress = -W / V. Sums are in float64. Charges are shifted to the total charge here too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mlipkit.data.graph import GraphBatch

VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # xx yy zz xy xz yz


@dataclass
class Prediction:
    """Results for B structures with N atoms and E edges; float64 except edge gradients and outputs."""

    energy: Tensor  # [B] eV, reference energies of the batch included
    energies: Tensor  # [N] eV per atom, without reference energies
    forces: Tensor  # [N, 3] eV/angstrom
    virial: Tensor  # [B, 6] eV
    stress: Tensor  # [B, 6] eV/angstrom^3, tension positive; NaN where the batch has no volume
    edge_gradients: Tensor  # [E, 3] dE/dr_ij
    outputs: dict[str, Tensor]  # named per-atom outputs [N, width]

    def to(self, device: torch.device | str) -> Prediction:
        """The same on another device."""
        moved = {name: value.to(device) for name, value in self.__dict__.items() if isinstance(value, Tensor)}
        outputs = {name: value.to(device) for name, value in self.outputs.items()}
        return replace(self, outputs=outputs, **moved)


def evaluate(model: torch.nn.Module, batch: GraphBatch, training: bool) -> Prediction:
    """Evaluates a model that fulfils ``mlipkit.nn.registry.Architecture``.

    Args:
        model: eager or scripted. Outputs with ``sums_to`` are made to sum up where the model has its ``config``;
            those of a scripted one stay as the module returns them.
        batch: on the model's device; the dtype of ``r_ij`` decides the precision of the geometry.
        training: keep the graph, so that a loss on any of the results can be differentiated; otherwise all results
            are detached.
    """
    with torch.enable_grad():
        r_ij = batch.r_ij.detach().requires_grad_()
        n_atoms = batch.species.shape[0]
        results = model(r_ij, batch.centre, batch.neighbour, batch.species, n_atoms, batch.model_conditions())
        energies = results.pop("energy")
        (gradients,) = torch.autograd.grad(energies.sum(), r_ij, create_graph=training)
    for spec in getattr(getattr(model, "config", None), "outputs", []):
        if spec.sums_to is not None:
            results[spec.name] = summing_to_charge(results[spec.name], batch)
    if not training:
        energies = energies.detach()
        results = {name: value.detach() for name, value in results.items()}
    g = gradients.double()
    energy = g.new_zeros(batch.n_structures).index_add(0, batch.structure, energies.double())
    if batch.e0 is not None:
        energy = energy + batch.e0.double()
    forces = g.new_zeros(n_atoms, 3).index_add(0, batch.centre, g).index_add(0, batch.neighbour, -g)
    r = batch.r_ij.detach().double()
    per_edge = torch.stack([r[:, a] * g[:, b] for a, b in VOIGT], dim=1)
    virial = g.new_zeros(batch.n_structures, 6).index_add(0, batch.structure[batch.centre], -per_edge)
    return Prediction(energy, energies.double(), forces, virial, _stress(virial, batch.volume), gradients, results)


def summing_to_charge(charges: Tensor, batch: GraphBatch) -> Tensor:
    """Adds (Q - sum q) / N to every atom of a structure of N atoms and total charge Q; differentiable.

    Args:
        charges: q, [N, 1] in e.
        batch: its ``total_charge`` is Q; without that condition Q = 0.
    """
    q = charges.double()
    missing = -q.new_zeros(batch.n_structures, 1).index_add(0, batch.structure, q)
    if "total_charge" in batch.conditions:
        missing = missing + batch.conditions["total_charge"].double().unsqueeze(1)
    return (q + (missing / batch.n_atoms.unsqueeze(1))[batch.structure]).to(charges.dtype)


def _stress(virial: Tensor, volume: Tensor) -> Tensor:
    """-W/V, NaN without a volume. Never divides by NaN: its zero share of a loss would get a NaN gradient."""
    periodic = torch.isfinite(volume)
    stress = -virial / torch.where(periodic, volume, 1.0).double().unsqueeze(1)
    return torch.where(periodic.unsqueeze(1), stress, torch.nan)
