# SPDX-License-Identifier: MIT
"""Convolution over edges, then a linear map per degree: the messages of the atoms."""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from mlipkit.nn.edges import Edges
from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths
from mlipkit.nn.plain import UsesOperators
from mlipkit.nn.radial import RadialNetwork
from mlipkit.nn.radial_table import FIRST_KNOT, knots_per_length, slope_error, table_of_samples
from mlipkit.ops.convolution import convolution, convolution_reference, table_weights
from mlipkit.ops.degree_linear import degree_linear_reference


class Convolution(UsesOperators):
    """Message of every atom: all paths summed over its edges, mixed per degree and divided by ``divisor``.

    ``mixing`` [paths, channels, channels]: rows of the paths into l3 are contiguous and form one linear map with
    fan_in = paths(l3) x channels.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"mixing": ("path", "in", "out")}
    coupling: Tensor
    table: Tensor

    def __init__(
        self,
        l_in: int,
        l_max: int,
        channels: int,
        radial_widths: list[int],
        activation_scale: float,
        divisor: float,
        cutoff_on_basis: bool = True,
    ) -> None:
        super().__init__()
        paths = coupling_paths(l_in, l_max, l_max)
        self.l_in, self.l_max = l_in, l_max
        self.n_paths = len(paths)
        self.channels = channels
        self.cutoff_on_basis = cutoff_on_basis
        self.radial = RadialNetwork([*radial_widths, self.n_paths * channels], activation_scale)
        self.register_buffer("coupling", convolution_coupling(paths), persistent=False)
        self.paths_into: list[int] = [sum(path[2] == l3 for path in paths) for l3 in range(l_max + 1)]
        self.scales: list[float] = [1.0 / (math.sqrt(n * channels) * divisor) for n in self.paths_into]
        self.register_buffer("table", torch.zeros(0), persistent=False)  # filled by `tabulate`
        self.first_knot, self.knots_per_length = FIRST_KNOT, 0.0
        self.mixing = nn.Parameter(torch.randn(self.n_paths, channels, channels))

    def tabulate(self, radial: Tensor, envelope: Tensor, n_tables: int, cutoff: float) -> float:
        """Replaces the radial network by tables.

        Args:
            radial: [n_tables * samples, n_basis] radial features, float64, at the distances of
                :func:`mlipkit.nn.radial_table.sample_distances` for each table in turn.
            envelope: [n_tables * samples, 1] cutoff there.
            n_tables: one, or one per pair of species.
            cutoff: angstrom.

        Returns:
            The largest relative error of a slope.
        """
        tables: list[Tensor] = []
        worst = 0.0
        samples = radial.shape[0] // n_tables
        for k in range(n_tables):
            first, last = k * samples, (k + 1) * samples
            weights = self.weights(radial[first:last], envelope[first:last])
            tables.append(table_of_samples(weights))
            worst = max(worst, slope_error(tables[-1], weights, cutoff))
        self.table = torch.stack(tables)
        self.knots_per_length = knots_per_length(cutoff, self.table.shape[1] - 4)
        return worst

    def weights(self, radial: Tensor, envelope: Tensor) -> Tensor:
        """[E, n_basis], [E, 1] -> [E, paths, channels]."""
        weights = self.radial(radial)
        if not self.cutoff_on_basis:
            weights = weights * envelope
        return weights.view(radial.shape[0], self.n_paths, self.channels)

    def forward(self, edges: Edges, features: Tensor, n_local: int) -> Tensor:
        """Messages of the local atoms.

        Args:
            edges: of the local atoms.
            features: [n_all, (l_in+1)^2, channels].
            n_local: number of local atoms.

        Returns:
            [n_local, (l_max+1)^2, channels].
        """
        one_group = torch.zeros([0], dtype=torch.int64, device=features.device)
        mixing = self.mixing.unsqueeze(0)
        if self.plain:
            sums = self._plain_sums(edges, features, n_local)
            return degree_linear_reference(sums, mixing, one_group, self.paths_into, self.scales)
        sums = self._sums(edges, features, n_local)
        return torch.ops.mlip.degree_linear(sums, mixing, one_group, self.paths_into, self.scales)

    def _plain_sums(self, edges: Edges, features: Tensor, n_local: int) -> Tensor:
        """:meth:`_sums` without the library; splines are for training alone."""
        if self.table.numel() > 0:
            weights = table_weights(edges.distance, self.table, edges.table, self.first_knot, self.knots_per_length).to(
                features.dtype
            )
        else:
            weights = self.weights(edges.radial, edges.envelope)
        return convolution_reference(
            weights,
            edges.harmonics,
            features,
            edges.centre,
            edges.neighbour,
            n_local,
            self.l_in,
            self.l_max,
            self.coupling,
        )

    def _sums(self, edges: Edges, features: Tensor, n_local: int) -> Tensor:
        """Paths summed over edges: [n_local, rows, channels]."""
        if self.table.numel() > 0:
            return torch.ops.mlip.convolution_table(
                edges.distance,
                edges.harmonics,
                features,
                self.table,
                edges.table,
                self.first_knot,
                self.knots_per_length,
                edges.centre,
                edges.neighbour,
                n_local,
                self.l_in,
                self.l_max,
                self.coupling,
            )
        weights = self.weights(edges.radial, edges.envelope)
        splines = edges.splines
        if splines is not None:
            rows = splines.interpolation @ weights.flatten(1)
            weights = torch.ops.mlip.windowed_sum(splines.factors, rows, splines.start).view(
                -1, self.n_paths, self.channels
            )
        return convolution(
            weights,
            edges.harmonics,
            features,
            edges.centre,
            edges.neighbour,
            n_local,
            self.l_in,
            self.l_max,
            self.coupling,
        )
