# SPDX-License-Identifier: MIT
"""The table of a store: columns of its records, edges from one pass over its structures."""

from __future__ import annotations

import numpy as np

from mlipkit.data.scan import Show, scan
from mlipkit.data.store import CONDITIONS, composition_chunks
from mlipkit.data.stored import StoredStructures
from mlipkit.data.table import Table, Tables


def stored_table(tables: Tables, structures: StoredStructures, cutoff: float, show: Show) -> Table:
    """Table of the structures that an entry takes from a store.

    Args:
        tables: to join with others.
        structures: of the entry.
        cutoff: angstrom.
        show: is told how far the pass over the structures is.

    Raises:
        DataError: a cell that no neighbour list can be made for.
    """
    store, frames = structures.store, structures.frames
    edges = scan(store, frames, cutoff, show)
    records = store.records[frames]
    config_types = np.array([tables.index(name) for name in store.config_types])
    tasks = np.array([tables.index(name) for name in structures.task_names])
    compositions = [tables.compositions.indices(counts) for counts in composition_chunks(store, frames)]
    stress = records["stress"]
    return Table(
        tables.compositions,
        tables.names,
        n_atoms=records["n_atoms"].astype(np.int64),
        n_edges=edges.n_edges,
        shortest=edges.shortest,
        energy=records["energy"].copy(),
        force_squares=records["force_squares"].copy(),
        largest_force=records["largest_force"].copy(),
        stress_squares=np.square(stress).sum(axis=1),
        largest_stress=np.abs(stress).max(axis=1),
        weight=structures.weight * structures.config_type_weights[records["config_type"]],
        conditions=np.stack([structures.condition(name) for name in CONDITIONS], axis=1),
        composition=np.concatenate(compositions),
        config_type=config_types[records["config_type"]],
        task=tasks[records["task"]],
        source=np.full(len(frames), tables.index(structures.source)),
    )
