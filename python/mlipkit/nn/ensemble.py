# SPDX-License-Identifier: MIT
"""A small ensemble of last layers on one trunk, and the uncertainties that follow from its spread."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DEVIATIONS, FORCE_SIGMA = "energy_deviations", "force_sigma"


class Ensemble(nn.Module):
    """Members share everything but the weights of their last layers, which are those of the model plus a deviation.

    The deviations of all members sum to zero: their mean is the model, exactly. They are no weights that an optimiser
    trains: ``mlipkit.train.uncertainty`` draws them from the posterior of the last layers when the model is finished.
    ``deviations`` [n_tasks, n_features, members] eV per unit of each feature; an error of the force on atom i is
    expected to be ``sqrt(floor^2 + (slope s_i)^2)``, s_i (eV) being the spread of the members' energies of the atom.

    Args:
        n_features: all that enters the last layers.
        n_tasks: levels of theory.
        members: at least 2.
    """

    axes = {"deviations": ("task", "feature", "member")}  # noqa: RUF012

    def __init__(self, n_features: int, n_tasks: int, members: int) -> None:
        super().__init__()
        self.members = members

        def fixed(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(shape), requires_grad=False)

        self.deviations = fixed(n_tasks, n_features, members)
        self.floor = fixed(1)  # eV/angstrom
        self.slope = fixed(1)  # 1/angstrom

    def forward(self, features: Tensor, task: Tensor) -> tuple[Tensor, Tensor]:
        """Energies of the members minus that of the model [N, members], eV, and force_sigma [N, 1], eV/angstrom.

        Args:
            features: [N, n_features].
            task: [1] or [N].
        """
        n_tasks, n_features = self.deviations.shape[0], self.deviations.shape[1]
        flat = self.deviations.transpose(0, 1).reshape(n_features, n_tasks * self.members)
        every = (features @ flat).view(features.shape[0], n_tasks, self.members)
        index = task.expand(features.shape[0]).view(-1, 1, 1).expand(-1, 1, self.members)
        deviations = every.gather(1, index).squeeze(1)
        variance = deviations.square().sum(1, keepdim=True) / (self.members - 1)
        return deviations, (self.floor.square() + self.slope.square() * variance).sqrt()
