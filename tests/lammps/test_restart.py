# SPDX-License-Identifier: MIT
"""Restart and data files: settings and model come back, runs go on unchanged, other model files are refused."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import mlip, read_snapshot, refused, run_lammps, snapshot
from reference import assert_snapshot_is_what_ase_gives

from mlipkit.interfaces.lammps import write_data

HEAVY = "precision double tables yes mass_check no"  # not the defaults of the model
MOTION = """
velocity all create 300 4242 loop geom
fix integrate all nve
timestep 0.0005
restart {every} {name}.*.restart
run {steps} post no
restart 0
"""
GO_ON = "clear\nread_restart {name}.{step}.restart\n{more}\nfix integrate all nve\nrun {steps} post no\n"
ENERGY = 'run 0 post no\nprint "$(pe:%.17g)" file {}.energy screen no\n'


@pytest.fixture(scope="module")
def folder(
    cases: dict[str, Atoms],
    water_artifact: Path,
    vector_artifact: Path,
    two_task_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Everything in one job of two ranks; the tests read its files. Models are named relative to the folder."""
    place = tmp_path_factory.mktemp("restart")
    for name, source in (("water", water_artifact), ("vector", vector_artifact), ("two_task", two_task_artifact)):
        shutil.copy(source, place / f"{name}.pt")
    write_data(place / "atoms.data", cases["bulk_water"], ["H", "O"])
    begin = "clear\nunits metal\nread_data atoms.data\n"

    deck = begin + "mass 1 2.014\n" + mlip(Path("water.pt"), options=HEAVY)
    deck += MOTION.format(name="plain", every=10, steps=20) + snapshot("uninterrupted")
    deck += GO_ON.format(name="plain", step=10, steps=10, more="") + snapshot("continued")
    deck += "write_data written.data\nclear\nunits metal\nread_data written.data\n"
    deck += mlip(Path("water.pt"), options=HEAVY) + snapshot("from_data")

    deck += begin + mlip(Path("two_task.pt"), options="task hybrid charge 1 spin 4 precision double") + "\n"
    deck += ENERGY.format("task") + "write_restart task.0.restart\nclear\nread_restart task.0.restart\n"
    deck += ENERGY.format("task_again")

    overlay = "pair_coeff * * mlip 1 water.pt H O\npair_coeff * * mlip 2 vector.pt H O\npair_coeff * * zbl 8 8\n"
    deck += begin + "pair_style hybrid/overlay mlip precision double tables yes mlip precision double zbl 1 1.5\n"
    deck += overlay + MOTION.format(name="hybrid", every=5, steps=10) + snapshot("hybrid")
    deck += GO_ON.format(name="hybrid", step=5, steps=5, more=overlay) + snapshot("hybrid_again")
    deck += "clear\nread_restart hybrid.5.restart\n" + overlay.replace("1 water", "1 vector") + "run 0\n"

    deck += "clear\nread_restart plain.20.restart\npair_style mlip precision double tables no mass_check no\n"
    deck += snapshot("other_options")
    deck += "clear\nread_restart plain.20.restart\npair_coeff * * vector.pt H O\n" + snapshot("other_model")
    finished = run_lammps(place, deck, ranks=2)
    assert finished.code == 0, finished.output[-4000:]
    (place / "output.txt").write_text(finished.output)
    return place


def assert_same_state(folder: Path, first: str, second: str, tolerance: float) -> None:
    a, b = (read_snapshot(folder, name, "HO") for name in (first, second))
    assert np.array_equal(a.tags, b.tags)
    np.testing.assert_allclose(a.atoms.positions, b.atoms.positions, rtol=0, atol=tolerance)
    np.testing.assert_allclose(a.forces, b.forces, rtol=0, atol=tolerance)
    assert abs(a.energy - b.energy) <= 1e-12 * abs(a.energy)


def test_a_continued_run_is_the_uninterrupted_one(folder: Path, cases: dict[str, Atoms]) -> None:
    """To the last bit: the options came back, which are not the model's defaults, and so did the isotope's leave."""
    assert_same_state(folder, "uninterrupted", "continued", 0.0)
    moved = read_snapshot(folder, "continued", "HO").atoms.positions - cases["bulk_water"].positions
    assert np.abs(moved).max() > 0.05


def test_what_is_printed_is_what_was_printed(folder: Path) -> None:
    lines = re.findall(r"^mlip .*?model (\S+) .*?(precision.*?, threads)", (folder / "output.txt").read_text(), re.M)
    assert lines[0] == lines[1] == ("water.pt", "precision double, radial tables, threads")


def test_data_files_keep_positions(folder: Path) -> None:
    assert_same_state(folder, "continued", "from_data", 1e-9)


def test_task_and_conditions_come_back(folder: Path) -> None:
    first, second = (folder / f"{name}.energy" for name in ("task", "task_again"))
    assert first.read_text() == second.read_text()


def test_hybrid_styles_keep_the_options_of_each(folder: Path) -> None:
    """Their pair_coeff is given again, as LAMMPS wants it."""
    assert_same_state(folder, "hybrid", "hybrid_again", 1e-10)  # the order of a sum may differ
    output = (folder / "output.txt").read_text()
    radial = re.findall(r"^mlip .*?model (\S+) .*?radial (\w+)", output, re.MULTILINE)
    pair = [("water.pt", "tables"), ("vector.pt", "networks")]
    assert radial[radial.index(pair[1]) - 1 :][:4] == pair * 2


def test_options_can_be_given_again(folder: Path, water_artifact: Path) -> None:
    """Before the model is opened: the file of the restart with other options."""
    assert_snapshot_is_what_ase_gives(read_snapshot(folder, "other_options", "HO"), water_artifact)


def test_another_model_can_be_given_and_is_reported(folder: Path, vector_artifact: Path) -> None:
    state = read_snapshot(folder, "other_model", "HO")
    state_without_tables = read_snapshot(folder, "uninterrupted", "HO")
    assert np.abs(state.forces - state_without_tables.forces).max() > 1e-3
    output = (folder / "output.txt").read_text()
    sums = [hashlib.sha256((folder / f"{name}.pt").read_bytes()).hexdigest() for name in ("vector", "water")]
    warning = f"model vector.pt (SHA-256 {sums[0]}) is not the one of the restart file (SHA-256 {sums[1]})"
    assert output.count(warning) == 2  # also for the sub-style of the hybrid style


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_model_that_is_not_the_same_stops_the_run(
    folder: Path, vector_artifact: Path, tmp_path: Path, change: str
) -> None:
    if change == "other":
        shutil.copy(vector_artifact, tmp_path / "water.pt")
    message = refused(tmp_path, f"read_restart {folder}/plain.20.restart\nrun 0")
    expected = hashlib.sha256((folder / "water.pt").read_bytes()).hexdigest()
    assert f"was written with model water.pt (SHA-256 {expected}), which" in message
    if change == "gone":
        assert "which cannot be read now; put that file back" in message
    else:
        found = hashlib.sha256(vector_artifact.read_bytes()).hexdigest()
        assert f"is another file now (SHA-256 {found})" in message
    assert "or give pair_coeff after read_restart" in message


def test_a_sub_style_has_no_model_before_its_pair_coeff(folder: Path) -> None:
    deck = "read_restart hybrid.5.restart\ncompute s all mlip/atom charges index 1"
    finished = run_lammps(folder, deck)
    assert finished.code != 0
    assert "give pair_style mlip and pair_coeff before" in finished.output


def test_computes_find_the_model_of_the_restart_file(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path
) -> None:
    """They are defined before the first run, when the model is not open yet."""
    write_data(tmp_path / "atoms.data", cases["molecule"].copy(), ["H", "O"])
    compute = "compute s all mlip/global energy_sigma\nthermo_style custom step c_s\nrun 0 post no\n"
    deck = "units metal\nboundary f f f\nread_data atoms.data\n" + mlip(ensemble_artifact) + "\n" + compute
    deck += 'print "$(c_s)"\nwrite_restart s.restart\nclear\nread_restart s.restart\n' + compute + 'print "$(c_s)"'
    finished = run_lammps(tmp_path, deck)
    assert finished.code == 0, finished.output[-3000:]
    found = re.findall(r"^(0\.\d+)$", finished.output, re.MULTILINE)
    assert len(found) == 2
    assert found[0] == found[1]
