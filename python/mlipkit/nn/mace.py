# SPDX-License-Identifier: MIT
"""The flagship architecture: equivariant many-body message passing, MACE (Batatia et al., NeurIPS 2022,
arXiv:2206.07697), in the parametrisation of the ``mace-torch`` package so that its weights map one to one.

Two conventions differ and leave every energy as it is: edges point from centre to neighbour (harmonics of odd degree
change sign, and features of odd degree with them), and the symmetric contraction has a basis without redundancy.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

import mlipkit.ops  # noqa: F401  (registers halo_exchange)
from mlipkit.nn.conditions import ConditionEmbedding
from mlipkit.nn.edges import Edges
from mlipkit.nn.ensemble import Ensemble
from mlipkit.nn.mace_config import MACEConfig
from mlipkit.nn.mace_layer import MACELayer
from mlipkit.nn.plain import UsesOperators
from mlipkit.nn.radial import RadialEmbedding
from mlipkit.nn.radial_splines import samples, splines, worthwhile
from mlipkit.nn.radial_table import KNOTS, SLOPE_ERROR, sample_distances, too_few_knots
from mlipkit.nn.readouts import EnergyReadout, GatedEnergyReadout, NamedReadout, NoReadout
from mlipkit.nn.registry import register
from mlipkit.nn.zbl import ZBLRepulsion
from mlipkit.ops.edge_geometry import edge_geometry, edge_geometry_reference

MOST_TABLES = 100  # of 1 MB per layer with 128 channels and scalar features


@register("mace", MACEConfig)
class MACE(UsesOperators):
    """See ``mlipkit.nn.registry.Architecture`` for the contract of ``forward``."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"embedding": ("species", "channel")}
    scale: Tensor
    shift: Tensor
    zbl_scale: Tensor
    table_of: Tensor
    in_use: Tensor

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
        self.embedding_scale = 1.0 / math.sqrt(config.species_fan_in or n_species)
        self.conditions = ConditionEmbedding(config.condition_ranges, n_tasks, config.channels, config.task_fan_in)
        self.radial = RadialEmbedding(config.radial, config.cutoff, config.radii)
        self.layers = nn.ModuleList([MACELayer(config, index) for index in range(config.n_layers)])
        self.readouts = nn.ModuleList([_readout(config, index) for index in range(config.n_layers)])
        self.outputs = nn.ModuleList([NamedReadout(spec.name, config.channels, spec.width) for spec in config.outputs])
        self.members = config.ensemble
        self.ensemble = Ensemble(config.last_features, n_tasks, config.ensemble) if config.ensemble > 1 else None
        self.zbl = _repulsion(config) if config.zbl else None
        zbl_scale = config.zbl_scale or [1.0] * n_tasks
        for name, values in (("scale", config.scale), ("shift", config.shifts), ("zbl_scale", zbl_scale)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.get_default_dtype()), persistent=False)
        self.register_buffer("in_use", torch.zeros(0, dtype=torch.int64), persistent=False)
        self.register_buffer("table_of", torch.zeros(n_species, n_species, dtype=torch.int64), persistent=False)

    @torch.jit.export
    def prepare(self, species: Tensor, tables: bool) -> bool:
        """Makes the model ready for inference: computes once what depends on parameters alone.

        Args:
            species: [n] those in use, ascending; other ones must not be evaluated afterwards.
            tables: replace the radial networks by tables, and the first layer's convolution by densities.

        Returns:
            Whether tables were made: not for so many pairs of species that they would be too large.
        """
        for layer in self.layers:
            layer.contraction.prepare()
        n = species.shape[0] if self.radial.by_species else 1
        if not tables or n * (n + 1) // 2 > self.most_tables:
            return False
        self._tabulate(species)
        self.in_use = species
        for layer in self.layers:
            if layer.first:
                form = layer.density_form
                convolution = layer.convolution
                form.prepare(
                    convolution.table,
                    self.table_of,
                    species,
                    self.table_of.shape[0],
                    convolution.first_knot,
                    convolution.knots_per_length,
                )
                if form.ready:
                    convolution.table = torch.zeros([0])  # of no more use
                    form.linear = layer.message_map(species)
                    if not self.conditions.any:
                        form.set_features(layer.up(self._species_features(species)))
        self.tabulated = True
        return True

    def _tabulate(self, species: Tensor) -> None:
        """Tables of all layers, one or one per pair of species, with as few knots as do."""
        n = species.shape[0] if self.radial.by_species else 1
        pairs = torch.triu_indices(n, n, device=species.device)
        n_tables = pairs.shape[1]
        first, second = pairs[0], pairs[1]
        if self.radial.by_species:
            first, second = species[pairs[0]], species[pairs[1]]
            number = torch.arange(n_tables, device=species.device)
            self.table_of[first, second] = number
            self.table_of[second, first] = number
        tried, worst = 0, 0.0
        for n_knots in self.knots:
            if too_few_knots(n_knots, tried, worst, self.slope_error):
                continue
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
            tried = n_knots

    def _species_features(self, species: Tensor) -> Tensor:
        """Initial features without conditions: [N] -> [N, 1, channels]."""
        return (self.embedding.index_select(0, species) * self.embedding_scale).unsqueeze(1)

    def _initial(self, species: Tensor, n_local: int, conditions: dict[str, Tensor]) -> Tensor:
        """Initial features [n_all, 1, channels], or [n_local, 1, channels] where no neighbour's are needed."""
        dense = False
        for layer in self.layers:
            form = layer.density_form
            if form.ready:
                dense = True
                if self.conditions.any:
                    form.set_features(layer.up(self.conditions(self._species_features(self.in_use), conditions)))
        return self.conditions(self._species_features(species[:n_local] if dense else species), conditions)

    @torch.jit.unused
    def by_splines(self, r: Tensor) -> bool:
        """Whether the edges of these distances get their radial weights from splines: when training."""
        by_distance = self.training and not (self.needs_radial or self.radial.by_species)
        return by_distance and self.embedding.dtype == r.dtype and worthwhile(r)

    def _edges(self, r: Tensor, harmonics: Tensor, centre: Tensor, neighbour: Tensor, species: Tensor) -> Edges:
        """What the layers need, in the dtype of the parameters."""
        dtype = self.embedding.dtype
        if not torch.jit.is_scripting() and self.by_splines(r):
            radial, envelope = self.radial(samples(self.cutoff).to(dtype), centre[:0], centre[:0])
            found = splines(r, self.cutoff)
            return Edges(centre, neighbour, harmonics.to(dtype), radial, envelope, r, centre[:0], found)
        radial, envelope, table = r.new_zeros(0), r.new_zeros(0), centre[:0]
        if self.needs_radial or not self.tabulated or self.radial.by_species:
            first, second = species.index_select(0, centre), species.index_select(0, neighbour)
            if self.needs_radial or not self.tabulated:
                radial, envelope = self.radial(r, first, second)
            if self.tabulated and self.radial.by_species:
                table = self.table_of.view(-1).index_select(0, first * self.table_of.shape[0] + second)
        return Edges(centre, neighbour, harmonics.to(dtype), radial.to(dtype), envelope.to(dtype), r.to(dtype), table)

    def forward(
        self,
        r_ij: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        species: Tensor,
        n_local: int,
        conditions: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        task = conditions["task"]
        if self.plain:
            r, harmonics = edge_geometry_reference(r_ij, self.l_max)
        else:
            r, harmonics = edge_geometry(r_ij, self.l_max)
        edges = self._edges(r, harmonics, centre, neighbour, species)
        features = self._initial(species, n_local, conditions)
        energy = torch.zeros([n_local], dtype=r_ij.dtype, device=r_ij.device)
        with_outputs = "without_outputs" not in conditions
        with_ensemble = self.members > 1 and with_outputs and not self.training
        last: list[Tensor] = []  # features that the readouts map linearly, for the ensemble
        for layer, readout in zip(self.layers, self.readouts):  # noqa: B905  (TorchScript knows no strict)
            features = layer(features, edges, species, n_local)
            energy = energy + readout(features[:, 0], task).to(r_ij.dtype)
            if with_ensemble:
                last.append(readout.features(features[:, 0], task))
        energy = energy * self.scale.to(r_ij.dtype).index_select(0, task)
        energy = energy + pick_species(self.shift.to(r_ij.dtype), task, species[:n_local])
        if self.zbl is not None:
            repulsion = self.zbl(r, centre, neighbour, species, n_local)
            energy = energy + repulsion * self.zbl_scale.to(r_ij.dtype).index_select(0, task)
        result = {"energy": energy}
        if with_outputs:
            for output in self.outputs:
                result[output.name] = output(features[:, 0]).to(r_ij.dtype)  # type: ignore[index]
        if self.ensemble is not None and with_ensemble:
            deviations, sigma = self.ensemble(torch.cat(last, 1), task)
            result["energy_deviations"] = deviations.to(r_ij.dtype)
            result["force_sigma"] = sigma.to(r_ij.dtype)
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
