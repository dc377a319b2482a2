# SPDX-License-Identifier: MIT
"""Graphs and batches: edges, labels, reference energies, collation, statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import write
from ase.neighborlist import neighbor_list
from labelled_samples import Reader, labelled

from mlipkit.data.errors import DataError
from mlipkit.data.graphs import GraphBuilder, add_reference_energies, collate
from mlipkit.data.labels import Wanted
from mlipkit.data.statistics import statistics
from mlipkit.data.table import Tables

CUTOFF = 4.5


@pytest.fixture
def structures(tmp_path: Path, read_file: Reader) -> list:
    """A small triclinic cell (narrower than the cutoff), a slab, a molecule and an isolated atom."""
    slab = labelled(1)
    slab.pbc = (True, False, True)
    frames = [labelled(0, cell=4.0), slab, labelled(2, cell=None), labelled(3, "H", cell=None)]
    for atoms in frames:
        atoms.arrays["q"] = np.arange(len(atoms), dtype=float)
    write(tmp_path / "a.extxyz", frames)
    return read_file(tmp_path / "a.extxyz", Wanted(), keys={"outputs": {"charges": "q"}})


@pytest.fixture
def builder() -> GraphBuilder:
    return GraphBuilder(["H", "O"], CUTOFF, ["default"], torch.float64, {"charges": 1})


def test_edges_are_those_of_ase(structures: list, builder: GraphBuilder) -> None:
    for structure in structures:
        graph = builder.graph(structure)
        i, j, vectors = neighbor_list("ijD", structure.to_atoms(), CUTOFF)
        ours = np.column_stack([graph.centre, graph.neighbour, graph.r_ij.numpy().round(8)])
        theirs = np.column_stack([i, j, vectors.round(8)])
        np.testing.assert_allclose(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)], atol=1e-7)
        assert (graph.centre.diff() >= 0).all()
    assert builder.graph(structures[3]).r_ij.shape == (0, 3)


def test_collate_is_the_disjoint_union(structures: list, builder: GraphBuilder) -> None:
    graphs = [builder.graph(structure) for structure in structures]
    add_reference_energies(graphs, [{"H": -1.0, "O": -20.0}], ["H", "O"])
    batch = collate(graphs)
    assert batch.n_structures == 4
    assert batch.n_atoms.tolist() == [3, 3, 3, 1]
    assert batch.structure.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3]
    assert batch.e0.tolist() == [-22.0, -22.0, -22.0, -1.0]
    assert (batch.centre.diff() >= 0).all()
    start = 0
    for index, graph in enumerate(graphs):
        own = batch.structure[batch.centre] == index
        assert torch.equal(batch.centre[own], graph.centre + start)
        assert torch.equal(batch.neighbour[own], graph.neighbour + start)
        assert torch.equal(batch.r_ij[own], graph.r_ij)
        start += graph.species.shape[0]
    assert batch.stress.isnan().any(dim=1).tolist() == [False, True, True, True]
    assert batch.volume.isnan().tolist() == [False, True, True, True]
    assert batch.outputs["charges"].shape == (10, 1)
    # a batch of batches is the same batch
    twice = collate([collate(graphs[:2]), collate(graphs[2:])])
    for name in ("r_ij", "centre", "neighbour", "structure", "energy", "forces"):
        assert torch.equal(getattr(twice, name), getattr(batch, name)), name


def test_without_edges_their_memory_is_free(structures: list, builder: GraphBuilder) -> None:
    batch = collate([builder.graph(structure) for structure in structures])
    slim = batch.without_edges()
    assert slim.r_ij.shape == (0, 3)
    assert sum(getattr(slim, name).untyped_storage().nbytes() for name in ("r_ij", "centre", "neighbour")) == 0
    assert slim.forces is batch.forces
    assert slim.n_structures == batch.n_structures


def test_energies_stay_double_in_single_precision(structures: list) -> None:
    graph = GraphBuilder(["H", "O"], CUTOFF, ["default"], torch.float32, {}).graph(structures[0])
    assert graph.energy.dtype == torch.float64
    assert graph.forces.dtype == graph.r_ij.dtype == torch.float32


def test_what_a_model_cannot_take(structures: list) -> None:
    with pytest.raises(DataError, match=r"frame 0: the model does not know species 'O'; it knows H"):
        GraphBuilder(["H"], CUTOFF, ["default"], torch.float64).graph(structures[0])
    with pytest.raises(DataError, match="unknown task 'default'; did you mean 'defaults'"):
        GraphBuilder(["H", "O"], CUTOFF, ["defaults"], torch.float64).graph(structures[0])
    with pytest.raises(DataError, match=r"output 'charges' has shape \[3\], the model gives 2 per atom"):
        GraphBuilder(["H", "O"], CUTOFF, ["default"], torch.float64, {"charges": 2}).graph(structures[0])
    structures[2].positions[1] = structures[2].positions[0] + 0.01
    with pytest.raises(DataError, match=r"frame 2: atoms 0 \(O\) and 1 \(H\) lie on top of each other"):
        GraphBuilder(["H", "O"], CUTOFF, ["default"], torch.float64).graph(structures[2])


def test_statistics(structures: list, builder: GraphBuilder) -> None:
    graphs = [builder.graph(structure) for structure in structures]
    found = statistics(Tables().of(structures, graphs), {"default": {"H": -1.0, "O": -20.0}})
    energies = np.array([(s.energy - e0) / len(s) for s, e0 in zip(structures, [-22, -22, -22, -1], strict=True)])
    forces = np.concatenate([s.forces for s in structures])
    n_edges = sum(len(neighbor_list("i", s.to_atoms(), CUTOFF)) for s in structures)
    assert found.avg_num_neighbours == pytest.approx(n_edges / 10)
    assert found.energy_mean == pytest.approx(energies.mean())
    assert found.energy_std == pytest.approx(energies.std())
    assert found.forces_rms == pytest.approx(np.sqrt((forces**2).mean()))
    assert found.stress_rms == pytest.approx(np.sqrt((structures[0].stress ** 2).mean()))
    assert (found.n_energies, found.n_forces, found.n_stresses) == (4, 4, 1)
    assert found.atoms_per_species == {"H": 7, "O": 3}
    assert found.structures_per_config_type == {"liquid": 4}


def test_statistics_without_some_labels(structures: list, builder: GraphBuilder) -> None:
    for structure in structures:
        structure.forces = structure.stress = None
    graphs = [builder.graph(structure) for structure in structures]
    found = statistics(Tables().of(structures, graphs), {"default": {"H": -1.0, "O": -20.0}})
    assert np.isnan(found.forces_rms)
    assert np.isnan(found.stress_rms)
    assert found.n_forces == 0
