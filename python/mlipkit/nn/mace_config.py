# SPDX-License-Identifier: MIT
"""Options of the flagship architecture."""

from __future__ import annotations

import math
from typing import Any, Literal

from ase.data import atomic_numbers, covalent_radii
from pydantic import Field, model_validator

from mlipkit.nn.axes import Rows
from mlipkit.nn.ensemble import DEVIATIONS, FORCE_SIGMA
from mlipkit.nn.radial import SILU_SCALE, RadialConfig, initial_weight_square
from mlipkit.nn.registry import ArchitectureConfig, OutputSpec, StatisticSpec

# Large messages make the high orders of the contraction rule from the start, and the model learns rough functions;
# small ones learn slowly. 3BPA, 32 channels with vectors, correlation 3, 4.5 minutes on one core: force RMSE on
# validation data, meV/angstrom (and the ratio of validation and training loss), for messages of rms 0.5, 0.14, 0.05,
# 0.016, 0.005: 39.9 (1.28), 30.8 (1.21), 30.0 (1.14), 32.1 (1.06), 37.1 (1.05). mace-torch starts at 0.016. One seed.
INITIAL_MESSAGE = 0.05


class MACEConfig(ArchitectureConfig):
    """Everything a MACE model is built from; plain data, JSON-able."""

    channels: int = Field(default=64, ge=1)
    hidden_l_max: int = Field(default=0, ge=0, le=2, description="highest degree of the features between layers")
    l_max: int = Field(default=3, ge=0, le=4, description="highest degree of the harmonics and the messages")
    correlation: int = Field(default=3, ge=1, le=4, description="highest order of the symmetric contraction")
    radial: RadialConfig = RadialConfig()
    avg_num_neighbours: float = Field(gt=0, description="mean number of edges per atom in the training data")
    message_divisor: float | None = Field(
        default=None,
        gt=0,
        description="divisor of the sum over neighbours; null: filled in such that messages start at an rms of 0.05; "
        "mace-torch: avg_num_neighbours",
    )
    density_normalization: Literal["none", "first", "later", "all"] = Field(
        default="none", description="layers whose messages are divided by one plus a learned density of neighbours"
    )
    readout_hidden: int = Field(default=16, ge=1, description="units of the last readout, per task")
    readout_activation: Literal["silu", "tanh", "abs", "identity"] = Field(
        default="silu", description="activation of these units"
    )
    last_readout: Literal["gated", "linear"] = Field(default="gated", description="readout of the last layer")
    last_readout_only: bool = Field(default=False, description="energies from the features of the last layer alone")
    ensemble: int = Field(
        default=1, ge=1, le=256, description="members of the ensemble of last layers; 1: none, no uncertainty"
    )
    activation_scale: float = Field(
        default=SILU_SCALE, gt=0, description="factor on every activation; the default normalises silu"
    )
    first_layer_residual: bool = Field(default=True, description="residual connection in the first layer")
    later_layers_residual: bool = Field(default=True, description="residual connection in the layers after the first")
    scale: list[float] = Field(default=[1.0], description="factor on the network's energies, per task")
    shift: list[float] | list[list[float]] = Field(default=[0.0], description="eV, per task or per task and species")
    zbl: bool = Field(default=False, description="add the Ziegler-Biersack-Littmark repulsion")
    zbl_order: int = Field(default=6, ge=2, description="p of its polynomial cutoff")
    zbl_scale: list[float] | None = Field(default=None, description="factor on the repulsion, per task; default 1")
    zbl_exponent: float = Field(default=0.300, gt=0, description="power of the nuclear charges in its screening length")
    zbl_prefactor: float = Field(default=0.4543, gt=0, description="its screening length for unit charges, Bohr radii")
    zbl_coefficients: tuple[float, float, float, float] = Field(
        default=(0.1818, 0.5099, 0.2802, 0.02817), description="of the four exponentials of its screening function"
    )
    covalent_radii: list[float] | None = Field(
        default=None, description="angstrom per species, for zbl and radial.transform; null: filled in from ase"
    )
    species_fan_in: int | None = Field(
        default=None,
        ge=1,
        description="species that the factors 1/sqrt(n) of weights per species count; null: all. Stays as it was when "
        "fine-tuning adds species, so that old weights keep their meaning",
    )
    task_fan_in: int | None = Field(default=None, ge=1, description="the same for the vectors of tasks")

    @model_validator(mode="after")
    def _per_task(self) -> MACEConfig:
        n_tasks = len(self.tasks)
        if "scale" not in self.model_fields_set:
            self.scale = [1.0] * n_tasks
        if "shift" not in self.model_fields_set:
            self.shift = [0.0] * n_tasks
        for name, values in (("scale", self.scale), ("shift", self.shift), ("zbl_scale", self.zbl_scale)):
            if values is not None and len(values) != n_tasks:
                raise ValueError(f"{name} needs one entry per task ({n_tasks}: {self.tasks}), got {len(values)}")
        if any(isinstance(row, list) and len(row) != len(self.species) for row in self.shift):
            raise ValueError(f"shift per task and species needs {len(self.species)} numbers per task: {self.species}")
        if self.covalent_radii is not None and len(self.covalent_radii) != len(self.species):
            raise ValueError(f"covalent_radii needs {len(self.species)} numbers: {self.species}")
        if self.hidden_l_max > self.l_max:
            raise ValueError(f"hidden_l_max {self.hidden_l_max} exceeds l_max {self.l_max}; raise l_max")
        return self

    @model_validator(mode="after")
    def _fill_in_radii(self) -> MACEConfig:
        if self.covalent_radii is None and (self.zbl or self.radial.transform != "none"):
            self.covalent_radii = self.radii
        return self

    @model_validator(mode="after")
    def _fill_in_divisor(self) -> MACEConfig:
        # Rounded and kept in the config: a model never depends on how this default was found.
        if self.message_divisor is None:
            mean_square = self.avg_num_neighbours * initial_weight_square(
                self.radial, self.cutoff, self.radii, self.activation_scale
            )
            self.message_divisor = float(f"{math.sqrt(mean_square) / INITIAL_MESSAGE:.6g}")
        return self

    @model_validator(mode="after")
    def _names_of_the_ensemble(self) -> MACEConfig:
        names = {spec.name for spec in self.computed_outputs} | {spec.name for spec in self.statistics}
        taken = [output.name for output in self.outputs if output.name in names]
        if taken:
            raise ValueError(f"the output name {taken[0]!r} belongs to the ensemble; rename the output")
        return self

    @property
    def computed_outputs(self) -> list[OutputSpec]:
        if self.ensemble == 1:
            return []
        return [
            OutputSpec(name=DEVIATIONS, unit="eV", width=self.ensemble),
            OutputSpec(name=FORCE_SIGMA, unit="eV/angstrom"),
        ]

    @property
    def statistics(self) -> list[StatisticSpec]:
        if self.ensemble == 1:
            return []
        return [
            StatisticSpec(name="energy_sigma", unit="eV", of=DEVIATIONS, statistic="deviation_of_sums"),
            StatisticSpec(name="force_sigma_max", unit="eV/angstrom", of=FORCE_SIGMA, statistic="max"),
        ]

    @property
    def last_features(self) -> int:
        """Numbers per atom that enter the last linear maps of all layers."""
        last = self.readout_hidden if self.last_readout == "gated" else self.channels
        return last + (0 if self.last_readout_only else self.channels * (self.n_layers - 1))

    def regrown(self, species: Rows, tasks: Rows) -> dict[str, Any]:
        """See :meth:`ArchitectureConfig.regrown`."""
        radii = self.covalent_radii
        if radii is not None:
            own = dict(zip(self.species, radii, strict=True))
            radii = [own.get(symbol, float(covalent_radii[atomic_numbers[symbol]])) for symbol in species.names]
        shift = [species.pick(row) if isinstance(row, list) else row for row in tasks.pick(self.shift)]
        return {
            **super().regrown(species, tasks),
            "scale": tasks.pick(self.scale),
            "shift": shift,
            "zbl_scale": None if self.zbl_scale is None else tasks.pick(self.zbl_scale),
            "covalent_radii": radii,
            "species_fan_in": self.species_fan_in or len(self.species),
            "task_fan_in": self.task_fan_in or (len(self.tasks) if len(self.tasks) > 1 else None),
        }

    @property
    def n_exchanges(self) -> int:
        return self.n_layers - 1

    @property
    def values_per_ghost(self) -> int:
        return self.channels * (self.hidden_l_max + 1) ** 2

    @property
    def radii(self) -> list[float]:
        """Covalent radii of the species, angstrom."""
        return self.covalent_radii or [float(covalent_radii[atomic_numbers[symbol]]) for symbol in self.species]

    def residual(self, layer: int) -> bool:
        """Whether a layer hands the features that enter it on."""
        return self.first_layer_residual if layer == 0 else self.later_layers_residual

    def normalizes_density(self, layer: int) -> bool:
        """Whether a layer divides its messages by the density of neighbours."""
        return self.density_normalization in ("all", "first" if layer == 0 else "later")

    @property
    def shifts(self) -> list[list[float]]:
        """Shift per task and species, eV."""
        return [row if isinstance(row, list) else [row] * len(self.species) for row in self.shift]
