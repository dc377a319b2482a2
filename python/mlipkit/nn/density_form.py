# SPDX-License-Identifier: MIT
"""The first layer's messages for inference, by way of densities of each species.

In the first layer a neighbour's features depend on its species alone. All radial weights together span few functions
phi_q of the distance, found by a principal component analysis of their tables, so with w = sum_q phi_q(r) U[q] the
message, mixed per degree,

    m[i] = sum_e w(r_e) Y(e) h[species of e] M  =  sum_{s, q} D[i, s, q] (U[q] h[s] M),

needs per edge only the densities D[i, s, q] = sum over neighbours e of species s of phi_q(r_e) Y(e), and one small
matrix per degree. Linear maps by the species of the centre, and radial weights that depend on it, enter that matrix.
This is the density trick of the atomic cluster expansion (Drautz, Phys. Rev. B 99, 014104, 2019).
"""

import torch
from torch import Tensor

from mlipkit.nn.edges import Edges
from mlipkit.nn.plain import UsesOperators
from mlipkit.ops.convolution import table_weights
from mlipkit.ops.degree_linear import degree_linear_reference
from mlipkit.ops.species_density import species_density_reference

MOST_FUNCTIONS = 64
MOST_COLUMNS = 256  # of densities per harmonic: with more, edges cost less than the matrices
SLOPE_ERROR = 1e-6  # relative to the steepest radial weight


def principal_functions(
    tables: Tensor, most: int = MOST_FUNCTIONS, slope_error: float = SLOPE_ERROR
) -> tuple[Tensor, Tensor, float]:
    """Splines phi_q and factors U with tables = sum_q phi_q U[q].

    Args:
        tables: [n_tables, rows, paths, channels] coefficients of B-splines, float64.

    Returns:
        [rows, Q]; [n_tables, Q, paths, channels]; and a bound on the error of a slope relative to the steepest: slopes
        are splines too, whose coefficients are differences of these, and no spline exceeds its coefficients. Q is a
        multiple of 8.
    """
    columns = tables.transpose(0, 1).flatten(1)  # [rows, all weights]
    _, vectors = torch.linalg.eigh(columns @ columns.T)  # ascending
    steepest = torch.diff(columns, dim=0).abs().max().clamp(min=1e-300)
    functions, factors, error = vectors, columns, 0.0
    for n in range(8, min(most, columns.shape[0]) + 1, 8):
        functions = vectors[:, -n:].flip(1)
        factors = functions.T @ columns
        error = float((torch.diff(columns - functions @ factors, dim=0).abs().max() / steepest).item())
        if error < slope_error:
            break
    factors = factors.view(-1, tables.shape[0], tables.shape[2], tables.shape[3]).transpose(0, 1)
    return functions, factors, error


class DensityForm(UsesOperators):
    """Messages from densities, once `prepare` has been called.

    ``functions`` [rows, Q] spline coefficients; ``factors`` [centre species or 1, neighbour species, Q, l_max+1,
    channels]; ``linear`` [centre species or 1, l_max+1, channels, channels] applied to the summed edges; ``number``
    [n_species] of the species in use, counted from 0; ``maps`` [centre species or 1, l_max+1, neighbour species * Q,
    channels]: factors times features times linear maps.
    """

    functions: Tensor
    factors: Tensor
    number: Tensor
    linear: Tensor
    maps: Tensor

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.ready = False
        self.n_species = 0
        self.paths, self.scales = [1] * (l_max + 1), [1.0] * (l_max + 1)
        self.first_knot, self.knots_per_length = 0.0, 0.0
        for name in ("functions", "factors", "linear", "maps"):
            self.register_buffer(name, torch.zeros(0), persistent=False)
        self.register_buffer("number", torch.zeros(0, dtype=torch.int64), persistent=False)

    def prepare(
        self,
        tables: Tensor,
        table_of: Tensor,
        species: Tensor,
        n_known: int,
        first_knot: float,
        knots_per_length: float,
        most_columns: int = MOST_COLUMNS,
        slope_error: float = SLOPE_ERROR,
    ) -> None:
        """Expands the radial weights, unless that takes too many functions.

        Args:
            tables: [n_tables, rows, l_max+1, channels] of the first layer's convolution, float64.
            table_of: [n_species, n_species] which table a pair has.
            species: [n] those in use; n_known: those the model knows.
            first_knot, knots_per_length: of the tables.
        """
        functions, factors, error = principal_functions(tables)
        if error > slope_error or functions.shape[1] * species.shape[0] > most_columns:
            return
        one_table = tables.shape[0] == 1
        pairs = table_of.index_select(0, species[:1] if one_table else species).index_select(1, species)
        self.factors = factors[pairs]
        self.functions = functions
        self.number = torch.zeros([n_known], dtype=torch.int64, device=species.device)
        self.number[species] = torch.arange(species.shape[0], device=species.device)
        self.n_species = species.shape[0]
        self.first_knot, self.knots_per_length = first_knot, knots_per_length
        self.ready = True

    def set_features(self, features: Tensor) -> None:
        """What neighbours send: [neighbour species, 1, channels]."""
        weighted = self.factors * features.unsqueeze(2)
        self.maps = weighted.permute(0, 3, 1, 2, 4).flatten(2, 3) @ self.linear

    def forward(self, edges: Edges, species: Tensor, n_local: int) -> Tensor:
        """Messages of the local atoms, mixed: edges of the local atoms, [n_all] -> [n_local, (l_max+1)^2, channels]."""
        number = self.number.index_select(0, species)
        group = number[:n_local] if self.maps.shape[0] > 1 else number[:0]
        if self.plain:
            table = self.functions.view(1, self.functions.shape[0], 1, self.functions.shape[1])
            radial = table_weights(edges.distance, table, number[:0], self.first_knot, self.knots_per_length)
            densities = species_density_reference(
                radial.flatten(1).to(self.maps.dtype),
                edges.harmonics,
                edges.centre,
                edges.neighbour,
                number,
                self.n_species,
                n_local,
            )
            return degree_linear_reference(densities, self.maps, group, self.paths, self.scales)
        densities = torch.ops.mlip.species_density(
            edges.distance,
            edges.harmonics,
            self.functions,
            self.first_knot,
            self.knots_per_length,
            edges.centre,
            edges.neighbour,
            number,
            self.n_species,
            n_local,
        )
        return torch.ops.mlip.degree_linear(densities, self.maps, group, self.paths, self.scales)
