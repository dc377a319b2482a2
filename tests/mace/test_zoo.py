# SPDX-License-Identifier: MIT
"""A MACE model gives the same numbers in mace-torch and here: every model of the zoo, every kind of structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from mace.calculators import MACECalculator
from mace_package import Numbers, numbers_of, package_calculator, read_model
from mace_structures import STRUCTURES
from scipy.spatial.transform import Rotation
from specimen import FORCE, Specimen, assert_same
from zoo import ZOO, Animal

from mlipkit.importers.mace import ImportRefused, import_mace, list_heads

NAMES = [animal.name for animal in ZOO]
# Their forces in the package are not the slope of its own energy; see test_forces_of_chebyshev_models.
CHEBYSHEV = ["chebyshev_agnesi", "chebyshev_uncut"]
# Its file holds the coefficients that couple vectors in float32; see test_coefficients_in_single_precision.
ROUNDED = "float32_reduced_vectors"
ROTATIONS = 4
# Six-point central differences: the error is of order step^6.
STENCIL = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
STEP = 1e-3  # angstrom


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", [name for name in NAMES if name != ROUNDED])
def test_same_numbers(specimen: Callable[..., Specimen], name: str, structure: str) -> None:
    both = specimen(name)
    atoms = both.structures[structure]
    theirs, ours = numbers_of(both.theirs, atoms), numbers_of(both.ours, atoms)
    assert_same(ours, theirs, forces=name not in CHEBYSHEV)
    if structure == "isolated_atom":
        assert np.all(ours.forces == 0.0)
    else:
        assert np.abs(ours.forces).max() > 0.05  # eV/angstrom: there is something to compare


@pytest.mark.parametrize("name", CHEBYSHEV)
def test_forces_of_chebyshev_models(specimen: Callable[..., Specimen], name: str) -> None:
    """torch does not differentiate the Chebyshev polynomials that the package calls: its forces lack the slope of the
    basis functions. The forces here are the slope of the energy, which is the same in both."""
    both = specimen(name)
    atoms = both.structures["molecule"]
    ours = numbers_of(both.ours, atoms).forces
    theirs = numbers_of(both.theirs, atoms).forces
    assert np.abs(ours - theirs).max() > 0.1
    for axis in range(3):
        moved = {step: atoms.copy() for n in STENCIL for step in (n, -n)}
        for step, copy in moved.items():
            copy.positions[0, axis] += step * STEP
        energies = {step: numbers_of(both.theirs, copy).energy for step, copy in moved.items()}
        slope = sum(weight * (energies[n] - energies[-n]) for n, weight in STENCIL.items()) / STEP
        assert abs(ours[0, axis] + slope) < FORCE


@pytest.mark.parametrize("structure", STRUCTURES)
def test_coefficients_in_single_precision(specimen: Callable[..., Specimen], structure: str) -> None:
    """Computed in float64 with such coefficients, the package's forces change by up to 1e-7 eV/angstrom when the
    structure is rotated. Here the coefficients are exact: the numbers are, within that change, the mean over rotations.
    """
    both = specimen(ROUNDED)
    atoms = both.structures[structure]
    views = [rotated_numbers(both.theirs, atoms, seed) for seed in range(ROTATIONS)]
    ours = numbers_of(both.ours, atoms)
    for name, value in (("energies", ours.energies), ("forces", ours.forces)):
        found = np.array([getattr(view, name) for view in views])
        centre = found.mean(axis=0)
        change = float(np.abs(found - centre).max())
        assert change < 1e-6  # eV, eV/angstrom
        assert float(np.abs(value - centre).max()) <= 2.0 * change + 1e-12, name
    assert abs(ours.energy - views[0].energy) <= 1e-8 * abs(views[0].energy)


def rotated_numbers(calculator: MACECalculator, atoms: Atoms, seed: int) -> Numbers:
    """Numbers of the rotated structure, forces rotated back."""
    rotation = Rotation.random(random_state=seed).as_matrix()
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ rotation.T)
    turned.positions = atoms.positions @ rotation.T
    found = numbers_of(calculator, turned)
    return Numbers(found.energy, found.energies, found.forces @ rotation, None)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_counts(model_file: Callable[[str], Path], specimen: Callable[..., Specimen], name: str) -> None:
    """Of the zoo itself: a weight that changed nothing would not have been compared."""
    model = read_model(model_file(name)).double()
    calculator = package_calculator(model, specimen(name).theirs.head)
    slopes = {key: 0.0 for key, value in model.named_parameters() if value.abs().max() > 0.0}
    for structure in ("small_cell", "triclinic"):
        atoms = specimen(name).structures[structure]
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        batch = calculator._atoms_to_batch(atoms).to_dict()
        energy = model(batch, compute_force=False)["energy"].sum()
        parameters = [value for key, value in model.named_parameters() if key in slopes]
        gradients = torch.autograd.grad(energy, parameters, allow_unused=True)
        for key, value, gradient in zip(slopes, parameters, gradients, strict=True):
            if gradient is not None:
                slopes[key] = max(slopes[key], float((gradient * value).abs().max()))
    assert min(slopes.values()) > 1e-4, min(slopes, key=slopes.__getitem__)  # eV


def test_reduced_coefficients_are_reduced(model_file: Callable[[str], Path]) -> None:
    """Of the zoo itself: without cuequivariance the package would ignore the option."""
    found = {}
    for name in ("reduced", "first_layer_not_residual"):
        contraction = read_model(model_file(name)).products[0].symmetric_contractions.contractions[0]
        found[name] = contraction.U_matrix_3.shape
    assert found["reduced"][:-1] == found["first_layer_not_residual"][:-1]
    assert found["reduced"][-1] < found["first_layer_not_residual"][-1]


@pytest.mark.parametrize("name", ["vectors", "many_elements"])
def test_elements_that_the_model_lacks(specimen: Callable[..., Specimen], name: str) -> None:
    with pytest.raises(ValueError, match=r"does not know species Po; it knows H"):
        numbers_of(specimen(name).ours, Atoms("HPo", positions=[[0, 0, 0], [0, 0, 1.8]]))


def test_each_head_is_its_own_model(specimen: Callable[..., Specimen]) -> None:
    energies = []
    for head in ("pbe", "hybrid"):
        both = specimen("two_heads", head)
        atoms = both.structures["triclinic"]
        theirs, ours = numbers_of(both.theirs, atoms), numbers_of(both.ours, atoms)
        assert_same(ours, theirs)
        assert both.ours.description.task == head
        energies.append(ours.energy)
    assert abs(energies[0] - energies[1]) > 1e-2


def test_heads_are_named(model_file: Callable[[str], Path]) -> None:
    file = model_file("two_heads")
    assert list_heads(file) == ["pbe", "hybrid"]
    assert list_heads(model_file("plain")) == ["Default"]
    for head in (None, "pbe0"):
        with pytest.raises(ImportRefused, match=r"pbe, hybrid"):
            import_mace(file, head)
    with pytest.raises(ImportRefused, match="Default"):
        import_mace(model_file("plain"), "pbe")


@pytest.mark.parametrize("animal", [animal for animal in ZOO if animal.dtype == "float32"], ids=lambda a: a.name)
def test_single_precision_models(specimen: Callable[..., Specimen], animal: Animal) -> None:
    """Weights in float32 are taken over exactly, whatever precision they are evaluated in."""
    description = specimen(animal.name).ours.description
    assert description.manifest["default_precision"] == "mixed"
