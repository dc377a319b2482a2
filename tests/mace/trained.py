# SPDX-License-Identifier: MIT
"""A model trained by the package's own trainer on frames of the water data, as a user has it afterwards."""

from __future__ import annotations

import io
import lzma
import os
import subprocess
import sys
from pathlib import Path

import ase.io
from ase import Atoms

WATER = Path(__file__).parents[2] / "examples" / "water" / "water.extxyz.xz"
N_MOLECULES = 16  # the smallest frames
OPTIONS = {
    "name": "water",
    "train_file": "train.xyz",
    "valid_fraction": "0.25",
    "E0s": "{1: -10.923452, 8: -118.392338}",  # eV, of examples/water
    "energy_key": "energy_gfn1",
    "forces_key": "forces_gfn1",
    "model": "ScaleShiftMACE",
    "hidden_irreps": "8x0e + 8x1o",
    "r_max": "3.5",
    "max_ell": "2",
    "correlation": "2",
    "num_radial_basis": "6",
    "radial_MLP": "[16, 16]",
    "batch_size": "2",
    "valid_batch_size": "4",
    "max_num_epochs": "6",
    "lr": "0.02",
    "forces_weight": "10",
    "seed": "1",
    "plot": "False",
    "log_level": "ERROR",
}


def water_frames(count: int) -> list[Atoms]:
    """Frames of the smallest cell from all over the data, with their labels."""
    with lzma.open(WATER, "rt") as stream:
        frames = ase.io.read(io.StringIO(stream.read()), ":", format="extxyz")
    small = [frame for frame in frames if frame.info["n_molecules"] == N_MOLECULES]
    return small[:: len(small) // count][:count]


def train(folder: Path) -> Path:
    """Runs the package's command for some epochs; returns the model. Other files of the run stay beside it."""
    frames = water_frames(12)
    for frame in frames:
        frame.info["energy_gfn1"] = frame.get_potential_energy()
        frame.arrays["forces_gfn1"] = frame.get_forces()
        frame.calc = None
    ase.io.write(folder / "train.xyz", frames, format="extxyz")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    command = [str(Path(sys.executable).parent / "mace_run_train")]
    command += [f"--{name}={value}" for name, value in OPTIONS.items()] + ["--pair_repulsion"]
    options = {"capture_output": True, "text": True, "timeout": 300, "check": False}
    done = subprocess.run(command, cwd=folder, env=environment, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "water.model"
