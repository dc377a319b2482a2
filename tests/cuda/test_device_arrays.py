# SPDX-License-Identifier: MIT
"""Positions and forces that stay on a device, emulated: its memory is this process's."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from emulated_library import EmulatedLibrary
from engine_toy import CUTOFF, write_artifact
from numpy.typing import NDArray
from random_cells import random_case

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status
from mlipkit.interfaces.neighbours import NeighbourList


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_artifact(tmp_path_factory.mktemp("arrays") / "toy.pt")


class Device:
    """A model whose positions and forces are seen through their addresses."""

    def __init__(self, toy: Path, kind: str, skin: float) -> None:
        case = random_case(kind, 7)
        self.engine = Engine(toy, task="pbe", threads=1)
        self.species = np.random.default_rng(7).integers(0, 3, len(case.positions)).tolist()
        self.cell, self.pbc, self.start = case.cell, case.pbc, case.positions
        self.neighbours = NeighbourList(CUTOFF, skin)
        self.positions, self.forces = (self._array(address) for address in self.engine.device_arrays(len(self.species)))

    def _array(self, address: int) -> NDArray[np.float64]:
        memory = ctypes.cast(address, ctypes.POINTER(ctypes.c_double))
        return np.ctypeslib.as_array(memory, (len(self.species), 3))

    def compute(self, positions: NDArray) -> tuple[float, NDArray, NDArray]:
        self.positions[:] = positions
        self.forces[:] = np.nan
        result = self.engine.compute_on_device(self.species, self.cell, self.pbc, self.neighbours)
        return result.energy, self.forces.copy(), result.virial


@pytest.mark.parametrize("kind", ["triclinic", "open", "unwrapped", "one atom"])
def test_same_as_with_positions_of_the_host(emulator: EmulatedLibrary, toy: Path, kind: str) -> None:
    device = Device(toy, kind, skin=0.5)
    host = Engine(toy, task="pbe", threads=1)
    rng = np.random.default_rng(1)
    positions = device.start
    for _ in range(4):
        found = device.compute(positions)
        expected = host.compute(device.species, positions, device.cell, device.pbc)
        assert found[0] == pytest.approx(expected.energy, rel=1e-13)
        np.testing.assert_allclose(found[1], expected.forces, atol=1e-11)
        np.testing.assert_allclose(found[2], expected.virial, atol=1e-10)
        positions = positions + rng.uniform(-0.15, 0.15, positions.shape)
    assert device.neighbours.builds > 1


def test_list_is_kept_within_its_skin(emulator: EmulatedLibrary, toy: Path) -> None:
    device = Device(toy, "triclinic", skin=0.5)
    moved = device.start.copy()
    for shift, builds in ((0.0, 1), (0.249, 1), (0.252, 2), (0.3, 2)):
        moved[0, 1] = device.start[0, 1] + shift
        device.compute(moved)
        assert device.neighbours.builds == builds
    # a list that was found from positions of the host says nothing of those on the device
    device.engine.compute(device.species, device.start, device.cell, device.pbc, device.neighbours)
    device.compute(device.start)
    assert device.neighbours.builds == 4


def test_forces_stay_as_they_were_when_only_the_energy_is_wanted(emulator: EmulatedLibrary, toy: Path) -> None:
    device = Device(toy, "triclinic", skin=0.5)
    energy, forces, _ = device.compute(device.start)
    result = device.engine.compute_on_device(
        device.species, device.cell, device.pbc, device.neighbours, energy_only=True
    )
    assert result.energy == energy
    assert np.isnan(result.virial).all()
    np.testing.assert_array_equal(device.forces, forces)


@pytest.mark.parametrize("when", ["at first", "later"])
def test_position_that_is_not_finite(emulator: EmulatedLibrary, toy: Path, when: str) -> None:
    device = Device(toy, "triclinic", skin=0.5)
    if when == "later":
        device.compute(device.start)
    broken = device.start.copy()
    broken[2, 0] = np.nan
    with pytest.raises(EngineError, match="position of atom 2 is not finite") as caught:
        device.compute(broken)
    assert caught.value.status == Status.NUMERIC
    device.compute(device.start)  # goes on


def test_arrays_have_to_be_there(emulator: EmulatedLibrary, toy: Path) -> None:
    device = Device(toy, "triclinic", skin=0.5)
    device.compute(device.start)
    with pytest.raises(EngineError, match="no arrays for 2 atoms; call mlip_get_device_arrays"):
        device.engine.compute_on_device([0, 1], None, False, device.neighbours)
    with pytest.raises(EngineError, match="negative"):
        device.engine.device_arrays(-1)


def test_on_a_processor_there_are_none(toy: Path) -> None:
    with pytest.raises(EngineError, match="device cpu, whose memory the host shares"):
        Engine(toy, task="pbe", threads=1).device_arrays(3)
