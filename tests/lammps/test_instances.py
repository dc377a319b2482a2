# SPDX-License-Identifier: MIT
"""Several LAMMPS at a time, each with its model: instances in one Python process, and partitions of one job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import mlip, run_lammps
from reference import ase_state

from mlipkit.interfaces.lammps import find_program, write_data

SCRIPT = """
import json, sys
from mlipkit.interfaces.lammps import open_lammps

def start(model):
    lmp = open_lammps(["-screen", "none", "-log", "none"])
    lmp.commands_string(f'''
units metal
read_data water.data
pair_style mlip precision double
pair_coeff * * {model} H O
run 0
''')
    return lmp

def state(lmp):
    n = lmp.get_natoms()
    order = lmp.numpy.extract_atom("id")[:n].argsort()
    return lmp.get_thermo("pe"), lmp.numpy.extract_atom("f")[:n][order].tolist()

models = sys.argv[1:3]
instances = [start(model) for model in models]
results = [state(lmp) for lmp in instances]  # the first after the second was opened and run
for lmp in instances:
    lmp.command("displace_atoms all move 0.5 0 0")
    lmp.command("run 0")
results += [state(lmp) for lmp in instances]
message = ""
try:
    instances[0].command(f"pair_coeff * * {models[0]} H C")
except Exception as error:
    message = str(error)
instances[0].close()
instances[1].command("run 0")  # outlives the first
results.append(state(instances[1]))
instances[1].command("clear")
again = start(models[0])
results.append(state(again))
json.dump({"results": results, "message": message}, open("found.json", "w"))
"""

# Of two ranks the second is slow once LAMMPS is closed; with an argument the first fails where the second waits for it.
RANKS = """
import os, sys, time
from mlipkit.interfaces.lammps import open_lammps

lmp = open_lammps(["-screen", "none", "-log", "none"])
second = os.environ["PMI_RANK"] == "1"
if len(sys.argv) > 1 and not second:
    raise ValueError("nothing left to do")
lmp.command("units metal")
lmp.commands_string("region all block 0 1 0 1 0 1\\ncreate_box 1 all")
lmp.close()
with open(f"found{int(second)}", "w") as file:
    time.sleep(2.0 * second)
    file.write("done")
"""


@pytest.fixture(scope="module")
def found(
    cases: dict[str, Atoms], water_artifact: Path, vector_artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict:
    folder = tmp_path_factory.mktemp("instances")
    write_data(folder / "water.data", cases["bulk_water"], ["H", "O"])
    environment = {key: value for key, value in os.environ.items() if key != "LAMMPS_PLUGIN_PATH"}
    environment["OMP_NUM_THREADS"] = "1"
    command = [sys.executable, "-c", SCRIPT, str(water_artifact), str(vector_artifact)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads((folder / "found.json").read_text())


def test_instances_do_not_disturb_each_other(
    found: dict, cases: dict[str, Atoms], water_artifact: Path, vector_artifact: Path
) -> None:
    expected = [ase_state(path, cases["bulk_water"]) for path in (water_artifact, vector_artifact)]
    for (energy, forces), reference in zip(
        found["results"], [*expected, *expected, expected[1], expected[0]], strict=True
    ):
        assert abs(energy - reference.energy) < 1e-9 * abs(reference.energy)
        np.testing.assert_allclose(forces, reference.forces, rtol=0, atol=1e-8)


def test_errors_are_exceptions_and_the_process_goes_on(found: dict) -> None:
    assert "does not know species 'C'" in found["message"]


@pytest.mark.parametrize("fails", [False, True])
def test_ranks_wait_for_each_other_unless_one_fails(fails: bool, tmp_path: Path) -> None:
    command = [find_program("mpirun"), "-np", "2", sys.executable, "-c", RANKS, *(["fail"] if fails else [])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    if fails:
        assert done.returncode != 0
        assert "ValueError: nothing left to do" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert [(tmp_path / f"found{rank}").read_text() for rank in range(2)] == ["done", "done"]


def test_partitions_have_models_of_their_own(
    cases: dict[str, Atoms], water_artifact: Path, vector_artifact: Path, tmp_path: Path
) -> None:
    write_data(tmp_path / "water.data", cases["bulk_water"], ["H", "O"])
    deck = f"variable model world {water_artifact} {vector_artifact}\nvariable name world first second\nunits metal\n"
    deck += f"read_data water.data\n{mlip(Path('${model}'))}\nrun 0 post no\n"
    deck += 'print "$(pe:%.17g)" file ${name}.energy'
    finished = run_lammps(tmp_path, deck, ranks=2, options=["-partition", "2x1", "-log", "deck.log"])
    assert finished.code == 0, finished.output[-3000:]
    for name, artifact in (("first", water_artifact), ("second", vector_artifact)):
        expected = ase_state(artifact, cases["bulk_water"]).energy
        assert abs(float((tmp_path / f"{name}.energy").read_text()) - expected) < 1e-9 * abs(expected)
