# SPDX-License-Identifier: MIT
"""Structures of a store as an entry of the configuration means them: its frames, task, weight and conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipkit.data.charge_spin import check_electrons
from mlipkit.data.config import ISOLATED_ATOM, DataConfig, FileEntry, parse_frames
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.store import CONDITIONS, Store, composition_chunks
from mlipkit.data.structure import Structure
from mlipkit.data.wanted import Wanted


class StoredStructures(Sequence[Structure]):
    """Structures of a store, each read when it is asked for.

    Args:
        path: of the store.
        entry: which frames, and their task and weight.
        data: tasks and weights of config_types.
        wanted: labels and conditions that must be there.
        source: place of the entry in the configuration.

    Raises:
        DataError: an unusable store; options of the entry that stores have no use for; an unknown task; a wanted label
            or condition that some structure lacks; charge and spin that do not fit each other.
    """

    def __init__(self, path: Path, entry: FileEntry, data: DataConfig, wanted: Wanted, source: str = "") -> None:
        self.store, self.path, self.source, self.weight = Store(path), path, source, entry.weight
        for name in ("format", "keys", "units"):
            if getattr(entry, name) is not None:
                raise DataError(f"{path}: remove `{name}`: a data store knows its labels and is in eV and angstrom")
        if entry.stress_sign != "tension":
            raise DataError(f"{path}: remove `stress_sign`: stresses in a data store are positive under tension")
        self.frames = np.arange(len(self.store))[parse_frames(entry.frames)]
        if not len(self.frames):
            raise DataError(f"data store {path} has no structure in {entry.frames}")
        self.task_names = _tasks(self.store, entry, data)
        factors = [data.config_type_weights.get(name, 1.0) for name in self.store.config_types]
        self.config_type_weights = np.array(factors)
        self.conditions = self._conditions(wanted)
        self._check_labels(entry, wanted)
        self._check_electrons(data.keep_isolated_atoms)

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int) -> Structure: ...

    @overload
    def __getitem__(self, index: slice) -> list[Structure]: ...

    def __getitem__(self, index: int | slice) -> Structure | list[Structure]:
        if isinstance(index, slice):
            return [self[position] for position in range(len(self))[index]]
        store, frame = self.store, int(self.frames[index])
        record = store.records[frame]
        first, n_atoms = int(record["first"]), int(record["n_atoms"])
        atoms = slice(first, first + n_atoms)
        config_type = int(record["config_type"])
        energy, stress = float(record["energy"]), np.array(record["stress"])
        outputs = {name: np.array(values[atoms]) for name, values in store.output_labels.items()}
        conditions = {}
        for name, defaults in self.conditions.items():
            value = float(record[name])
            conditions[name] = float(defaults[record["task"]]) if np.isnan(value) else value
        return Structure(
            numbers=store.numbers[atoms].astype(np.int64),
            positions=np.array(store.positions[atoms]),
            cell=np.array(record["cell"]),
            pbc=tuple(record["pbc"].tolist()),
            file=str(self.path),
            frame=frame,
            task=self.task_names[record["task"]],
            config_type=store.config_types[config_type],
            weight=self.weight * float(self.config_type_weights[config_type]),
            source=self.source,
            energy=None if np.isnan(energy) else energy,
            forces=np.array(store.forces[atoms]) if record["has_forces"] else None,
            stress=None if np.isnan(stress[0]) else stress,
            outputs={name: values for name, values in outputs.items() if not np.isnan(values).any()},
            conditions={name: value for name, value in conditions.items() if not np.isnan(value)},
        )

    def shared_frame(self, other: StoredStructures) -> int | None:
        """The first frame that both take for the same task; None where there is none, or where the stores differ."""
        if self.path.resolve() != other.path.resolve():
            return None
        both = np.intersect1d(self.frames, other.frames)
        tasks = self.store.records["task"][both]
        same = np.array(self.task_names)[tasks] == np.array(other.task_names)[tasks]
        return int(both[same.argmax()]) if same.any() else None

    def structures_per_task(self) -> Counter[str]:
        """How many structures each task of the run gets."""
        found = np.bincount(self.store.records["task"][self.frames], minlength=len(self.task_names))
        counts: Counter[str] = Counter()
        for name, count in zip(self.task_names, found.tolist(), strict=True):
            counts[name] += count
        return Counter({name: count for name, count in counts.items() if count})

    def check_outputs(self, widths: Mapping[str, int]) -> None:
        """Compares the outputs of the store with those of a model, how many values each has per atom.

        Raises:
            DataError: they differ.
        """
        for name, width in self.store.outputs.items():
            if name in widths and widths[name] != width:
                raise DataError(f"{self.path}: output {name!r} has {width} per atom, the model gives {widths[name]}")

    def condition(self, name: str) -> NDArray[np.float64]:
        """Value for every structure, defaults filled in; NaN where it is not wanted."""
        if name not in self.conditions:
            return np.full(len(self), np.nan)
        records = self.store.records[self.frames]
        values: NDArray[np.float64] = np.where(
            np.isnan(records[name]), self.conditions[name][records["task"]], records[name]
        )
        return values

    def species(self) -> list[str]:
        """Chemical symbols that occur."""
        if len(self) == len(self.store):
            return list(self.store.header["species"])
        found: set[int] = set()
        for counts in composition_chunks(self.store, self.frames):
            found.update(np.flatnonzero(counts.sum(axis=0)).tolist())
        return [chemical_symbols[number] for number in sorted(found)]

    def _conditions(self, wanted: Wanted) -> dict[str, NDArray[np.float64]]:
        """Default of each wanted condition per task of the store, NaN where there is none and none is needed."""
        found = {}
        for name, defaults in wanted.conditions.items():
            values = np.array([defaults.get(task, np.nan) for task in self.task_names])
            if name not in wanted.optional:
                records = self.store.records
                known = records[name] if name in CONDITIONS else np.full(len(records), np.nan)
                lacking = np.isnan(known[self.frames]) & np.isnan(values[records["task"][self.frames]])
                if lacking.any():
                    frame = int(self.frames[lacking.argmax()])
                    task = self.task_names[records["task"][frame]]
                    raise DataError(
                        f"{self.path}, frame {frame}: the model needs {name}, which this and {lacking.sum() - 1} other "
                        f"structures lack; set data.tasks.{task}.defaults.{name}, or write the store again with the "
                        f"right `mlip-convert --key {name}=KEY`"
                    )
            found[name] = values
        return found

    def _isolated(self) -> NDArray[np.bool_]:
        records = self.store.records[self.frames]
        isolated: NDArray[np.bool_] = (records["n_atoms"] == 1) & ~records["pbc"].any(axis=1)
        if ISOLATED_ATOM in self.store.config_types:
            isolated |= records["config_type"] == self.store.config_types.index(ISOLATED_ATOM)
        return isolated

    def _check_electrons(self, isolated_too: bool) -> None:
        """Charge and multiplicity are known only here where they are defaults of the task."""
        if not all(name in self.conditions for name in CONDITIONS):
            return
        charge, unpaired = self.condition("total_charge"), self.condition("spin_multiplicity") - 1
        chunks = composition_chunks(self.store, self.frames)
        protons = np.concatenate([counts @ np.arange(counts.shape[1]) for counts in chunks])
        electrons = protons - charge
        suspects = (unpaired > electrons) | ((electrons - unpaired) % 2 != 0)
        suspects &= np.isfinite(electrons - unpaired)
        if not isolated_too:
            suspects &= ~self._isolated()
        for index in np.flatnonzero(suspects):
            check_electrons(self[int(index)])

    def _check_labels(self, entry: FileEntry, wanted: Wanted) -> None:
        records, isolated = self.store.records[self.frames], self._isolated()
        lacking = {
            "energy": np.isnan(records["energy"]),
            "forces": ~records["has_forces"] & ~isolated,
            "stress": np.isnan(records["stress"][:, 0]) & records["pbc"].all(axis=1) & ~isolated,
        }
        for label in wanted.labels:
            if label not in entry.incomplete and lacking[label].any():
                frame = int(self.frames[lacking[label].argmax()])
                raise DataError(
                    f"{self.path}, frame {frame} ({self.store.origin(frame)}): no {label} in this and "
                    f"{lacking[label].sum() - 1} other structures of the data store; list {label!r} under `incomplete` "
                    f"if only some have it, or write the store again with the right `mlip-convert --key {label}=KEY`"
                )


def _tasks(store: Store, entry: FileEntry, data: DataConfig) -> list[str]:
    """Task of the run for each task of the store."""
    known = data.task_names()
    if entry.task is not None:
        if entry.task not in known:
            raise DataError(f"{store.path}: unknown task {entry.task!r}{nearest(entry.task, known)}")
        return [entry.task] * len(store.tasks)
    if len(known) == 1 and len(store.tasks) == 1:
        return known
    for name in store.tasks:
        if name not in known:
            raise DataError(
                f"{store.path} holds task {name!r}, which is not among data.tasks{nearest(name, known)} "
                f"({', '.join(known)}); declare it, or set `task` of this entry"
            )
    return store.tasks
