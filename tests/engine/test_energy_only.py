# SPDX-License-Identifier: MIT
"""Energies without the backward pass: the same numbers, for less."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

import numpy as np
import pytest
from random_cells import KINDS, random_case

from mlipkit._libraries import library_folder
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.neighbours import NeighbourList


@pytest.mark.parametrize("kind", KINDS)
def test_same_energies(toy_artifact: Path, kind: str) -> None:
    engine = Engine(toy_artifact, task="pbe", threads=1)
    case = random_case(kind, 7)
    inputs = ([0] * len(case.positions), case.positions, case.cell, case.pbc)
    full = engine.compute(*inputs, energies=True)
    charges = engine.output("charges")
    found = engine.compute_energy(*inputs, energies=True)
    assert found.energy == full.energy
    np.testing.assert_array_equal(found.energies, full.energies)
    np.testing.assert_array_equal(engine.output("charges"), charges)
    assert engine.compute_energy(*inputs).energies is None


def test_no_backward_pass(water_artifact: Path) -> None:
    engine = Engine(water_artifact, threads=1)
    positions = np.random.default_rng(0).uniform(0, 20.0, (600, 3))
    neighbours = NeighbourList(4.0, 0.5)
    inputs = ([0] * 600, positions, np.eye(3) * 20.0, True, neighbours)

    def seconds(with_forces: bool) -> float:
        start = time.process_time()
        engine.compute(*inputs) if with_forces else engine.compute_energy(*inputs)
        return time.process_time() - start

    ratio = [seconds(False) / seconds(True) for _ in range(12)]
    assert np.median(ratio[2:]) < 0.75


OF_GRADIENTS = ("forces", "virials", "edge_gradients", "centroid_virials")


class MlipResult(ctypes.Structure):
    _fields_ = [
        ("energy_only", ctypes.c_int),
        ("energy", ctypes.c_double),
        ("virial", ctypes.c_double * 6),
        *((name, ctypes.c_void_p) for name in ("energies", *OF_GRADIENTS)),
    ]


class OpenOptions(ctypes.Structure):
    _fields_ = [
        ("species", ctypes.c_void_p),
        ("n_species", ctypes.c_int),
        *((name, ctypes.c_char_p) for name in ("precision", "device", "task")),
        ("threads", ctypes.c_int),
        ("tables", ctypes.c_int),
    ]


def test_arrays_of_forces_are_refused(toy_artifact: Path) -> None:
    """As a C host meets it."""
    lib = ctypes.CDLL(str(library_folder() / "libmlip.so"))
    lib.mlip_last_error.restype = ctypes.c_char_p
    model = ctypes.c_void_p()
    assert lib.mlip_open(str(toy_artifact).encode(), ctypes.byref(OpenOptions(task=b"pbe")), ctypes.byref(model)) == 0
    graph = (ctypes.c_int64 * 7)()  # nothing, as sizes and pointers
    assert lib.mlip_evaluate(model, ctypes.byref(graph), ctypes.byref(found := MlipResult(energy_only=1))) == 0
    assert found.energy == 0.0
    assert np.isnan(found.virial[0])
    room = (ctypes.c_double * 3)()
    for name in OF_GRADIENTS:
        wanted = MlipResult(energy_only=1, **{name: ctypes.addressof(room)})
        assert lib.mlip_evaluate(model, ctypes.byref(graph), ctypes.byref(wanted)) == 1
        assert b"energy_only excludes forces, virials, edge_gradients and centroid_virials" in lib.mlip_last_error()
    lib.mlip_close(model)
