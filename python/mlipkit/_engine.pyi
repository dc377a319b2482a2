# SPDX-License-Identifier: MIT
# The compiled binding of mlip.h (csrc/python). Use mlipkit.interfaces.engine.
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

INTERFACE_VERSION: int
VERSION: str

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]
_Callback = Callable[[NDArray[Any]], int] | None

class Neighbours:
    def __init__(self, cutoff: float, skin: float) -> None: ...
    def update(
        self, positions: _Float, cell: _Float, pbc: NDArray[np.int32]
    ) -> tuple[_Int, _Int, NDArray[np.int32], _Float]: ...
    def builds(self) -> int: ...

class Model:
    def __init__(
        self,
        path: str,
        species: list[str] | None,
        precision: str | None,
        device: str,
        task: str | None,
        threads: int,
        tables: int,
    ) -> None: ...
    def describe(self) -> dict[str, Any]: ...
    def set_condition(self, name: str, value: float) -> None: ...
    def set_halo(self, forward: _Callback, reverse: _Callback) -> None: ...
    def set_reduction(self, sum: _Callback, max: _Callback) -> None: ...
    def want_outputs(self, names: list[str]) -> None: ...
    def evaluate(
        self,
        species: _Int,
        centre: _Int,
        neighbour: _Int,
        r_ij: _Float,
        n_local: int,
        energies: bool,
        virials: bool,
        centroid_virials: bool,
        edge_gradients: bool,
        energy_only: bool,
    ) -> dict[str, Any]: ...
    def set_pairs(
        self, species: _Int, first: _Int, neighbour: NDArray[np.int32], shifts: NDArray[np.int32] | None
    ) -> None: ...
    def evaluate_pairs(
        self, positions: _Float, cell: _Float, energies: bool, virials: bool, centroid_virials: bool, energy_only: bool
    ) -> dict[str, Any]: ...
    def compute(
        self,
        species: _Int,
        positions: _Float,
        cell: _Float,
        pbc: NDArray[np.int32],
        neighbours: Neighbours,
        energies: bool,
        virials: bool,
        centroid_virials: bool,
        energy_only: bool,
    ) -> dict[str, Any]: ...
    def device_arrays(self, n_atoms: int) -> tuple[int, int]: ...
    def compute_on_device(
        self, species: _Int, cell: _Float, pbc: NDArray[np.int32], neighbours: Neighbours, energy_only: bool
    ) -> dict[str, Any]: ...
    def output(self, name: str) -> _Float: ...
    def predict_memory(self, n_local: int, n_all: int, n_edges: int) -> float: ...
