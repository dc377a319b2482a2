# SPDX-License-Identifier: MIT
"""Platforms that keep positions on a device (CUDA, HIP, OpenCL), where there is one: they agree with Reference.

Where OpenCL's device is a processor, also with the engine's CUDA kernels emulated: both share their memory then, as on
a GPU, and positions and forces stay in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from ase import Atoms
from emulated_library import EmulatedLibrary, kernel_library
from mixed_systems import dipeptide_in_water
from openmm import app
from openmm_systems import EV, State, ase_state, assert_same, make_force, make_system, state_of

from mlipkit.openmm import MLIPForce, createMixedSystem

KNOWN = {openmm.Platform.getPlatform(index).getName() for index in range(openmm.Platform.getNumPlatforms())}
DEVICES = sorted(KNOWN & {"CUDA", "HIP", "OpenCL"})
pytestmark = pytest.mark.skipif(not DEVICES, reason=f"OpenMM has only the platforms {', '.join(sorted(KNOWN))}")
# Relative errors of energies (sums of numbers of all sizes) and absolute ones of forces in eV/angstrom
ALLOWED = {"double": (1e-9, 1e-7), "mixed": (1e-6, 1e-4), "single": (1e-6, 1e-3)}
PRECISIONS = pytest.mark.parametrize("precision", ["single", "mixed", "double"])
EMULATED = ["OpenCL with emulated CUDA"] if "OpenCL" in DEVICES else []


@pytest.fixture(params=[*DEVICES, *EMULATED] or ["none"])
def platform(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param not in EMULATED:
        yield request.param
        return
    if not runs_on_a_processor():
        pytest.skip("OpenCL runs on a GPU here")
    library = EmulatedLibrary(kernel_library())
    torch.ops.mlip.emulate_cuda(str(library.path))
    yield "OpenCL"
    torch.ops.mlip.emulate_cuda("")
    assert library.blocks() > 0, "no kernel was run"


def runs_on_a_processor() -> bool:
    system = openmm.System()
    system.addParticle(1.0)
    opencl = openmm.Platform.getPlatformByName("OpenCL")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), opencl)
    return opencl.getPropertyValue(context, "OpenCLPlatformName") == "Portable Computing Language"


def device_of(platform: str) -> str:
    """Where the model runs."""
    return "cuda" if platform == "CUDA" and torch.cuda.is_available() else "cpu"


def context_of(
    system: openmm.System, positions: np.ndarray, platform: str, precision: str, step: float = 0.0001
) -> openmm.Context:
    """Positions in nm."""
    chosen = openmm.Platform.getPlatformByName(platform)
    context = openmm.Context(system, openmm.VerletIntegrator(step), chosen, {"Precision": precision})
    context.setPositions(positions)
    return context


@PRECISIONS
@pytest.mark.parametrize("name", ["bulk_water", "triclinic", "molecule", "two_atom_cell"])
def test_energy_and_forces(
    vector_artifact: Path, cases: dict[str, Atoms], name: str, precision: str, platform: str
) -> None:
    atoms = cases[name]
    system = make_system(atoms, make_force(vector_artifact, atoms, device=device_of(platform)))
    energy, force = ALLOWED[precision]
    found = state_of(context_of(system, atoms.positions * 0.1, platform, precision))
    assert_same(found, ase_state(vector_artifact, atoms), energy, force)


@PRECISIONS
def test_part_factor_and_derivative(
    vector_artifact: Path, cases: dict[str, Atoms], precision: str, platform: str
) -> None:
    """Positions reach the particles of the model in its order, and forces the particles of the System."""
    atoms = cases["bulk_water"]
    chosen = np.random.default_rng(2).permutation(len(atoms))[:20].tolist()
    options = {"atoms": chosen, "scale_parameter": "lambda", "device": device_of(platform)}
    force = make_force(vector_artifact, atoms[chosen], **options)
    context = context_of(make_system(atoms, force), atoms.positions * 0.1, platform, precision)
    expected = ase_state(vector_artifact, atoms[chosen])
    forces = np.zeros((len(atoms), 3))
    forces[chosen] = expected.forces
    for factor in (1.0, 0.25):
        context.setParameter("lambda", factor)
        assert_same(state_of(context), State(factor * expected.energy, factor * forces), *ALLOWED[precision])
        slope = context.getState(parameterDerivatives=True).getEnergyParameterDerivatives()["lambda"]
        assert slope / EV == pytest.approx(expected.energy, rel=ALLOWED[precision][0])


def test_outputs(ensemble_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    atoms = cases["bulk_water"]
    force = make_force(ensemble_artifact, atoms, device=device_of(platform))
    found = force.getOutput(
        context_of(make_system(atoms, force), atoms.positions * 0.1, platform, "double"), "force_sigma"
    )
    other = make_force(ensemble_artifact, atoms)
    reference = openmm.Context(
        make_system(atoms, other), openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    reference.setPositions(atoms.positions * 0.1)
    np.testing.assert_allclose(found, other.getOutput(reference, "force_sigma"), rtol=1e-8)


@pytest.mark.parametrize("periodic", [True, False])
def test_atoms_that_the_platform_has_sorted(organic_artifact: Path, periodic: bool, platform: str) -> None:
    """With a cutoff the platform sorts atoms and wraps molecules into the box; a model without images sees them where
    they were."""
    mixture = dipeptide_in_water(app.CutoffPeriodic)
    atoms = [*range(22), 700, 701, 702]
    force = MLIPForce(
        organic_artifact,
        topology=mixture.topology,
        atoms=atoms,
        periodic=periodic,
        precision="double",
        device=device_of(platform),
    )
    force.setForceGroup(3)
    mixture.system.addForce(force)
    positions = mixture.positions.copy()
    positions[700:703] += 2.2 * np.array([3, 0, -1])
    positions[:22] -= 2.2
    found = context_of(mixture.system, positions, platform, "double", step=0.00001)
    found.getIntegrator().step(3)
    state = found.getState(positions=True)
    reference = openmm.Context(
        mixture.system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    reference.setPositions(state.getPositions(asNumpy=True))
    assert_same(state_of(found, groups={3}), state_of(reference, groups={3}), 1e-9, 1e-6)


def test_mixed_system(organic_artifact: Path, platform: str) -> None:
    mixture = dipeptide_in_water(app.CutoffPeriodic)
    system = createMixedSystem(
        mixture.topology, mixture.system, mixture.atoms, organic_artifact, interpolate=True, precision="double"
    )
    found = context_of(system, mixture.positions, platform, "double")
    reference = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    reference.setPositions(mixture.positions)
    for factor in (0.0, 0.6, 1.0):
        for context in (found, reference):
            context.setParameter("lambda_interpolate", factor)
        assert_same(state_of(found), state_of(reference), 1e-5, 1e-3)  # of the classical forces there
