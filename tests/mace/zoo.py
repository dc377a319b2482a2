# SPDX-License-Identifier: MIT
"""Small MACE models with random weights over the options of the package's command line, which builds each of them.

Weights are of natural size: forces are some eV/angstrom and every parameter counts. E0s, scale and shift, which the
command computes from its data, are moved too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms
from mace.calculators import MACECalculator
from mace_package import command_line_model, numbers_of, package_calculator
from mace_structures import comparison_structures, cycled, scattered

WATER = [1, 8]
OXIDE = [1, 8, 22]
MANY = [*range(1, 84), *range(89, 95)]  # the 89 elements of the large published models
FORCE = 3.0  # eV/angstrom: geometric mean over the structures of their largest force
SMALL = {"r_max": "4.5", "radial_MLP": "[8, 8]", "MLP_irreps": "4x0e", "num_radial_basis": "5"}
RESIDUAL, AGNOSTIC = "RealAgnosticResidualInteractionBlock", "RealAgnosticInteractionBlock"
DENSITY, DENSITY_RESIDUAL = "RealAgnosticDensityInteractionBlock", "RealAgnosticDensityResidualInteractionBlock"


@dataclass(frozen=True)
class Animal:
    """One model of the zoo: options of the command line without their dashes, elements, heads."""

    name: str
    hidden: str  # hidden irreps
    max_ell: int
    correlation: int
    options: dict[str, str] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=lambda: WATER)
    heads: list[str] = field(default_factory=lambda: ["Default"])
    plain_class: bool = False

    @property
    def dtype(self) -> str:
        return self.options.get("default_dtype", "float64")

    @property
    def cutoff(self) -> float:
        return float({**SMALL, **self.options}["r_max"])

    @property
    def seed(self) -> int:
        return sum(map(ord, self.name))

    def words(self, folder: Path) -> list[str]:
        """The command line; writes the data files that it names."""
        model = {"hidden_irreps": self.hidden, "max_ell": str(self.max_ell), "correlation": str(self.correlation)}
        where = {"name": self.name, "work_dir": str(folder), "seed": str(self.seed), "log_level": "ERROR"}
        options = {"model": "ScaleShiftMACE", **where, **SMALL, **model, **self.options, "batch_size": "1"}
        options |= {"valid_fraction": "0.25", "atomic_numbers": str(self.numbers)}
        if len(self.heads) == 1:
            options |= {"train_file": str(training_file(self, folder, 0)), "E0s": str(reference_energies(self, 0))}
        else:
            options["heads"] = str(
                {
                    head: {
                        "train_file": str(training_file(self, folder, k)),
                        "E0s": str(reference_energies(self, k)),
                    }
                    for k, head in enumerate(self.heads)
                }
            )
        flags = [f"--{key}" for key, value in options.items() if value == "set"]
        return [*(f"--{key}={value}" for key, value in options.items() if value != "set"), *flags]


ZOO = [
    # Two layers, scalar features: the shape of MACE-OFF small and MACE-MP small.
    Animal("plain", "8x0e", 2, 2),
    Animal("first_layer_not_residual", "6x0e", 3, 3, {"interaction_first": AGNOSTIC, "num_radial_basis": "8"}),
    Animal("vectors", "4x0e + 4x1o", 2, 2, {"gate": "tanh"}, OXIDE),
    Animal("tensors", "4x0e + 4x1o + 4x2e", 3, 2, {"interaction_first": AGNOSTIC, "radial_MLP": "[6]"}),
    Animal("correlation_1", "4x0e + 4x1o", 1, 1, {"interaction": AGNOSTIC, "interaction_first": AGNOSTIC}),
    Animal("correlation_3_vectors", "3x0e + 3x1o", 3, 3, {"num_cutoff_basis": "6", "radial_MLP": "[8, 6, 8]"}),
    Animal("correlation_4", "3x0e", 2, 4),
    Animal("correlation_4_vectors", "2x0e + 2x1o", 1, 4, {"use_reduced_cg": "True"}, OXIDE),
    Animal("max_ell_4", "3x0e + 3x1o", 4, 2, {"gate": "None"}),
    Animal("reduced", "4x0e", 3, 3, {"use_reduced_cg": "True", "interaction_first": AGNOSTIC}, OXIDE),
    Animal("reduced_tensors", "3x0e + 3x1o + 3x2e", 2, 3, {"use_reduced_cg": "True"}),
    Animal("density", "4x0e + 4x1o", 2, 2, {"interaction": DENSITY_RESIDUAL, "interaction_first": DENSITY}),
    Animal(
        # The options of the recent published models for materials, small.
        "density_agnesi_repulsion",
        "4x0e + 4x1o",
        2,
        3,
        {
            "interaction": DENSITY_RESIDUAL,
            "interaction_first": DENSITY_RESIDUAL,
            "distance_transform": "Agnesi",
            "pair_repulsion": "set",
            "use_reduced_cg": "True",
        },
        OXIDE,
    ),
    Animal(
        "density_uncut", "4x0e", 2, 2, {"interaction": DENSITY, "interaction_first": DENSITY, "apply_cutoff": "False"}
    ),
    Animal("gaussian_soft", "4x0e + 4x1o", 2, 2, {"radial_type": "gaussian", "distance_transform": "Soft"}, OXIDE),
    Animal("chebyshev_agnesi", "4x0e", 2, 2, {"radial_type": "chebyshev", "distance_transform": "Agnesi"}, OXIDE),
    Animal(
        "chebyshev_uncut", "4x0e", 2, 2, {"radial_type": "chebyshev", "num_radial_basis": "3", "apply_cutoff": "False"}
    ),
    Animal("uncut_vectors", "4x0e + 4x1o", 2, 2, {"apply_cutoff": "False", "distance_transform": "Agnesi"}),
    Animal("one_layer", "6x0e + 6x1o", 3, 3, {"num_interactions": "1"}, [14]),
    Animal(
        "three_layers",
        "4x0e + 4x1o",
        2,
        2,
        {"num_interactions": "3", "pair_repulsion": "set", "gate": "abs", "r_max": "3.7"},
    ),
    Animal("agnostic_product", "4x0e + 4x1o", 2, 2, {"use_agnostic_product": "True"}, OXIDE),
    Animal("last_readout_only", "4x0e + 4x1o", 2, 2, {"use_last_readout_only": "True"}),
    Animal("two_heads", "4x0e + 4x1o", 2, 2, {"pair_repulsion": "set"}, OXIDE, heads=["pbe", "hybrid"]),
    Animal("plain_class", "4x0e + 4x1o", 2, 2, {"pair_repulsion": "set"}, plain_class=True),
    Animal("many_elements", "4x0e", 2, 2, {"distance_transform": "Agnesi", "pair_repulsion": "set"}, MANY),
    Animal("float32", "8x0e", 3, 2, {"default_dtype": "float32", "pair_repulsion": "set", "r_max": "4.3"}),
    Animal(
        "float32_reduced_vectors",
        "4x0e + 4x1o",
        2,
        3,
        {"default_dtype": "float32", "use_reduced_cg": "True", "distance_transform": "Agnesi"},
        OXIDE,
    ),
]


def training_file(animal: Animal, folder: Path, head: int) -> Path:
    """Four frames with labels that mean nothing: the command reads neighbours and the size of forces from them."""
    random = np.random.default_rng(head)
    frames = []
    for seed in range(4):
        atoms = scattered(cycled(animal.numbers, 8), 5.0 * np.eye(3), True, seed=10 + seed)
        atoms.info["REF_energy"] = float(random.normal(0.0, 1.0))
        atoms.arrays["REF_forces"] = random.normal(0.0, 1.0 + head, (8, 3))
        frames.append(atoms)
    path = folder / f"{animal.name}_{head}.xyz"
    ase.io.write(path, frames, format="extxyz")
    return path


def reference_energies(animal: Animal, head: int) -> dict[int, float]:
    """E0 per atomic number, eV, of the size that density-functional theory with pseudopotentials gives."""
    return {number: -1.37 * number**1.2 - 0.313 * head for number in animal.numbers}


def make_model(animal: Animal, folder: Path) -> Path:
    """Builds the model, gives it weights of natural size, and saves it as the package saves models."""
    model = command_line_model(animal.words(folder), animal.plain_class)
    randomise(model, animal)
    path = folder / f"{animal.name}.model"
    torch.save(model, path)
    return path


@torch.no_grad()
def randomise(model: torch.nn.Module, animal: Animal) -> None:
    """Moves every parameter a little, and the last weights so that the forces of the network are about FORCE."""
    random = torch.Generator().manual_seed(animal.seed)

    def noise(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=random, dtype=torch.float64).to(like.dtype)

    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:  # others stand for paths that do not exist
        parameter += 0.3 * noise(parameter)
    energies = model.atomic_energies_fn.atomic_energies
    energies += noise(energies)
    if not animal.plain_class:
        model.scale_shift.scale *= 1.0 + 0.2 * noise(model.scale_shift.scale).abs()
        model.scale_shift.shift += 0.3 * noise(model.scale_shift.shift)
    calculator = package_calculator(model, animal.heads[-1], model.r_max.dtype)
    structures = comparison_structures(animal.numbers, animal.cutoff)
    tame_messages(calculator, structures["triclinic"])
    del structures["isolated_atom"]
    tame_forces(calculator, list(structures.values()))
    for parameter in trainable:  # the calculator has fixed them
        parameter.requires_grad_(True)


def tame_messages(calculator: MACECalculator, atoms: Atoms) -> None:
    """Messages of mean square one, of which all powers count alike."""
    for interaction in calculator.models[0].interactions:
        found: list[torch.Tensor] = []
        hook = interaction.register_forward_hook(lambda _, __, answer, found=found: found.append(answer[0]))
        package_forces(calculator, atoms)
        hook.remove()
        interaction.linear.weight /= found[0].square().mean().sqrt()


def tame_forces(calculator: MACECalculator, structures: list[Atoms]) -> None:
    """Brings the forces of the network to FORCE; those of pair repulsion stay what they are."""
    model = calculator.models[0]
    outputs = [getattr(readout, "linear_2", None) or readout.linear for readout in model.readouts]
    weights = [output.weight.clone() for output in outputs]
    forces = [package_forces(calculator, atoms) for atoms in structures]
    if hasattr(model, "pair_repulsion_fn"):
        for output in outputs:
            output.weight.zero_()
        forces = [force - package_forces(calculator, atoms) for force, atoms in zip(forces, structures, strict=True)]
    size = np.exp(np.mean([np.log(np.abs(force).max()) for force in forces]))
    for output, weight in zip(outputs, weights, strict=True):
        output.weight.copy_(weight * FORCE / size)


def package_forces(calculator: MACECalculator, atoms: Atoms) -> np.ndarray:
    calculator.reset()  # its weights have changed, which it cannot know
    with torch.enable_grad():
        return numbers_of(calculator, atoms).forces
