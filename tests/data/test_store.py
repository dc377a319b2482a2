# SPDX-License-Identifier: MIT
"""Stores: what goes in comes out bit for bit; what is incomplete or changed is refused."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from labelled_samples import labelled

from mlipkit.data import store
from mlipkit.data.config import DataConfig
from mlipkit.data.convert import check
from mlipkit.data.errors import DataError
from mlipkit.data.labels import Wanted
from mlipkit.data.store import Store
from mlipkit.data.store_writer import StoreWriter
from mlipkit.data.stored import StoredStructures
from mlipkit.data.structure import Structure

CONDITIONS = Wanted(conditions={"total_charge": {"pbe": 7.0}})


def structure(seed: int) -> Structure:
    """Some with a cell and stress, some without; some lack forces, energy, outputs or the charge."""
    cell = 6.0 if seed % 2 else None
    atoms = labelled(seed, "OHH" if seed % 3 else "OHHOHH", cell)
    return Structure(
        numbers=atoms.numbers.astype(np.int64),
        positions=atoms.positions,
        cell=np.array(atoms.cell),
        pbc=(cell is not None,) * 3,
        file="somewhere.xyz",
        frame=10 * seed,
        task="pbe" if seed % 2 else "scan",
        config_type=f"kind {seed % 3}",
        energy=None if seed == 4 else atoms.get_potential_energy(),
        forces=None if seed == 5 else atoms.get_forces(),
        stress=None if cell is None else atoms.get_stress(),
        outputs={} if seed in (0, 6) else {"moments": np.arange(2.0 * len(atoms)).reshape(-1, 2) + seed},
        conditions={"total_charge": float(seed)} if seed % 4 else {},
    )


def write_store(path: Path, structures: Iterable[Structure]) -> None:
    with StoreWriter(path) as writer:
        for entry in structures:
            writer.add(entry)
        writer.finish([{"path": "somewhere.xyz", "sha256": "0"}], {})


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, list[Structure]]:
    structures = [structure(seed) for seed in range(8)]
    write_store(tmp_path / "a.mlipdata", structures)
    return tmp_path / "a.mlipdata", structures


def opened(path: Path, wanted: Wanted = CONDITIONS, entry: dict | None = None, **data: object) -> StoredStructures:
    tasks = {"tasks": {"pbe": {}, "scan": {"defaults": {"total_charge": 0.0}}}}
    config = DataConfig.model_validate({"train": [{"path": path.name, **(entry or {})}], **tasks, **data})
    return StoredStructures(path, config.train[0], config, wanted, "data.train.0")


def test_round_trip_is_exact(written: tuple[Path, list[Structure]]) -> None:
    path, structures = written
    wanted = Wanted(conditions={"total_charge": {"pbe": 7.0, "scan": -9.0}})
    found = opened(path, wanted, config_type_weights={"kind 1": 3.0}, entry={"weight": 2.0})
    for index in (5, 0, 7, 3, 1, 2, 4, 6):  # in any order
        ours, theirs = found[index], structures[index]
        for name in ("numbers", "positions", "cell", "forces", "stress"):
            expected = getattr(theirs, name)
            if expected is None:
                assert getattr(ours, name) is None, name
            else:
                np.testing.assert_array_equal(getattr(ours, name), expected, err_msg=name)
        assert (ours.energy, ours.task, ours.config_type, ours.pbc) == (
            theirs.energy, theirs.task, theirs.config_type, theirs.pbc,
        )  # fmt: skip
        assert ours.outputs.keys() == theirs.outputs.keys()
        for name, values in theirs.outputs.items():
            np.testing.assert_array_equal(ours.outputs[name], values)
        default = 7.0 if theirs.task == "pbe" else -9.0
        assert ours.conditions == {"total_charge": theirs.conditions.get("total_charge", default)}
        assert ours.weight == (6.0 if theirs.config_type == "kind 1" else 2.0)
        assert (ours.file, ours.frame, ours.source) == (str(path), index, "data.train.0")
    assert Store(path).origin(3) == "somewhere.xyz, frame 30"
    assert found[-1].energy == structures[-1].energy


def test_header_says_what_is_in_it(written: tuple[Path, list[Structure]]) -> None:
    path, structures = written
    header = Store(path).header
    assert (header["structures"], header["atoms"]) == (8, sum(map(len, structures)))
    assert header["structures_per_task"] == {"scan": 4, "pbe": 4}
    assert header["outputs"] == {"moments": 2}
    numbers = header["statistics"]
    assert (numbers["energies"], numbers["forces"], numbers["stresses"]) == (7, 7, 4)
    forces = np.concatenate([s.forces for s in structures if s.forces is not None])
    assert numbers["forces_rms"] == pytest.approx(np.sqrt((forces**2).mean()))
    assert numbers["largest_force"] == pytest.approx(np.linalg.norm(forces, axis=1).max())
    assert check(path) == header


def test_frames_of_an_entry(written: tuple[Path, list[Structure]]) -> None:
    path, structures = written
    found = opened(path, Wanted(), entry={"frames": "1::3"})
    assert [s.energy for s in found] == [structures[k].energy for k in (1, 4, 7)]
    assert [s.frame for s in found] == [1, 4, 7]
    with pytest.raises(DataError, match=r"has no structure in 8:"):
        opened(path, entry={"frames": "8:"})


def test_missing_labels_and_conditions_are_named(written: tuple[Path, list[Structure]]) -> None:
    path, _ = written
    with pytest.raises(DataError, match=r"frame 4 \(somewhere.xyz, frame 40\): no energy in this and 0 other"):
        opened(path, Wanted(("energy",)))
    with pytest.raises(DataError, match=r"frame 5 .*: no forces in this and 0 other"):
        opened(path, Wanted(("forces",)))
    assert len(opened(path, Wanted(("energy", "forces")), entry={"incomplete": ["energy", "forces"]})) == 8
    with pytest.raises(DataError, match=r"frame 0: the model needs total_charge, which this and 1 other .*tasks\.scan"):
        opened(path)


def test_options_that_stores_have_no_use_for(written: tuple[Path, list[Structure]]) -> None:
    path, _ = written
    for option in ({"keys": {"energy": "e"}}, {"units": {"energy": "eV"}}, {"format": "extxyz"}):
        with pytest.raises(DataError, match=r"remove `.*`: a data store knows its labels"):
            opened(path, Wanted(), entry=option)
    with pytest.raises(DataError, match="remove `stress_sign`"):
        opened(path, Wanted(), entry={"stress_sign": "pressure"})


def test_tasks_of_the_store_and_of_the_entry(written: tuple[Path, list[Structure]]) -> None:
    path, _ = written
    assert {s.task for s in opened(path, Wanted(), entry={"task": "pbe"})} == {"pbe"}
    with pytest.raises(DataError, match=r"holds task 'scan', which is not among data.tasks; did you mean 'scam'"):
        opened(path, Wanted(), tasks={"pbe": {}, "scam": {}})
    with pytest.raises(DataError, match="unknown task 'pbee'; did you mean 'pbe'"):
        opened(path, Wanted(), entry={"task": "pbee"})


def test_damage_is_found(written: tuple[Path, list[Structure]], tmp_path: Path) -> None:
    path, _ = written
    header = json.loads((path / "header.json").read_text())

    def damaged(name: str, content: bytes) -> Path:
        copy = tmp_path / "copy.mlipdata"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path, copy)
        (copy / name).write_bytes(content)
        return copy

    for changes, message in (
        ({"schema": 2}, "has schema 2, this mlipkit reads 1"),
        ({"format": "other"}, "is not that of a data store"),
        ({"tasks": ["scan", "pbe2"]}, "was changed after mlip-convert wrote it"),
    ):
        with pytest.raises(DataError, match=message):
            Store(damaged("header.json", json.dumps({**header, **changes}).encode()))
    with pytest.raises(DataError, match=r"no complete data store \(header.json: "):
        Store(damaged("header.json", b"{"))
    forces = (path / "forces.npy").read_bytes()
    with pytest.raises(DataError, match=r"forces.npy has \d+ bytes instead of \d+: the copy .* is incomplete"):
        Store(damaged("forces.npy", forces[:-8]))
    flipped = damaged("forces.npy", forces[:-1] + bytes([forces[-1] ^ 1]))
    Store(flipped)  # only a whole reading can see it
    with pytest.raises(DataError, match=r"forces\.npy is damaged: its checksum"):
        check(flipped)
    (flipped / "numbers.npy").unlink()
    with pytest.raises(DataError, match=r"numbers\.npy is missing"):
        Store(flipped)
    with pytest.raises(DataError, match="does not exist"):
        Store(tmp_path / "nowhere.mlipdata")


def test_failed_writing_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "b.mlipdata"
    narrow = dataclasses.replace(structure(2), outputs={"moments": np.zeros(len(structure(2)))})
    message = "output 'moments' has 1 values per atom, frames before it have 2"
    with pytest.raises(DataError, match=message):
        write_store(path, [structure(1), narrow])
    assert list(tmp_path.iterdir()) == []
    write_store(path, [structure(1)])
    with pytest.raises(DataError, match="exists already"):
        StoreWriter(path)
    with pytest.raises(DataError, match=r"its name must end in \.mlipdata"):
        StoreWriter(tmp_path / "b")


def test_killed_writer_leaves_no_store_and_is_no_obstacle(tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from test_store import structure, StoreWriter\n"
        f"writer = StoreWriter(Path({str(tmp_path)!r}) / 'c.mlipdata'); writer.add(structure(1))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.mlipdata.part"]
    with pytest.raises(DataError, match="does not exist"):
        Store(tmp_path / "c.mlipdata")
    write_store(tmp_path / "c.mlipdata", [structure(2)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.mlipdata"]


def test_memory_does_not_grow_with_the_store(tmp_path: Path) -> None:
    """Neither when it is written nor when it is read: ten times the structures, the same memory."""
    one = structure(3)
    peaks = []
    for number in (400, 4000):
        path = tmp_path / f"{number}.mlipdata"
        tracemalloc.start()
        write_store(path, itertools.repeat(one, number))
        found = opened(path, Wanted())
        for index in range(0, number, 7):
            found[index]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "4000.mlipdata" / store.STRUCTURES).stat().st_size > 700_000
    assert peaks[1] < peaks[0] + 400_000  # some 16 bytes per structure for the statistics and frames
