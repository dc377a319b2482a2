# SPDX-License-Identifier: MIT
"""The learning curve of the accuracy study, on a few frames of the bundled water."""

from __future__ import annotations

from pathlib import Path

import bench_scripts  # noqa: F401  (makes the benchmarks importable)
import pytest
import yaml
from ase import Atoms

from accuracy.fitting import frames_of, write_frames
from accuracy.learning_curve import FITTED, Study, extrapolated
from accuracy.sets import DataSet, Test

WATER = Path(__file__).parents[2] / "examples" / "water" / "water.extxyz.xz"
E0 = {"H": -13.6, "O": -2041.3}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    frames: list[Atoms] = sorted(frames_of(WATER), key=len)[:12]
    write_frames(tmp_path / "data" / "train.extxyz", frames[:8])
    write_frames(tmp_path / "data" / "test.extxyz", frames[8:])
    content = {
        "threads": 1,
        "data": {
            "train": ["train.extxyz"],
            "split": {"validation": 0.25},
            "tasks": {"default": {"e0": E0}},
        },
        "model": {"architecture": "mace", "cutoff": 3.0, "channels": 4, "l_max": 1, "correlation": 2},
        "batch_size": 1,
        "epochs": 100,
    }
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(content))
    chosen = DataSet("water", str(config), (Test("hot", "test.extxyz"),), per_atom=True)
    return Study(chosen, tmp_path / "data", tmp_path / "out", 2, [], 1)


def test_half_of_the_structures_in_as_many_steps(study: Study) -> None:
    row = study.part(2)
    assert row["structures"] == 3  # every second of eight, a quarter of them for validation
    assert row["epochs"] == 4
    assert row["steps"] == 12  # as two epochs of the six without those for validation
    assert set(row["errors"]) == {FITTED, "hot"}
    assert row["errors"]["hot"]["frames"] == 4
    fitted, held_out = (frames_of(study.folder / "water-2" / f"{name}.extxyz") for name in ("train", "validation"))
    every_second = frames_of(study.data / "train.extxyz")[::2]
    energies = [one.get_potential_energy() for one in [*held_out, *fitted]]
    assert energies == [one.get_potential_energy() for one in every_second]


def test_power_law() -> None:
    def row(structures: int, energy: float, forces: float) -> dict[str, object]:
        errors = {FITTED: {}, "hot": {"energy_meV": energy, "forces_meV_per_A": forces}}
        return {"set": "any", "structures": structures, "errors": errors}

    found = extrapolated(row(100, 8.0, 30.0), row(400, 2.0, 15.0))  # powers -1 and -1/2
    assert found["structures"] == 800
    assert found["errors"]["hot"]["energy_meV"] == pytest.approx(1.0)
    assert found["errors"]["hot"]["forces_meV_per_A"] == pytest.approx(15.0 / 2**0.5)
