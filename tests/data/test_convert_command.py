# SPDX-License-Identifier: MIT
"""``mlip-convert`` as users meet it: every kind of source, options, counts, one line when something is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import pytest
from ase.io import write
from ase.units import kcal, mol
from labelled_samples import labelled
from spice_samples import write_spice
from typer.testing import CliRunner

from mlipkit.cli.common import one_command
from mlipkit.cli.convert import convert
from mlipkit.data.config import DataConfig
from mlipkit.data.labels import Wanted, read_structures
from mlipkit.data.store import Store
from mlipkit.data.structure import Structure

FRAMES = [labelled(seed) for seed in range(6)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write("a.extxyz", FRAMES)
    return tmp_path


def run(*words: str) -> Any:
    return CliRunner().invoke(one_command("mlip-convert", convert), list(words))


def converted(*words: str) -> Store:
    result = run(*words, "-o", "out.mlipdata", "--overwrite")
    assert result.exit_code == 0, result.output
    return Store(Path("out.mlipdata"))


def refused(result: Any, message: str) -> None:
    assert result.exit_code == 1, result.output
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert len(lines) == 1, result.output
    assert message in lines[0]


def structures(path: str, **options: Any) -> list[Structure]:
    data = DataConfig.model_validate({"train": [path], **options})
    return read_structures(Path(path), data.train[0], data, Wanted(conditions={"total_charge": {"default": 0.0}}))


def same(ours: list[Structure], theirs: list[Structure]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        for name in ("numbers", "positions", "cell", "forces", "stress"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
        assert (a.energy, a.pbc, a.config_type, a.conditions) == (b.energy, b.pbc, b.config_type, b.conditions)


def test_store_reads_like_its_source() -> None:
    store = converted("a.extxyz")
    same(structures("out.mlipdata"), structures("a.extxyz"))
    (source,) = store.header["sources"]
    assert (source["path"], source["read"], source["structures"]) == ("a.extxyz", 6, 6)
    assert len(source["sha256"]) == 64


def test_several_and_compressed_files_and_stores() -> None:
    Path("b.extxyz.gz").write_bytes(gzip.compress(Path("a.extxyz").read_bytes()))
    first = converted("*.extxyz*")
    assert [source["path"] for source in first.header["sources"]] == ["a.extxyz", "b.extxyz.gz"]
    assert len(first) == 12
    Path("out.mlipdata").rename("first.mlipdata")
    write("c.traj", FRAMES[:2])
    second = converted("first.mlipdata", "c.traj", "--drop-duplicates")
    assert [source["structures"] for source in second.header["sources"]] == [6, 0]
    assert second.header["sources"][0]["sha256"] == first.content_sha256
    assert second.header["provenance"]["removed"] == {"duplicates": 8}


def test_database_of_ase() -> None:
    with ase.db.connect("a.db") as database:
        for number, atoms in enumerate(FRAMES):
            database.write(
                atoms, config_type=f"kind{number % 2}", total_charge=number, data={"q": np.arange(3.0) + number}
            )
    store = converted("a.db", "--output-key", "charges=q", "--key", "total_charge=total_charge")
    found = structures("out.mlipdata")
    for number, (ours, atoms) in enumerate(zip(found, FRAMES, strict=True)):
        np.testing.assert_allclose(ours.positions, atoms.positions, rtol=1e-14)
        np.testing.assert_allclose(ours.forces, atoms.get_forces(), rtol=1e-14)
        assert ours.conditions == {"total_charge": number}
        assert ours.config_type == f"kind{number % 2}"
        np.testing.assert_array_equal(ours.outputs["charges"].ravel(), np.arange(3.0) + number)
    assert store.outputs == {"charges": 1}


def test_large_database_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlipkit.data.reading.ROWS", 2)
    with ase.db.connect("a.db") as database:
        for atoms in FRAMES:
            database.write(atoms)
        del database[2]
    assert [s.energy for s in structures("a.db")] == [a.get_potential_energy() for k, a in enumerate(FRAMES) if k != 1]


def test_spice() -> None:
    write_spice(Path("s.hdf5"))
    store = converted("s.hdf5", "--output-key", "charges=mbis_charges", "--task", "wB97M")
    assert len(store) == 9
    assert store.tasks == ["wB97M"]
    assert {s.conditions["total_charge"] for s in structures("out.mlipdata")} == {0.0, -1.0, 2.0}
    refused(run("s.hdf5", "-o", "x.mlipdata", "--unit", "energy=eV"), "s.hdf5 states its own units")


def test_units_keys_and_tasks() -> None:
    frames = [atoms.copy() for atoms in FRAMES]
    for number, (plain, atoms) in enumerate(zip(frames, FRAMES, strict=True)):
        plain.info.update(E=atoms.get_potential_energy() * mol / kcal, level="pbe" if number % 2 else "scan")
        plain.arrays["F"] = atoms.get_forces() * mol / kcal
    write("k.extxyz", frames)
    options = ["--key", "energy=E", "--key", "forces=F", "--key", "task=level", "--unit", "energy=kcal/mol"]
    store = converted("k.extxyz", *options, "--task", "pbe", "--task", "scan")
    assert store.header["structures_per_task"] == {"scan": 3, "pbe": 3}
    energies = [atoms.get_potential_energy() for atoms in FRAMES]
    np.testing.assert_allclose(store.records["energy"], energies, rtol=1e-9)
    np.testing.assert_allclose(store.forces[:3], FRAMES[0].get_forces(), rtol=1e-6)
    assert store.header["provenance"]["options"]["reading"]["units"]["energy"] == "kcal/mol"
    refused(run("k.extxyz", *options, "--task", "pbe", "-o", "x.mlipdata"), "frame 0: unknown task 'scan'")


def test_filters_are_counted() -> None:
    largest = sorted(np.linalg.norm(atoms.get_forces(), axis=1).max() for atoms in FRAMES)
    result = run("a.extxyz", "-o", "few.mlipdata", "--max-force", f"{largest[3] + 1e-9:.12f}")
    assert result.exit_code == 0, result.output
    assert "dropped: 2 structures whose largest force exceeds" in result.output
    assert "left out: max_force 2" in result.output
    assert Store(Path("few.mlipdata")).header["statistics"]["largest_force"] == pytest.approx(largest[3])
    window = ["--energy-window", "-0.1", "0.1", "--e0", "O=-10", "--e0", "H=-10"]
    store = converted("a.extxyz", *window)
    inside = [abs(atoms.get_potential_energy() + 30.0) / 3 <= 0.1 for atoms in FRAMES]
    assert 0 < len(store) == sum(inside) < 6


def test_atoms_too_close() -> None:
    frames = [atoms.copy() for atoms in FRAMES]
    for plain, atoms in zip(frames, FRAMES, strict=True):
        plain.calc = atoms.calc
    frames[2].positions[1] = frames[2].positions[0] + [0.2, 0.0, 0.0]
    write("c.extxyz", frames)
    refused(run("c.extxyz", "-o", "x.mlipdata"), "frame 2: atoms 0 (O) and 1 (H) lie on top of each other")
    assert not Path("x.mlipdata").exists()
    store = converted("c.extxyz", "--drop-too-close")
    assert store.records["frame"].tolist() == [0, 1, 3, 4, 5]
    assert store.header["provenance"]["removed"] == {"too_close": 1}


def test_check() -> None:
    converted("a.extxyz")
    result = run("--check", "out.mlipdata")
    assert result.exit_code == 0
    assert "out.mlipdata: all checksums are right" in result.output
    array = Path("out.mlipdata/positions.npy")
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    refused(run("--check", "out.mlipdata"), "positions.npy is damaged")
    refused(run("--check", "a.extxyz"), "a.extxyz is no store")


def test_the_same_source_gives_the_same_checksum() -> None:
    first = converted("a.extxyz").content_sha256
    assert converted("a.extxyz").content_sha256 == first
    assert converted("a.extxyz", "--frames", ":5").content_sha256 != first


def test_mistakes() -> None:
    for words, message in [
        (("a.extxyz",), "name the store to write: -o NAME.mlipdata"),
        (("a.extxyz", "-o", "b.db"), "its name must end in .mlipdata"),
        (("b.extxyz", "-o", "b.mlipdata"), "no 'b.extxyz', but 'a.extxyz'"),
        (("a.extxyz", "a.extxyz", "-o", "b.mlipdata"), "a.extxyz is given twice"),
        (("a.extxyz", "-o", "b.mlipdata", "--key", "force=F"), "--key force: unknown name; did you mean 'forces'?"),
        (("a.extxyz", "-o", "b.mlipdata", "--key", "forces=F"), "no forces under key 'F'; keys present:"),
        (("a.extxyz", "-o", "b.mlipdata", "--unit", "energy=eVs"), "unknown unit 'eVs'"),
        (("a.extxyz", "-o", "b.mlipdata", "--e0", "Hh=1"), "--e0 Hh: unknown name"),
        (("a.extxyz", "-o", "b.mlipdata", "--task", "a", "--task", "b"), "several --task need --key task=KEY"),
        (("a.extxyz", "-o", "b.mlipdata", "--max-force", "1e-9"), "nothing is left of a.extxyz after filters"),
        (("a.extxyz", "-o", "b.mlipdata", "--frames", "x"), "'x' is not a slice"),
        (("a.extxyz", "-o", "b.mlipdata", "--energy-window", "-1", "1"), "energy_window needs E0 of O"),
    ]:
        refused(run(*words), message)
    write("bare.extxyz", [atoms.copy() for atoms in FRAMES])
    refused(run("bare.extxyz", "-o", "b.mlipdata"), "frame 0: no energy under key 'energy'; keys present: config_type")
    assert not list(Path().glob("b.mlipdata*"))


def test_nothing_is_overwritten_unasked() -> None:
    converted("a.extxyz")
    before = json.loads(Path("out.mlipdata/header.json").read_text())
    refused(run("a.extxyz", "-o", "out.mlipdata"), "out.mlipdata exists already; use --overwrite")
    refused(run("a.extxyz", "-o", "out.mlipdata", "--overwrite", "--key", "forces=F"), "no forces under key 'F'")
    refused(run("out.mlipdata", "-o", "out.mlipdata", "--overwrite"), "is one of the sources")
    assert json.loads(Path("out.mlipdata/header.json").read_text()) == before
    assert len(converted("a.extxyz", "--frames", ":2")) == 2
    assert sorted(path.name for path in Path().iterdir()) == ["a.extxyz", "out.mlipdata"]
