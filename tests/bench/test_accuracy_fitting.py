# SPDX-License-Identifier: MIT
"""What the accuracy studies train and measure with, on a few frames of the bundled water."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import bench_scripts  # noqa: F401  (makes the benchmarks importable)
import numpy as np
import pytest
from ase import Atoms

from accuracy.fitting import fit, frames_of, predict, write_frames
from accuracy.tight_binding import labelled

WATER = Path(__file__).parents[2] / "examples" / "water" / "water.extxyz.xz"
CONFIG = {
    "model": {"architecture": "mace", "cutoff": 3.0, "channels": 4, "l_max": 1, "correlation": 2},
    "batch_size": 3,
}


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return sorted(frames_of(WATER), key=len)[:12]


def test_fit_takes_the_steps_and_is_not_done_twice(frames: list[Atoms], tmp_path: Path) -> None:
    path = write_frames(tmp_path / "water.extxyz", frames)
    config = {**CONFIG, "data": {"train": str(path), "split": {"validation": 0.25}}}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*do not determine")
        first = fit(config, tmp_path, steps=7, n_train=9)
        again = fit(config, tmp_path, steps=7, n_train=9)
    assert first.summary["steps"] == again.summary["steps"] == 9  # whole epochs of three steps
    assert again.checkpoint == first.checkpoint
    assert again.minutes == first.minutes > 0  # nothing was trained anew
    found = predict(first.checkpoint, path)
    assert found.sizes.tolist() == [len(atoms) for atoms in frames]
    np.testing.assert_allclose(found.reference_energy, [atoms.get_potential_energy() for atoms in frames])
    differences = found.forces - np.concatenate([atoms.get_forces() for atoms in frames])
    assert found.errors()["forces"] == pytest.approx(1e3 * np.sqrt((differences**2).mean()))


def test_labels_of_tight_binding(tmp_path: Path) -> None:
    water = Atoms("OHH", positions=[[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    states = {(0, 1): 0.0, (1, 2): 1.0, (0, 3): 0.0}
    energies = {}
    for charge, multiplicity in states:
        path = tmp_path / f"{charge}-{multiplicity}.extxyz"
        (found,) = labelled(path, [water], charge, multiplicity, spin_polarised=True)
        assert found.arrays["q"].sum() == pytest.approx(charge, abs=1e-6)
        assert found.info["spin_multiplicity"] == multiplicity
        energies[charge, multiplicity] = found.get_potential_energy()
        forces = found.get_forces()
        h = 1e-3
        for atom, axis in itertools.product(range(3), range(2)):
            ends = []
            for sign in (1, -1):
                moved = water.copy()
                moved.positions[atom, axis] += sign * h
                (end,) = labelled(tmp_path / "moved.extxyz", [moved], charge, multiplicity, spin_polarised=True)
                ends.append(end.get_potential_energy())
            assert forces[atom, axis] == pytest.approx(-(ends[0] - ends[1]) / (2 * h), abs=2e-3)
    assert energies[0, 1] < energies[0, 3] < energies[1, 2]
    # kept, not made again, as long as the geometries are the same
    path.write_text(path.read_text().replace("spin_multiplicity=3", "spin_multiplicity=5"))
    assert labelled(path, [water], 0, 3)[0].info["spin_multiplicity"] == 5
    water.positions[0, 0] += 0.1
    assert labelled(path, [water], 0, 3)[0].info["spin_multiplicity"] == 3
