# SPDX-License-Identifier: MIT
"""What TorchForce calls: positions in nm to an energy in kJ/mol, with everything that it does not know inside."""

from typing import Optional

import torch
from torch import Tensor, nn

from mlipkit.export.torchforce.edges import edges

ANGSTROM = 10.0  # in one nm
KJ_PER_MOL = 96.48533212331002  # in one eV (CODATA 2018, exact)


class TorchForceModule(nn.Module):
    """A model for one list of particles.

    Args:
        model: fulfils ``mlipkit.nn.registry.Architecture``, plain (:mod:`mlipkit.nn.plain`), in the dtype of the
            network.
        species: model index of each particle.
        cutoff: of the model, angstrom.
        e0: sum of the reference energies, eV.
        task: model index.
        conditions: value of each condition of the model.
        single: geometry in float32; sums are in float64 all the same.
    """

    species: Tensor
    task: Tensor
    values: Tensor
    names: list[str]  # TorchScript must be told: it may be empty

    def __init__(
        self,
        model: nn.Module,
        species: list[int],
        cutoff: float,
        e0: float,
        task: int,
        conditions: dict[str, float],
        single: bool,
    ) -> None:
        super().__init__()
        self.model = model
        self.cutoff, self.e0, self.single = cutoff, e0, single
        self.names = list(conditions)
        self.angstrom, self.kj_per_mol = ANGSTROM, KJ_PER_MOL
        self.register_buffer("species", torch.tensor(species))
        self.register_buffer("task", torch.tensor([task]))
        self.register_buffer("values", torch.tensor(list(conditions.values()), dtype=torch.float64))

    def forward(self, positions: Tensor, boxvectors: Optional[Tensor] = None) -> Tensor:  # noqa: UP045
        """Energy, kJ/mol, a scalar in float64.

        Args:
            positions: [N, 3] nm, need not be wrapped.
            boxvectors: [3, 3] nm, rows are vectors: periodic in all three directions; None: no images.
        """
        n_atoms = self.species.shape[0]
        if positions.shape[0] != n_atoms:
            raise ValueError(
                f"this TorchForce file was exported for {n_atoms} particles, the System has {positions.shape[0]}; "
                "export it again for the structure of this System"
            )
        if not bool(torch.isfinite(positions).all()):
            raise ValueError("a particle coordinate is NaN or infinite")
        box = boxvectors
        if box is not None:
            box = self.angstrom * box.to(torch.float64)
        centre, neighbour, r_ij = edges(self.angstrom * positions.to(torch.float64), box, self.cutoff)
        if bool((r_ij == 0).all(1).any()):
            raise ValueError("two particles are at the same place")
        if self.single:
            r_ij = r_ij.to(torch.float32)
        conditions = {"task": self.task, "without_outputs": self.task}  # that the second is there counts
        for k, name in enumerate(self.names):
            conditions[name] = self.values[k : k + 1]
        energies = self.model(r_ij, centre, neighbour, self.species, n_atoms, conditions)["energy"]
        return self.kj_per_mol * (energies.to(torch.float64).sum() + self.e0)
