# SPDX-License-Identifier: MIT
"""The C++ engine for Python: opened artifacts, NumPy arrays in and out.

Every array that is handed out is a copy and stays valid. Units are eV and angstrom; rows of a cell are its vectors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import mlipkit._engine as _engine
from mlipkit.interfaces.errors import EngineError
from mlipkit.interfaces.neighbours import FloatArray, IntArray, NeighbourList, box_arrays
from mlipkit.interfaces.results import Description, DeviceResult, EnergyResult, Result

HaloCallback = Callable[[NDArray[Any]], None]


class Engine:
    """An artifact, verified and ready to evaluate structures. One thread at a time may use it.

    Args:
        path: what mlip-export wrote.
        species: chemical symbols that species indices refer to, may repeat; None: those of the manifest.
        precision: ``single``, ``mixed`` or ``double``; None: the manifest's default.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        task: level of theory; None allowed when the model has exactly one.
        threads: for tensor operations; 0 leaves the setting as it is.
        tables: replace radial networks by tables of the distance; None: where the precision is ``single`` or ``mixed``.

    Raises:
        EngineError: the file is missing, altered or of another schema, does not reproduce its reference, or lacks the
            species, precision or task wanted.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        species: Sequence[str] | None = None,
        precision: str | None = None,
        device: str = "cpu",
        task: str | None = None,
        threads: int = 0,
        tables: bool | None = None,
    ) -> None:
        symbols = None if species is None else list(species)
        self._handle = _engine.Model(
            os.fspath(path), symbols, precision, device, task, threads, {None: 0, True: 1, False: -1}[tables]
        )
        self._handle.want_outputs(self._handle.describe()["outputs"])
        self._neighbours: NeighbourList | None = None
        self._failure: BaseException | None = None

    def describe(self) -> Description:
        """What was opened."""
        content = self._handle.describe()
        return Description(**{**content, "manifest": json.loads(content["manifest"])})

    def set_condition(self, name: str, value: float) -> None:
        """Sets ``total_charge`` (e) or ``spin_multiplicity`` (2S+1) for all following evaluations.

        Raises:
            EngineError: the model does not take it, or the value is outside its range.
        """
        self._handle.set_condition(name, float(value))

    def evaluate(
        self,
        species: ArrayLike,
        centre: ArrayLike,
        neighbour: ArrayLike,
        r_ij: ArrayLike,
        n_local: int | None = None,
        *,
        energies: bool = False,
        virials: bool = False,
        centroid_virials: bool = False,
        edge_gradients: bool = False,
    ) -> Result:
        """Energy, forces and virial of a graph.

        Args:
            species: [n_all] indices into the species in use; local atoms first, then ghosts.
            centre: [E] < n_local, ascending.
            neighbour: [E] < n_all.
            r_ij: [E, 3] angstrom.
            n_local: atoms owned; None: all.
            energies: also per-atom energies.
            virials: also per-atom virials.
            centroid_virials: also those of the heat flux.
            edge_gradients: also dE/dr_ij.

        Raises:
            EngineError: impossible graph, missing condition, a result that is not finite, or a failed halo exchange.
        """
        kinds = np.asarray(species, dtype=np.int64)
        vectors = np.asarray(r_ij, dtype=np.float64).reshape(-1, 3)
        owned = len(kinds) if n_local is None else n_local
        edges = (np.asarray(centre, dtype=np.int64), np.asarray(neighbour, dtype=np.int64), vectors)
        with self._naming_causes():
            wanted = (energies, virials, centroid_virials, edge_gradients)
            return Result(**self._handle.evaluate(kinds, *edges, owned, *wanted, False))

    def compute(
        self,
        species: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike | None = None,
        pbc: ArrayLike = False,
        neighbours: NeighbourList | None = None,
        *,
        energies: bool = False,
        virials: bool = False,
        centroid_virials: bool = False,
    ) -> Result:
        """Energy, forces and virial of a structure.

        Args:
            species: [N] indices into the species in use.
            positions: [N, 3] angstrom, need not be wrapped.
            cell: [3, 3] rows are vectors, angstrom.
            pbc: one or three booleans.
            neighbours: a list with the model's cutoff, to profit from its skin; None: one without skin.
            energies: also per-atom energies.
            virials: also per-atom virials.
            centroid_virials: also those of the heat flux.

        Raises:
            EngineError: as `evaluate` and `NeighbourList.update`.
        """
        inputs = self._structure(species, positions, cell, pbc, neighbours)
        with self._naming_causes():
            return Result(**self._handle.compute(*inputs, energies, virials, centroid_virials, False))

    def compute_energy(
        self,
        species: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike | None = None,
        pbc: ArrayLike = False,
        neighbours: NeighbourList | None = None,
        *,
        energies: bool = False,
    ) -> EnergyResult:
        """Energy of a structure without forces, which saves the backward pass. Arguments and errors as `compute`."""
        inputs = self._structure(species, positions, cell, pbc, neighbours)
        with self._naming_causes():
            found = self._handle.compute(*inputs, energies, False, False, True)
        return EnergyResult(found["energy"], found["energies"])

    def _structure(
        self,
        species: ArrayLike,
        positions: ArrayLike,
        cell: ArrayLike | None,
        pbc: ArrayLike,
        neighbours: NeighbourList | None,
    ) -> tuple[IntArray, FloatArray, FloatArray, NDArray[np.int32], _engine.Neighbours]:
        """A structure as the binding takes it."""
        if neighbours is None:
            if self._neighbours is None:
                self._neighbours = NeighbourList(self._handle.describe()["cutoff"])
            neighbours = self._neighbours
        kinds, sites = np.asarray(species, dtype=np.int64), np.asarray(positions, dtype=np.float64)
        return kinds, sites, *box_arrays(cell, pbc), neighbours.handle

    def device_arrays(self, n_atoms: int) -> tuple[int, int]:
        """Addresses of positions [n_atoms, 3] (angstrom) and forces (eV/angstrom) in the GPU's memory, float64.

        They stay valid until a call with another number of atoms.

        Raises:
            EngineError: the model is not on a GPU.
        """
        return self._handle.device_arrays(n_atoms)

    def compute_on_device(
        self,
        species: ArrayLike,
        cell: ArrayLike | None,
        pbc: ArrayLike,
        neighbours: NeighbourList,
        *,
        energy_only: bool = False,
    ) -> DeviceResult:
        """`compute` with the positions of `device_arrays`, complete by then; its forces are complete on return."""
        kinds = np.asarray(species, dtype=np.int64)
        found = self._handle.compute_on_device(kinds, *box_arrays(cell, pbc), neighbours.handle, energy_only)
        return DeviceResult(found["energy"], found["virial"])

    def set_pairs(
        self,
        species: ArrayLike,
        first: ArrayLike,
        neighbour: ArrayLike,
        shifts: ArrayLike | None = None,
    ) -> None:
        """Keeps a list of pairs that may be edges, beyond the cutoff too, for `evaluate_pairs`.

        Args:
            species: [n_all] indices into the species in use; local atoms first, then ghosts.
            first: [n_local + 1] where the pairs of each centre begin.
            neighbour: [P] < n_all, grouped by centre.
            shifts: [P, 3] integers S of ``r_ij = r_j - r_i + S H``; None: none.

        Raises:
            EngineError: impossible indices.
        """
        images = None if shifts is None else np.asarray(shifts, dtype=np.int32)
        bounds, partners = np.asarray(first, dtype=np.int64), np.asarray(neighbour, dtype=np.int32)
        self._handle.set_pairs(np.asarray(species, dtype=np.int64), bounds, partners, images)

    def evaluate_pairs(
        self,
        positions: ArrayLike,
        cell: ArrayLike | None = None,
        *,
        energies: bool = False,
        virials: bool = False,
        centroid_virials: bool = False,
    ) -> Result:
        """Energy, forces and virial of the pairs given before that are shorter than the cutoff.

        Args:
            positions: [n_all, 3] angstrom.
            cell: [3, 3] rows are vectors, angstrom; needed where pairs have shifts.
            energies: also per-atom energies.
            virials: also per-atom virials.
            centroid_virials: also those of the heat flux.

        Raises:
            EngineError: positions that are not finite, atoms at the same place, or a failed halo exchange.
        """
        sites, (vectors, _) = np.asarray(positions, dtype=np.float64), box_arrays(cell, False)
        with self._naming_causes():
            return Result(**self._handle.evaluate_pairs(sites, vectors, energies, virials, centroid_virials, False))

    def want_outputs(self, names: Sequence[str]) -> None:
        """Which named outputs the following evaluations give; what nobody wants is not computed. At first: all.

        Raises:
            EngineError: the model has no such output.
        """
        self._handle.want_outputs(list(names))

    def output(self, name: str) -> FloatArray:
        """A named output of the last evaluation: [n_local, width], or [width] for one of the structure.

        Raises:
            EngineError: the model has no such output, it was not wanted, or nothing was evaluated yet.
        """
        return np.asarray(self._handle.output(name))

    def predict_memory(self, n_local: int, n_all: int, n_edges: int) -> float:
        """Bytes that an evaluation of that size will need at its peak, beyond what the process holds now.

        Args:
            n_local: atoms.
            n_all: atoms and ghosts.
            n_edges: pairs shorter than the cutoff, twice.

        Raises:
            EngineError: impossible numbers, or a model that lacks a condition.
        """
        return self._handle.predict_memory(n_local, n_all, n_edges)

    def set_reduction(self, sum: HaloCallback | None, max: HaloCallback | None) -> None:
        """Sets the sums over processes that share a structure; None for both: this process owns all of it.

        Each callback gets an array [n] and replaces it in place by the sum, or the largest, over all processes. An
        exception stops the evaluation and becomes the cause of its `EngineError`.
        """
        if sum is None or max is None:
            self._handle.set_reduction(None, None)
        else:
            self._handle.set_reduction(self._kept(sum), self._kept(max))

    def set_halo(self, forward: HaloCallback | None, reverse: HaloCallback | None) -> None:
        """Sets the halo callbacks; None for both removes them.

        Each gets the rows [n_all, width] and changes them in place: ``forward`` copies owners' rows into ghosts,
        ``reverse`` adds ghost rows to their owners'. An exception stops the evaluation and becomes the cause of its
        `EngineError`.
        """
        if forward is None or reverse is None:
            self._handle.set_halo(None, None)
        else:
            self._handle.set_halo(self._kept(forward), self._kept(reverse))

    @contextmanager
    def _naming_causes(self) -> Iterator[None]:
        """The exception of a callback becomes the cause of the `EngineError` that it led to."""
        self._failure = None
        try:
            yield
        except EngineError as error:
            if self._failure is not None:
                raise error from self._failure
            raise

    def _kept(self, callback: HaloCallback) -> Callable[[NDArray[Any]], int]:
        """The callback with a return code, its exception kept: an exception cannot cross the C interface."""

        def call(rows: NDArray[Any]) -> int:
            try:
                callback(rows)
            except BaseException as error:
                self._failure = error
                return 1
            return 0

        return call
