# SPDX-License-Identifier: MIT
"""Weights by energy: of structures of one composition, those that lie high above the lowest count less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from ase.units import kB

from mlipkit.data.config import BoltzmannConfig
from mlipkit.data.lazy import Weighted, weighted_graph, weighted_structure
from mlipkit.data.subset import Subset


def weigh(config: BoltzmannConfig, prepared: Mapping[str, Subset]) -> tuple[dict[str, Subset], str]:
    """Multiplies weights by exp(-(E - Emin) / kT), but by no less than the floor.

    E is the energy of the whole structure, Emin the lowest of all training, validation and test structures of the same
    composition and task. Structures without an energy keep their weight.

    Returns:
        The subsets with new weights, and a line for people.
    """
    lowest: dict[tuple[int, int], float] = {}
    keys = {}
    for name, subset in prepared.items():
        table = subset.table
        pairs, inverse = np.unique(np.stack([table.composition, table.task]), axis=1, return_inverse=True)
        minima = np.full(pairs.shape[1], np.inf)
        np.fmin.at(minima, inverse.ravel(), table.energy)
        keys[name] = pairs, inverse.ravel()
        for pair, energy in zip(pairs.T.tolist(), minima.tolist(), strict=True):
            lowest[tuple(pair)] = min(lowest.get(tuple(pair), np.inf), energy)
    found, everything = {}, []
    for name, subset in prepared.items():
        pairs, inverse = keys[name]
        minima = np.array([lowest[tuple(pair)] for pair in pairs.T.tolist()])[inverse]
        above = np.where(np.isnan(subset.table.energy), 0.0, subset.table.energy - minima)
        factors = np.maximum(np.exp(-above / (kB * config.temperature)), config.floor)
        everything.append(factors)
        found[name] = _weighted(subset, factors)
    factors = np.concatenate(everything)
    line = (
        f"Boltzmann weights at {config.temperature:g} K: median {np.median(factors):.3g}, "
        f"{(factors <= config.floor).sum()} of {len(factors)} structures at the floor of {config.floor:g}"
    )
    return found, line


def _weighted(subset: Subset, factors: np.ndarray) -> Subset:
    table = replace(subset.table, weight=subset.table.weight * factors)
    structures, graphs = subset.structures, subset.graphs
    if isinstance(structures, list):
        structures = [weighted_structure(s, f) for s, f in zip(structures, factors.tolist(), strict=True)]
    else:
        structures = Weighted(structures, factors, weighted_structure)
    if isinstance(graphs, list):
        for graph, factor in zip(graphs, factors.tolist(), strict=True):
            graph.weight = weighted_graph(graph, factor).weight
    else:
        graphs = Weighted(graphs, factors, weighted_graph)
    return Subset(structures, graphs, table)
