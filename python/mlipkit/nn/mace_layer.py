# SPDX-License-Identifier: MIT
"""A layer of the MACE architecture."""

import torch
from torch import Tensor

from mlipkit.nn.contraction import SymmetricContraction
from mlipkit.nn.convolution import Convolution
from mlipkit.nn.density import NeighbourDensity
from mlipkit.nn.density_form import DensityForm
from mlipkit.nn.edges import Edges
from mlipkit.nn.linear import EquivariantLinear, SpeciesLinear
from mlipkit.nn.mace_config import MACEConfig
from mlipkit.nn.plain import UsesOperators


class MACELayer(UsesOperators):
    """One message-passing step: neighbours' features -> message -> many-body features -> new features."""

    def __init__(self, config: MACEConfig, index: int) -> None:
        super().__init__()
        channels, n_species = config.channels, len(config.species)
        self.first = index == 0
        l_in = 0 if self.first else config.hidden_l_max
        l_out = 0 if index == config.n_layers - 1 else config.hidden_l_max
        self.residual = config.residual(index)
        l_skip = min(l_in, l_out) if self.residual else config.l_max
        self.kept = (l_skip + 1) ** 2
        self.all_kept = l_skip == l_out
        self.up = EquivariantLinear(l_in, channels, channels)
        widths = [config.radial.n_basis, *config.radial.hidden]
        divisor = config.message_divisor
        assert divisor is not None  # the config fills it in
        on_basis = config.radial.cutoff_on == "basis"
        self.convolution = Convolution(l_in, config.l_max, channels, widths, config.activation_scale, divisor, on_basis)
        self.density_form = DensityForm(config.l_max)  # of use in the first layer alone
        self.density = NeighbourDensity(config.radial.n_basis, on_basis) if config.normalizes_density(index) else None
        self.skip = SpeciesLinear(l_skip, channels, n_species, config.species_fan_in)
        self.contraction = SymmetricContraction(config.l_max, l_out, config.correlation, channels, n_species)
        self.down = EquivariantLinear(l_out, channels, channels)

    def message_map(self, species: Tensor) -> Tensor:
        """What is applied to the first layer's summed edges: [species or 1, l_max+1, channels, channels]."""
        scaled = [matrix * self.convolution.scales[k] for k, matrix in enumerate(self.convolution.mixing)]
        mixing = torch.stack(scaled)
        if self.residual:
            return mixing.unsqueeze(0)
        skip = self.skip.weight.index_select(1, species).transpose(0, 1) * self.skip.scales[0]
        return mixing.unsqueeze(0) @ skip

    def forward(
        self,
        features: Tensor,
        edges: Edges,
        species: Tensor,
        n_local: int,
    ) -> Tensor:
        """New features of the local atoms.

        Args:
            features: [n_all, 1, channels] in the first layer ([n_local, 1, channels] with its density form), then
                [n_local, components, channels].
            edges: of the local atoms.
            species: [n_all]; n_local: number of local atoms.

        Returns:
            [n_local, components, channels].
        """
        local_species, skipped = species[:n_local], False
        if self.density_form.ready:
            message = self.density_form(edges, species, n_local)
            skipped = not self.residual
        else:
            sent = self.up(features)
            if not self.plain and not self.first:
                sent = torch.ops.mlip.halo_exchange(sent, species.shape[0])
            message = self.convolution(edges, sent, n_local)
        if self.density is not None:
            density = self.density(edges.radial, edges.envelope, edges.centre, n_local)
            message = message / (1.0 + density).view(n_local, 1, 1)
        if not self.residual:
            if not skipped:
                message = self.skip(message, local_species)
            return self.down(self.contraction(message, local_species))
        new = self.down(self.contraction(message, local_species))
        kept = self.skip(features[:n_local, : self.kept], local_species)
        if self.all_kept:
            return new + kept
        return torch.cat([new[:, : self.kept] + kept, new[:, self.kept :]], dim=1)
