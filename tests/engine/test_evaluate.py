# SPDX-License-Identifier: MIT
"""Energies, forces, virials and outputs of the engine against plain torch, on structures of every awkward kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from engine_toy import CHANNELS, CUTOFF, E0, SPECIES, Reference, Toy
from random_cells import KINDS, Case, random_case

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.neighbours import NeighbourList

TOLERANCE = {"double": 1e-11, "mixed": 2e-5, "single": 2e-5}  # rounding of 1e-16 and 6e-8 in some hundred operations


def structure(kind: str, seed: int) -> tuple[Case, list[int]]:
    case = random_case(kind, seed)
    species = np.random.default_rng(seed).integers(0, len(SPECIES), len(case.positions))
    return Case(case.positions, case.cell, case.pbc, CUTOFF), species.tolist()


@pytest.mark.parametrize("precision", ["double", "mixed", "single"])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_plain_torch(toy_artifact: Path, kind: str, precision: str) -> None:
    engine = Engine(toy_artifact, precision=precision, task="hf")
    engine.set_condition("total_charge", -1.0)
    tolerance = TOLERANCE[precision]
    for seed in range(4):
        case, species = structure(kind, seed)
        result = engine.compute(species, case.positions, case.cell, case.pbc, energies=True, virials=True)
        reference = Reference(Toy(), case, species, task=1, charge=-1.0)
        e0 = np.array([E0["hf"][SPECIES[k]] for k in species])
        scale = max(1.0, np.abs(reference.forces).max(), len(reference.r_ij) / 100)
        assert result.energies is not None
        assert result.virials is not None
        np.testing.assert_allclose(result.energies, reference.energies + e0, rtol=1e-15, atol=tolerance * scale)
        np.testing.assert_allclose(result.energy, result.energies.sum(), rtol=1e-14)
        np.testing.assert_allclose(result.forces, reference.forces, atol=tolerance * scale)
        np.testing.assert_allclose(result.virial, reference.virial, atol=3 * tolerance * scale)
        np.testing.assert_allclose(result.virials.sum(axis=0), result.virial, atol=1e-12 * scale)


def test_graph_and_structure_agree_and_are_deterministic(toy_artifact: Path) -> None:
    torch.set_num_threads(1)
    case, species = structure("triclinic", 7)
    edges = NeighbourList(CUTOFF).update(case.positions, case.cell, case.pbc)
    results = []
    for _ in range(2):
        engine = Engine(toy_artifact, task="pbe", threads=1)
        for _ in range(2):
            results.append(engine.evaluate(species, edges.centre, edges.neighbour, edges.r_ij, virials=True))
        results.append(engine.compute(species, case.positions, case.cell, case.pbc, virials=True))
    for result in results[1:]:
        assert result.energy == results[0].energy
        np.testing.assert_array_equal(result.forces, results[0].forces)
        np.testing.assert_array_equal(result.virials, results[0].virials)


def test_edge_gradients_and_the_split_of_the_virial(engine: Engine) -> None:
    case, species = structure("triclinic", 7)
    edges = NeighbourList(CUTOFF).update(case.positions, case.cell, case.pbc)
    graph = (species, edges.centre, edges.neighbour, edges.r_ij)
    result = engine.evaluate(*graph, edge_gradients=True, virials=True)
    g = result.edge_gradients
    assert g is not None
    reference = Reference(Toy(), case, species, task=0, charge=0.0)
    assert reference.gradients is not None
    np.testing.assert_allclose(np.sort(g, axis=0), np.sort(reference.gradients.numpy(), axis=0), atol=1e-12)
    outer = -np.einsum("ea,eb->eab", edges.r_ij, g)
    outer = 0.5 * (outer + outer.transpose(0, 2, 1))
    six = np.stack([outer[:, a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))], axis=1)
    virials = np.zeros((len(species), 6))
    np.add.at(virials, edges.centre, 0.5 * six)
    np.add.at(virials, edges.neighbour, 0.5 * six)
    np.testing.assert_allclose(result.virials, virials, atol=1e-12)
    assert result.energies is None
    assert engine.evaluate(*graph).edge_gradients is None


def test_edges_beyond_the_cutoff_contribute_nothing(engine: Engine) -> None:
    case, species = structure("triclinic", 7)
    near = NeighbourList(CUTOFF).update(case.positions, case.cell, case.pbc)
    far = NeighbourList(CUTOFF + 1.0).update(case.positions, case.cell, case.pbc)
    assert len(far) > len(near)
    a, b = (engine.evaluate(species, e.centre, e.neighbour, e.r_ij) for e in (near, far))
    np.testing.assert_allclose(a.forces, b.forces, atol=1e-12)
    np.testing.assert_allclose(a.energy, b.energy, rtol=1e-15)


def test_no_atoms_isolated_atom_and_two_far_atoms(engine: Engine) -> None:
    nothing = engine.compute([], np.zeros((0, 3)))
    assert nothing.energy == 0.0
    assert not nothing.virial.any()
    one = engine.compute([2], np.zeros((1, 3)))
    assert one.energy < -7880
    assert not one.forces.any()
    two = engine.compute([2, 2], [[0.0, 0, 0], [0, 0, 50.0]])
    assert two.energy == pytest.approx(2 * one.energy, rel=1e-15)


def test_species_in_use_are_the_callers(toy_artifact: Path) -> None:
    case, species = structure("triclinic", 7)
    full = Engine(toy_artifact, task="pbe").compute(species, case.positions, case.cell, case.pbc)
    mine = Engine(toy_artifact, species=["Si", "H", "O", "H"], task="pbe")
    renamed = [[1, 2, 0][k] for k in species]
    result = mine.compute(renamed, case.positions, case.cell, case.pbc)
    np.testing.assert_array_equal(result.forces, full.forces)
    assert result.energy == full.energy
    assert mine.describe().species == ["Si", "H", "O", "H"]
    assert mine.describe().masses == [28.085, 1.008, 15.999, 1.008]


def test_outputs(engine: Engine) -> None:
    case, species = structure("triclinic", 7)
    engine.compute(species, case.positions, case.cell, case.pbc)
    assert engine.output("charges").shape == (len(species), 1)
    moments = engine.output("moments")
    assert moments.shape == (len(species), CHANNELS)
    assert (moments >= 0).all()
    assert moments.any()
    engine.compute([0], np.zeros((1, 3)))
    assert engine.output("moments").shape == (1, CHANNELS)


def test_conditions_change_the_result_by_default_and_when_set(toy_artifact: Path) -> None:
    case, species = structure("triclinic", 7)
    arguments = (species, case.positions, case.cell, case.pbc)
    engine = Engine(toy_artifact, task="pbe")
    neutral = engine.compute(*arguments).forces
    engine.set_condition("total_charge", 2.0)
    charged = engine.compute(*arguments).forces
    np.testing.assert_allclose(charged, Reference(Toy(), case, species, 0, 2.0).forces, atol=1e-11)
    assert np.abs(charged - neutral).max() > 1e-3
    engine.set_condition("total_charge", 0.0)
    np.testing.assert_array_equal(engine.compute(*arguments).forces, neutral)


def test_description(engine: Engine) -> None:
    about = engine.describe()
    assert (about.architecture, about.precision, about.device, about.task) == ("toy", "double", "cpu", "pbe")
    assert (about.cutoff, about.interaction_range, about.n_layers) == (CUTOFF, 2 * CUTOFF, 2)
    assert (about.halo_exchanges, about.halo_values_per_ghost) == (1, CHANNELS)
    assert about.outputs == ["charges", "moments"]
    assert about.manifest["authors"] == ["Å. Übermut"]
    assert torch.__version__.startswith(about.torch_version)
    assert about.n_probes == 5
    assert 0 < about.probe_seconds < 30
    assert about.probe_energy_error < 1e-12
    assert about.probe_force_error < 1e-12


def test_only_probes_of_the_species_in_use_are_evaluated(toy_artifact: Path) -> None:
    assert Engine(toy_artifact, species=["O"], task="pbe").describe().n_probes == 1
    assert Engine(toy_artifact, species=["O", "Si", "O"], task="hf").describe().n_probes == 3


def test_settings_of_other_torch_users_are_left_alone(engine: Engine) -> None:
    case, species = structure("triclinic", 7)
    with torch.no_grad(), torch.inference_mode():
        forces = engine.compute(species, case.positions, case.cell, case.pbc).forces
        assert not torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(engine.compute(species, case.positions, case.cell, case.pbc).forces, forces)
        assert torch.is_autocast_enabled("cpu")
    assert torch.autograd.is_multithreading_enabled()
    assert torch._C._get_graph_executor_optimize()
