# SPDX-License-Identifier: MIT
"""The model on a GPU, where there is one: any number of ranks that share it give what the processor gives. Which GPU a
rank takes where a machine has several is asked everywhere, of a machine that only seems to have three."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from decks import Setting, evaluate, mlip, run_lammps
from reference import ase_state

from mlipkit.interfaces.lammps import write_data

ENERGY, FORCE, VIRIAL = 1e-9, 1e-8, 1e-7  # relative; eV/angstrom; eV
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
NAMES = ["bulk_water", "triclinic", "two_atom_cell", "slab", "molecule", "corner"]


@ON_GPU
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_same_as_on_the_processor(
    cases: dict[str, Atoms], water_artifact: Path, vector_artifact: Path, ranks: int, tmp_path: Path
) -> None:
    models = {"scalars": water_artifact, "vectors": vector_artifact}
    pairs = {kind: mlip(path, options="precision double device cuda") for kind, path in models.items()}
    settings = [Setting(f"{name}_{kind}", cases[name], pair=pair) for name in NAMES for kind, pair in pairs.items()]
    found = evaluate(tmp_path, settings, ranks)
    for kind, path in models.items():
        for name in NAMES:
            state, expected = found[f"{name}_{kind}"], ase_state(path, cases[name])
            assert abs(state.energy - expected.energy) <= ENERGY * abs(expected.energy), name
            np.testing.assert_allclose(state.forces, expected.forces, rtol=0, atol=FORCE, err_msg=name)
            np.testing.assert_allclose(state.virial, expected.virial, rtol=0, atol=VIRIAL, err_msg=name)
            np.testing.assert_allclose(state.energies, expected.energies, rtol=0, atol=1e-8, err_msg=name)
            np.testing.assert_allclose(state.virials, expected.virials, rtol=0, atol=VIRIAL, err_msg=name)


TRAJECTORY = """
units metal
read_data atoms.data
{pair}
velocity all create 300 1
neighbor 0.5 bin
timestep 0.0005
fix 1 all nve
thermo_style custom step etotal
thermo_modify format float %.12g
thermo 100
run 100
dump 1 all custom 1 {name}.dump id x y z
dump_modify 1 sort id format float %.17g
run 0 post no
"""


@ON_GPU
def test_same_trajectory(cases: dict[str, Atoms], vector_artifact: Path, tmp_path: Path) -> None:
    """After 100 steps, on two ranks that share the GPU and on one of the processor."""
    write_data(tmp_path / "atoms.data", cases["bulk_water"], ["H", "O"])
    positions = {}
    for device, ranks in (("cuda", 2), ("cpu", 1)):
        pair = mlip(vector_artifact, options=f"precision double device {device}")
        finished = run_lammps(tmp_path, TRAJECTORY.format(pair=pair, name=device), ranks=ranks)
        assert finished.code == 0, finished.output[-3000:]
        positions[device] = np.loadtxt(tmp_path / f"{device}.dump", skiprows=9)
    assert np.abs(positions["cuda"] - positions["cpu"]).max() < 1e-8


@pytest.fixture
def three_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that this test starts count three."""
    source, library = tmp_path / "three.c", tmp_path / "libthree.so"
    source.write_text("int mlip_count_cuda_devices(int *n) { *n = 3; return 0; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))


IN_PARTITIONS = """
variable other world {others}
if "${{other}} == 1" then "shell sleep 60"
units metal
boundary f f f
read_data atoms.data
{pair}
run 0
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="without a GPU a rank says which one it did not get")
@pytest.mark.usefixtures("three_gpus")
@pytest.mark.parametrize(("partition", "gpu"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_partitions_of_a_machine_take_its_gpus_in_turn(
    cases: dict[str, Atoms], water_artifact: Path, partition: int, gpu: int, tmp_path: Path
) -> None:
    """One says which it wanted; the others wait and are ended with it."""
    write_data(tmp_path / "atoms.data", cases["molecule"], ["H", "O"])
    others = " ".join(str(int(other != partition)) for other in range(4))
    deck = IN_PARTITIONS.format(others=others, pair=mlip(water_artifact, options="device cuda"))
    finished = run_lammps(tmp_path, deck, ranks=4, options=["-partition", "4x1", "-log", "deck.log"])
    assert finished.code != 0
    log = (tmp_path / f"deck.log.{partition}").read_text()
    assert re.findall(r"^ERROR.*(cuda:\d)", log, re.MULTILINE) == [f"cuda:{gpu}"], log
