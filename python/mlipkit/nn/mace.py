# SPDX-License-Identifier: MIT
"""The flagship architecture: equivariant many-body message passing, MACE (Batatia et al., NeurIPS 2022,
arXiv:2206.07697), in the parametrisation of the ``mace-torch`` package so that its weights map one to one.

Two conventions differ and leave every energy as it is: edges point from centre to neighbour (harmonics of odd degree
change sign, and features of odd degree with them), and the symmetric contraction has a basis without redundancy.
"""

import math

import torch
from torch import Tensor, nn

import mlipkit.ops  # noqa: F401  (registers halo_exchange)
from mlipkit.nn.conditions import ConditionEmbedding
from mlipkit.nn.contraction import SymmetricContraction
from mlipkit.nn.convolution import Convolution
from mlipkit.nn.density import NeighbourDensity
from mlipkit.nn.edges import Edges
from mlipkit.nn.linear import EquivariantLinear, SpeciesLinear
from mlipkit.nn.mace_config import MACEConfig
from mlipkit.nn.radial import RadialEmbedding
from mlipkit.nn.radial_table import KNOTS, SLOPE_ERROR, sample_distances
from mlipkit.nn.readouts import EnergyReadout, GatedEnergyReadout, NamedReadout, NoReadout
from mlipkit.nn.registry import register
from mlipkit.nn.spherical_harmonics import spherical_harmonics
from mlipkit.nn.zbl import ZBLRepulsion

MOST_TABLES = 100  # of 1 MB per layer with 128 channels and scalar features


class MACELayer(nn.Module):
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
        self.up = EquivariantLinear(l_in, channels, channels)
        widths = [config.radial.n_basis, *config.radial.hidden]
        divisor = config.message_divisor
        assert divisor is not None  # the config fills it in
        on_basis = config.radial.cutoff_on == "basis"
        self.convolution = Convolution(l_in, config.l_max, channels, widths, config.activation_scale, divisor, on_basis)
        self.density = NeighbourDensity(config.radial.n_basis, on_basis) if config.normalizes_density(index) else None
        self.skip = SpeciesLinear(l_skip, channels, n_species)
        self.contraction = SymmetricContraction(config.l_max, l_out, config.correlation, channels, n_species)
        self.down = EquivariantLinear(l_out, channels, channels)

    def forward(
        self,
        features: Tensor,
        edges: Edges,
        species: Tensor,
        n_local: int,
    ) -> Tensor:
        """New features of the local atoms.

        Args:
            features: [n_all, 1, channels] in the first layer, then [n_local, components, channels].
            edges: of the local atoms.
            species: [n_all]; n_local: number of local atoms.

        Returns:
            [n_local, components, channels].
        """
        own, local_species = features[:n_local], species[:n_local]
        sent = self.up(features)
        if not self.first:
            sent = torch.ops.mlip.halo_exchange(sent, species.shape[0])
        message = self.convolution(edges, sent, n_local)
        if self.density is not None:
            message = message / (1.0 + self.density(edges.radial, edges.envelope, edges.centre, n_local)).view(
                n_local, 1, 1
            )
        if not self.residual:
            return self.down(self.contraction(self.skip(message, local_species), local_species))
        new = self.down(self.contraction(message, local_species))
        return torch.cat(
            [new[:, : self.kept] + self.skip(own[:, : self.kept], local_species), new[:, self.kept :]], dim=1
        )


@register("mace", MACEConfig)
class MACE(nn.Module):
    """See ``mlipkit.nn.registry.Architecture`` for the contract of ``forward``."""

    scale: Tensor
    shift: Tensor
    zbl_scale: Tensor
    table_of: Tensor

    def __init__(self, config: MACEConfig) -> None:
        super().__init__()
        self.config = config
        self.l_max = config.l_max
        self.cutoff = config.cutoff
        self.tabulated, self.most_tables = False, MOST_TABLES
        self.knots, self.slope_error = KNOTS, SLOPE_ERROR
        self.needs_radial = any(config.normalizes_density(index) for index in range(config.n_layers))
        n_species, n_tasks = len(config.species), len(config.tasks)
        self.embedding = nn.Parameter(torch.randn(n_species, config.channels))
        self.embedding_scale = 1.0 / math.sqrt(n_species)
        self.conditions = ConditionEmbedding(config.condition_ranges, n_tasks, config.channels)
        self.radial = RadialEmbedding(config.radial, config.cutoff, config.radii)
        self.layers = nn.ModuleList([MACELayer(config, index) for index in range(config.n_layers)])
        self.readouts = nn.ModuleList([_readout(config, index) for index in range(config.n_layers)])
        self.outputs = nn.ModuleList([NamedReadout(spec.name, config.channels, spec.width) for spec in config.outputs])
        self.zbl = _repulsion(config) if config.zbl else None
        zbl_scale = config.zbl_scale or [1.0] * n_tasks
        for name, values in (("scale", config.scale), ("shift", config.shifts), ("zbl_scale", zbl_scale)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.get_default_dtype()), persistent=False)
        self.register_buffer("table_of", torch.zeros(n_species, n_species, dtype=torch.int64), persistent=False)

    @torch.jit.export
    def tabulate(self, species: Tensor) -> bool:
        """Replaces the radial networks by tables, for inference on a CPU.

        Args:
            species: [n] those in use, ascending; other ones must not be evaluated afterwards.

        Returns:
            Whether that was done: not for so many pairs of species that tables would be too large.
        """
        n = species.shape[0] if self.radial.by_species else 1
        pairs = torch.triu_indices(n, n, device=species.device)
        n_tables = pairs.shape[1]
        if n_tables > self.most_tables:
            return False
        if self.radial.by_species:
            first, second = species[pairs[0]], species[pairs[1]]
            number = torch.arange(n_tables, device=species.device)
            self.table_of[first, second] = number
            self.table_of[second, first] = number
        else:
            first, second = pairs[0], pairs[1]
        for n_knots in self.knots:
            distances = sample_distances(self.cutoff, n_knots, species.device)
            samples = distances.shape[0]
            radial, envelope = self.radial(
                distances.repeat(n_tables), first.repeat_interleave(samples), second.repeat_interleave(samples)
            )
            worst = 0.0
            for layer in self.layers:
                worst = max(worst, layer.convolution.tabulate(radial, envelope, n_tables, self.cutoff))
            if worst < self.slope_error:
                break
        self.tabulated = True
        return True

    def _edges(self, r: Tensor, harmonics: Tensor, centre: Tensor, neighbour: Tensor, species: Tensor) -> Edges:
        """What the layers need, in the dtype of the parameters."""
        dtype = self.embedding.dtype
        first, second = species.index_select(0, centre), species.index_select(0, neighbour)
        radial, envelope, table = r.new_zeros(0), r.new_zeros(0), centre[:0]
        if self.needs_radial or not self.tabulated:
            radial, envelope = self.radial(r, first, second)
        if self.tabulated and self.radial.by_species:
            table = self.table_of.view(-1).index_select(0, first * self.table_of.shape[0] + second)
        return Edges(centre, neighbour, harmonics, radial.to(dtype), envelope.to(dtype), r.to(dtype), table)

    def forward(
        self,
        r_ij: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        species: Tensor,
        n_local: int,
        conditions: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        dtype = self.embedding.dtype
        task = conditions["task"]
        r = torch.sqrt((r_ij * r_ij).sum(1))
        harmonics = spherical_harmonics(self.l_max, r_ij / r.unsqueeze(1)).to(dtype)
        edges = self._edges(r, harmonics, centre, neighbour, species)
        initial = (self.embedding * self.embedding_scale).index_select(0, species)
        features = self.conditions(initial, conditions).unsqueeze(1)
        energy = torch.zeros([n_local], dtype=r_ij.dtype, device=r_ij.device)
        for layer, readout in zip(self.layers, self.readouts):  # noqa: B905  (TorchScript knows no strict)
            features = layer(features, edges, species, n_local)
            energy = energy + readout(features[:, 0], task).to(r_ij.dtype)
        energy = energy * self.scale.to(r_ij.dtype).index_select(0, task)
        energy = energy + pick_species(self.shift.to(r_ij.dtype), task, species[:n_local])
        if self.zbl is not None:
            repulsion = self.zbl(r, centre, neighbour, species, n_local)
            energy = energy + repulsion * self.zbl_scale.to(r_ij.dtype).index_select(0, task)
        result = {"energy": energy}
        for output in self.outputs:
            result[output.name] = output(features[:, 0]).to(r_ij.dtype)  # type: ignore[index]
        return result


def _readout(config: MACEConfig, index: int) -> nn.Module:
    n_tasks = len(config.tasks)
    if index == config.n_layers - 1 and config.last_readout == "gated":
        return GatedEnergyReadout(
            config.channels, n_tasks, config.readout_hidden, config.activation_scale, config.readout_activation
        )
    if index < config.n_layers - 1 and config.last_readout_only:
        return NoReadout()
    return EnergyReadout(config.channels, n_tasks)


def _repulsion(config: MACEConfig) -> ZBLRepulsion:
    return ZBLRepulsion(
        config.species,
        config.radii,
        config.zbl_order,
        config.zbl_exponent,
        config.zbl_prefactor,
        config.zbl_coefficients,
    )


def pick_species(table: Tensor, task: Tensor, species: Tensor) -> Tensor:
    """[n_tasks, n_species], [1] or [N], [N] -> [N]."""
    return table.view(-1).index_select(0, task.expand(species.shape[0]) * table.shape[1] + species)
