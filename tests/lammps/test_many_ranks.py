# SPDX-License-Identifier: MIT
"""What ranks send each other, how far their ghosts reach, and the memory that is announced before the first step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ase import Atoms
from decks import mlip, run_lammps

from mlipkit.export.reader import read_manifest
from mlipkit.interfaces.lammps import write_data

SKIN = 0.8
STEPS = 12  # of runs of more than ten traffic is printed


@pytest.fixture(scope="module", params=[1, 2, 4])
def ranks(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def printed(
    ranks: int,
    cases: dict[str, Atoms],
    water_artifact: Path,
    vector_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """Output by model and precision; the list is never rebuilt, so that ghosts stay the same."""
    folder = tmp_path_factory.mktemp("ranks")
    write_data(folder / "atoms.data", cases["bulk_water"], ["H", "O"])
    found = {}
    for name, artifact in (("scalars", water_artifact), ("vectors", vector_artifact)):
        for precision in ("single", "double"):
            deck = f"units metal\nread_data atoms.data\n{mlip(artifact, options=f'precision {precision}')}\n"
            deck += f"neighbor {SKIN} bin\nneigh_modify delay 100 every 100\ntimestep 1e-5\nfix 1 all nve\nrun {STEPS}"
            finished = run_lammps(folder, deck, ranks=ranks)
            assert finished.code == 0, finished.output
            found[f"{name} {precision}"] = finished.output
    return found


def test_bytes_are_those_of_the_formula(
    printed: dict[str, str], ranks: int, water_artifact: Path, vector_artifact: Path
) -> None:
    """2 (L-1) x channels x sum(2l+1) numbers per ghost and evaluation; nothing on one rank, whose ghosts are images of
    its own atoms."""
    artifacts = {"scalars": water_artifact, "vectors": vector_artifact}
    for case, output in printed.items():
        name, precision = case.split()
        halo = read_manifest(artifacts[name]).halo
        ghosts = float(re.findall(r"^Nghost:\s+(\S+) ave", output, re.MULTILINE)[-1])
        traffic = re.findall(r"halo of a rank per evaluation: (\S+) messages, (\S+) bytes", output)
        assert ghosts > 0
        assert len(traffic) == (0 if ranks == 1 else 1)
        if ranks == 1:
            continue
        size = {"single": 4, "double": 8}[precision]
        assert float(traffic[0][1]) == pytest.approx(
            2 * halo.exchanges * halo.values_per_ghost * size * ghosts, rel=1e-6
        )
        assert float(traffic[0][0]) >= 2 * halo.exchanges * 6  # both ways in three directions


def test_ghosts_reach_one_cutoff_and_the_skin(printed: dict[str, str], water_artifact: Path) -> None:
    """However many layers the model has."""
    about = read_manifest(water_artifact)
    assert about.n_layers > 1
    reach = re.findall(r"ghost atom cutoff = (\S+)", printed["scalars double"])
    assert [float(x) for x in reach] == [pytest.approx(about.cutoff + SKIN)]


def test_memory_is_announced_once(printed: dict[str, str]) -> None:
    for output in printed.values():
        lines = re.findall(r"^mlip: an evaluation will need (\S+) GiB .*, (\S+) GiB are free$", output, re.MULTILINE)
        assert len(lines) == 1
        need, free = map(float, lines[0])
        assert 0.0 < need < 0.2
        assert free > need


LOPSIDED = """
units metal
processors 2 1 1
read_data atoms.data
replicate 2 1 1
{pair}
region few block $(0.6*lx) INF INF INF INF INF
delete_atoms region few compress no
neigh_modify delay 100 every 100
timestep 1e-5
fix 1 all nve
run 30
balance 1.0 shift x 20 1.02 weight time 1.0
"""


def test_waiting_is_not_taken_for_work(cases: dict[str, Atoms], vector_artifact: Path, tmp_path: Path) -> None:
    """One rank has five times as many atoms as the other, which waits for it in the halo exchanges."""
    write_data(tmp_path / "atoms.data", cases["bulk_water"], ["H", "O"])
    finished = run_lammps(tmp_path, LOPSIDED.format(pair=mlip(vector_artifact)), ranks=2)
    assert finished.code == 0, finished.output
    least, _, most = map(float, re.search(r"^Pair +\| (\S+) +\| (\S+) +\| (\S+)", finished.output, re.M).groups())  # type: ignore[union-attr]
    assert most > 1.5 * least, "the idle rank's waiting counts as Pair"
    imbalance = re.search(r"initial/final imbalance factor += (\S+) (\S+)", finished.output)
    assert imbalance, finished.output
    assert float(imbalance[1]) > 1.25
    assert float(imbalance[2]) < float(imbalance[1]) - 0.15
