# SPDX-License-Identifier: MIT
"""compute mlip/atom, compute mlip/global and fix mlip/watch: what ASE gives, on any number of ranks."""

from __future__ import annotations

import re
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from decks import in_units, mlip, run_lammps

from mlipkit import MLIPCalculator
from mlipkit.interfaces.lammps import boundary, write_data

ATOL = 1e-9
COLUMNS = 4  # members of the ensemble


def ase_outputs(artifact: Path, atoms: Atoms) -> dict[str, np.ndarray]:
    calculator = MLIPCalculator(artifact, precision="double")
    calculator.calculate(atoms)
    return {name: np.asarray(calculator.results[name]) for name in calculator.description.outputs}


def begin(folder: Path, atoms: Atoms, pair: str, newton: str = "on") -> str:
    write_data(folder / "atoms.data", atoms, ["H", "O"])
    lines = ["units metal", "atom_style atomic", f"newton {newton}", f"boundary {boundary(atoms)}"]
    return "\n".join([*lines, "read_data atoms.data", pair])


COMPUTES = """
compute sigma all mlip/atom force_sigma
compute members all mlip/atom energy_deviations
compute half hydrogen mlip/atom force_sigma
compute energy all mlip/global energy_sigma
compute largest all mlip/global force_sigma_max
"""
READ = """
thermo_style custom step pe c_energy c_largest
dump atoms all custom 1 {name}.dump id c_sigma c_half c_members[*]
dump_modify atoms sort id format float %.17g
run 0 post no
undump atoms
print "$(c_energy:%.17g) $(c_largest:%.17g)" file {name}.txt screen no
"""


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("name", ["bulk_water", "triclinic", "slab", "corner", "isolated_atom"])
def test_computes_give_what_ase_gives(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path, name: str, ranks: int
) -> None:
    atoms = cases[name]
    expected = ase_outputs(ensemble_artifact, atoms)
    newton = "off" if ranks == 4 else "on"
    deck = begin(tmp_path, atoms, mlip(ensemble_artifact), newton) + "\ngroup hydrogen type 1" + COMPUTES
    finished = run_lammps(tmp_path, deck + READ.format(name="now"), ranks)
    assert finished.code == 0, finished.output[-3000:]
    rows = np.loadtxt(tmp_path / "now.dump", skiprows=9, ndmin=2)
    hydrogen = np.array(atoms.get_chemical_symbols()) == "H"
    np.testing.assert_allclose(rows[:, 1], expected["force_sigma"], rtol=0, atol=ATOL)
    np.testing.assert_allclose(rows[:, 2], np.where(hydrogen, expected["force_sigma"], 0.0), rtol=0, atol=ATOL)
    np.testing.assert_allclose(rows[:, 3:], expected["energy_deviations"], rtol=0, atol=ATOL)
    energy, largest = np.loadtxt(tmp_path / "now.txt")
    np.testing.assert_allclose(energy, expected["energy_sigma"], rtol=0, atol=ATOL)
    np.testing.assert_allclose(largest, expected["force_sigma_max"], rtol=0, atol=ATOL)
    assert largest > 0.03, "the floor alone tests little"


DYNAMICS = """
velocity all create 600 1
fix integrate all nve
timestep 0.0005
"""


def test_outputs_belong_to_the_step_they_are_printed_in(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path
) -> None:
    """Also those of steps in which nobody had announced to ask, and the trajectory is that without outputs."""
    start = begin(tmp_path, cases["bulk_water"], mlip(ensemble_artifact))
    frames = "dump frames all custom 3 {}.dump id type x y z{}\ndump_modify frames sort id format float %.17g"
    asking = (
        start
        + COMPUTES.replace("hydrogen", "all")
        + DYNAMICS
        + frames.format("asking", " c_sigma")
        + "\nvariable late equal c_energy\nfix print all print 4 '${late}' file late.txt screen no\nrun 12"
    )
    assert run_lammps(tmp_path, asking, 2).code == 0
    assert run_lammps(tmp_path, start + DYNAMICS + frames.format("quiet", "") + "\nrun 12", 2).code == 0
    found = read_dump(tmp_path / "asking.dump", cases["bulk_water"])
    for (atoms, sigma), (quiet, _) in zip(found, read_dump(tmp_path / "quiet.dump", cases["bulk_water"]), strict=True):
        np.testing.assert_array_equal(atoms.positions, quiet.positions)
        np.testing.assert_allclose(sigma, ase_outputs(ensemble_artifact, atoms)["force_sigma"], rtol=0, atol=ATOL)
    assert np.abs(found[-1][1] - found[0][1]).max() > 1e-4
    late = np.loadtxt(tmp_path / "late.txt")
    last = ase_outputs(ensemble_artifact, found[-1][0])["energy_sigma"]
    np.testing.assert_allclose(late[-1], last, rtol=1e-5)  # as many digits as were printed


def read_dump(path: Path, like: Atoms) -> list[tuple[Atoms, np.ndarray]]:
    frames = []
    for text in path.read_text().split("ITEM: TIMESTEP\n")[1:]:
        rows = np.array([line.split() for line in text.splitlines()[8:]], dtype=float)
        atoms = like.copy()
        atoms.positions = rows[:, 2:5]
        frames.append((atoms, rows[:, -1]))
    return frames


def watch(artifact: Path, cases: dict[str, Atoms], folder: Path, options: str, ranks: int = 2) -> tuple[str, Atoms]:
    atoms = cases["triclinic"]
    deck = begin(folder, atoms, mlip(artifact)) + DYNAMICS + f"thermo 1\nfix watch {options}\nrun 12\nprint 'went on'"
    finished = run_lammps(folder, deck, ranks)
    assert finished.code == 0, finished.output[-3000:]
    return finished.output, atoms


@pytest.mark.parametrize("ranks", [1, 2])
def test_watch_warns_with_atom_and_value_but_not_every_time(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path, ranks: int
) -> None:
    output, atoms = watch(ensemble_artifact, cases, tmp_path, "all mlip/watch 2 force_sigma threshold 0.001", ranks)
    lines = re.findall(r"WARNING: Fix mlip/watch watch, step (\d+): force_sigma of atom (\d+) is (\S+), above", output)
    assert [int(step) for step, _, _ in lines] == [2, 4, 8]  # the 1st, 2nd and 4th time
    assert all(1 <= int(atom) <= len(atoms) and float(value) > 0.03 for _, atom, value in lines)
    assert "force_sigma was above 0.001 in 6 of 6 checks" in output


def test_watch_below_the_threshold_says_nothing(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path
) -> None:
    output, _ = watch(ensemble_artifact, cases, tmp_path, "all mlip/watch 2 energy_sigma threshold 1e6 action stop")
    assert "mlip/watch watch" not in output
    assert "went on" in output
    assert re.search(r"^ +12 ", output, re.MULTILINE)


def test_watch_writes_frames_that_can_be_labelled(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path
) -> None:
    options = "all mlip/watch 5 force_sigma threshold 0.001 action dump file odd.extxyz"
    output, begun = watch(ensemble_artifact, cases, tmp_path, options)
    frames = ase.io.read(tmp_path / "odd.extxyz", ":")
    assert [frame.info["step"] for frame in frames] == [5, 10]
    for frame in frames:
        assert frame.get_chemical_symbols() == begun.get_chemical_symbols()
        assert frame.pbc.all()
        assert frame.calc is None or not frame.calc.results, "nothing that could be taken for a label"
        np.testing.assert_allclose(frame.cell.array, begun.cell.array, atol=1e-9)
        np.testing.assert_array_equal(frame.arrays["id"], np.arange(len(begun)) + 1)
        expected = ase_outputs(ensemble_artifact, frame)
        np.testing.assert_allclose(frame.arrays["force_sigma"], expected["force_sigma"], atol=1e-8)
        np.testing.assert_allclose(frame.info["largest_force_sigma"], expected["force_sigma_max"], atol=1e-8)
        moved = np.abs(frame.positions - begun.positions).max()
        assert 0 < moved < 0.5, "unwrapped"
    assert "frames are in odd.extxyz" in output


def test_frames_are_in_angstrom_whatever_the_units(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path
) -> None:
    atoms = cases["triclinic"]
    write_data(tmp_path / "atoms.data", in_units(atoms, "electron"), ["H", "O"])
    deck = f"units electron\nread_data atoms.data\n{mlip(ensemble_artifact)}\nfix integrate all nve\ntimestep 0.001\n"
    deck += "fix watch all mlip/watch 1 force_sigma threshold 0.001 action dump file odd.extxyz\nrun 1"
    finished = run_lammps(tmp_path, deck)
    assert finished.code == 0, finished.output[-3000:]
    frame = ase.io.read(tmp_path / "odd.extxyz")
    np.testing.assert_allclose(frame.cell.array, atoms.cell.array, atol=1e-8)
    np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-4)
    np.testing.assert_allclose(
        frame.arrays["force_sigma"], ase_outputs(ensemble_artifact, frame)["force_sigma"], atol=1e-8
    )


@pytest.mark.parametrize("name", ["force_sigma", "force_sigma_max", "energy_sigma"])
def test_watch_stops_the_run_and_the_deck_goes_on(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path, name: str
) -> None:
    output, _ = watch(ensemble_artifact, cases, tmp_path, f"all mlip/watch 3 {name} threshold 1e-6 action stop")
    assert re.search(rf"Fix mlip/watch watch, step 3: {name}.* is .*, above the threshold 1e-06; stopping", output)
    assert not re.search(r"^ +12 ", output, re.MULTILINE)
    assert "Loop time" in output
    assert "went on" in output


def test_models_of_a_hybrid_style_are_told_apart(
    ensemble_artifact: Path, two_task_artifact: Path, cases: dict[str, Atoms], tmp_path: Path
) -> None:
    pair = (
        "pair_style hybrid/overlay mlip precision double mlip precision double task pbe\n"
        f"pair_coeff * * mlip 1 {ensemble_artifact} H O\npair_coeff * * mlip 2 {two_task_artifact} H O"
    )
    deck = begin(tmp_path, cases["bulk_water"], pair) + (
        f"\ncompute a all mlip/global energy_sigma model {ensemble_artifact}\n"
        "compute b all mlip/atom charges index 2\ncompute sum all reduce sum c_b\n"
        "thermo_style custom step c_a c_sum\nrun 0\n"
        'print "$(c_a:%.17g) $(c_sum:%.17g)" file now.txt screen no'
    )
    finished = run_lammps(tmp_path, deck, 2)
    assert finished.code == 0, finished.output[-3000:]
    sigma, charge = np.loadtxt(tmp_path / "now.txt")
    atoms = cases["bulk_water"]
    np.testing.assert_allclose(sigma, ase_outputs(ensemble_artifact, atoms)["energy_sigma"], atol=ATOL)
    calculator = MLIPCalculator(two_task_artifact, precision="double", task="pbe")
    calculator.calculate(atoms)
    np.testing.assert_allclose(charge, calculator.results["charges"].sum(), atol=1e-8)
    finished = run_lammps(tmp_path, begin(tmp_path, atoms, pair) + "\ncompute a all mlip/global energy_sigma")
    assert "2 of the 2 pair styles mlip fit; say which by `model FILE` or `index N`" in finished.output


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "compute x all mlip/atom force_sigm",
            "no output force_sigm per atom: did you mean force_sigma? It has energy_deviations, force_sigma",
        ),
        ("compute x all mlip/atom energy_sigma", "no output energy_sigma per atom"),
        ("compute x all mlip/global force_sigma", "did you mean force_sigma_max? It has energy_sigma, force_sigma_max"),
        ("compute x all mlip/atom force_sigma modle 1", "unknown keyword modle: did you mean model?"),
        ("compute x all mlip/atom force_sigma index 2", "index 2 is not among the 1 pair styles mlip"),
        ("compute x all mlip/atom", "needs the name of an output"),
        ("fix x all mlip/watch 1 sigma threshold 1", "did you mean force_sigma? It has energy_deviations"),
        ("fix x all mlip/watch 1 force_sigma", "needs a threshold"),
        ("fix x all mlip/watch 0 force_sigma threshold 1", "N is 0"),
        ("fix x all mlip/watch 1 force_sigma threshold 1 action sotp", "unknown action sotp: did you mean stop?"),
        ("fix x all mlip/watch 1 force_sigma treshold 1", "unknown keyword treshold: did you mean threshold?"),
    ],
)
def test_mistakes_stop_with_one_message(
    ensemble_artifact: Path, cases: dict[str, Atoms], tmp_path: Path, command: str, message: str
) -> None:
    deck = begin(tmp_path, cases["molecule"], mlip(ensemble_artifact)) + f"\n{command}\nrun 0"
    finished = run_lammps(tmp_path, deck)
    assert finished.code != 0
    assert message in " ".join(finished.output.split())
    assert finished.output.count("ERROR") == 1


def test_model_without_outputs_and_pair_style_that_comes_later(
    water_artifact: Path, cases: dict[str, Atoms], tmp_path: Path
) -> None:
    begun = begin(tmp_path, cases["molecule"], mlip(water_artifact))
    assert "has no output per atom" in run_lammps(tmp_path, begun + "\ncompute x all mlip/atom charges").output
    early = "compute x all mlip/atom charges"
    finished = run_lammps(tmp_path, begin(tmp_path, cases["molecule"], early))
    assert "give pair_style mlip and pair_coeff before" in finished.output


@pytest.mark.parametrize("ranks", [1, 2])
def test_spin_that_the_electrons_forbid(
    two_task_artifact: Path, cases: dict[str, Atoms], tmp_path: Path, ranks: int
) -> None:
    pair = mlip(two_task_artifact, options="precision double task pbe spin 2")
    finished = run_lammps(tmp_path, begin(tmp_path, cases["bulk_water"], pair) + "\nrun 0", ranks)
    assert finished.code != 0
    assert "spin_multiplicity = 2 (1 unpaired electrons) is impossible for the 240 electrons" in finished.output
    assert finished.output.count("impossible") == 1
