# SPDX-License-Identifier: MIT
"""Predictions beside their labels, and the errors between them. The same for checkpoints, artifacts and validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.structure import Structure
from mlipkit.nn.ensemble import DEVIATIONS, FORCE_SIGMA

Array = NDArray[np.float64]
UNITS = {"energy_per_atom": "eV/atom", "forces": "eV/angstrom", "stress": "eV/angstrom^3"}
# How people like to read them: axis label, factor on errors, unit of the errors.
LABELS = {
    "energy_per_atom": ("energy per atom (eV)", 1e3, "meV/atom"),
    "forces": ("force component (eV/angstrom)", 1e3, "meV/angstrom"),
    "stress": ("stress component (eV/angstrom$^3$)", 1e3, "meV/angstrom$^3$"),
}


@dataclass
class Pair:
    """Labels and predictions of one quantity; rows are structures or atoms. Missing labels are NaN."""

    reference: Array  # [n, ...]
    predicted: Array  # as reference

    def known(self, rows: NDArray[np.bool_] | None = None) -> tuple[Array, Array]:
        """Flat labels and predictions of the rows, without missing labels."""
        reference, predicted = self.reference, self.predicted
        if rows is not None:
            reference, predicted = reference[rows], predicted[rows]
        mask = np.isfinite(reference)
        return reference[mask], predicted[mask]


@dataclass
class Results:
    """Predictions for some structures."""

    structures: Sequence[Structure]
    pairs: dict[str, Pair] = field(default_factory=dict)  # energy_per_atom, forces, stress, named outputs
    e0: Array | None = None  # [B] eV/atom, to plot energies without their large constant part
    outputs: dict[str, Array] = field(default_factory=dict)  # named outputs per atom, [N, width]
    sigma: dict[str, Array] = field(default_factory=dict)  # quantity -> expected error per row, where the model says so

    def per_atom(self, quantity: str) -> bool:
        return quantity not in {"energy_per_atom", "stress"}


def collect(
    structures: Sequence[Structure],
    energy: Array,
    forces: Array,
    stress: Array,
    outputs: dict[str, Array] | None = None,
    e0: Array | None = None,
) -> Results:
    """Puts predictions beside the labels of structures.

    Args:
        structures: B of them, with N atoms in all.
        energy: [B] eV, total. forces: [N, 3] eV/angstrom. stress: [B, 6] eV/angstrom^3, NaN where not periodic.
        outputs: name -> [N, k].
        e0: [B] eV, sum of reference energies.
    """
    sizes = np.array([len(structure) for structure in structures], dtype=np.float64)
    labels = np.array([np.nan if s.energy is None else s.energy for s in structures])
    pairs = {"energy_per_atom": Pair(labels / sizes, energy / sizes)}
    pairs["forces"] = Pair(_stack([s.forces for s in structures], [(len(s), 3) for s in structures]), forces)
    pairs["stress"] = Pair(
        _stack([None if s.stress is None else s.stress[None] for s in structures], [(1, 6)] * len(structures)), stress
    )
    for name, values in (outputs or {}).items():
        shapes = [(len(s), values.shape[1]) for s in structures]
        pairs[name] = Pair(_stack([s.outputs.get(name) for s in structures], shapes), values)
    pairs = {name: pair for name, pair in pairs.items() if np.isfinite(pair.reference).any()}
    given = outputs or {}
    return Results(structures, pairs, None if e0 is None else e0 / sizes, given, _expected_errors(given, sizes))


def spread_of_sums(deviations: Array, sizes: Array) -> Array:
    """Standard deviation [B] of the members' total energies, from those of the atoms [N, members]."""
    starts = np.cumsum([0, *sizes[:-1]]).astype(np.int64)
    return np.add.reduceat(deviations, starts, axis=0).std(axis=1, ddof=1)


def _expected_errors(outputs: dict[str, Array], sizes: Array) -> dict[str, Array]:
    """Of quantities, by an ensemble; nothing where it was never fitted."""
    if FORCE_SIGMA not in outputs or not outputs[FORCE_SIGMA].all():
        return {}
    energy = spread_of_sums(outputs[DEVIATIONS], sizes) / sizes
    return {"energy_per_atom": energy, "forces": outputs[FORCE_SIGMA][:, 0]}


def scaled_errors(results: Results, quantity: str) -> Array:
    """Errors in units of the expected ones, flat; a component of a vector is expected to err like the others."""
    pair = results.pairs[quantity]
    difference = pair.predicted - pair.reference
    sigma = results.sigma[quantity].reshape(-1, *[1] * (difference.ndim - 1))
    z = difference / sigma
    return z[np.isfinite(pair.reference)]


def coverage(results: Results) -> dict[str, dict[str, float]]:
    """How well the expected errors of each quantity fit: the share of errors within one and two of them (a Gaussian has
    0.683 and 0.954), and their root mean square in the unit of the quantity."""
    found = {}
    for quantity in [name for name in results.sigma if name in results.pairs]:
        z = np.abs(scaled_errors(results, quantity))
        found[quantity] = {
            "within_1_sigma": float((z <= 1).mean()),
            "within_2_sigma": float((z <= 2).mean()),
            "rms_sigma": float(np.sqrt((results.sigma[quantity] ** 2).mean())),
        }
    return found


def errors(results: Results, groups: bool = True) -> dict[str, dict[str, Any]]:
    """Mean absolute, root-mean-square and largest error of each quantity.

    Args:
        results: predictions and labels.
        groups: also per element (quantities per atom) and per config_type and task, where there are several.

    Returns:
        quantity -> ``{"unit", "n", "mae", "rmse", "max", "per_element": {...}, "per_config_type": {...}, ...}``, with
        what :func:`coverage` gives where the model expects errors.
    """
    table: dict[str, dict[str, Any]] = {}
    covered = coverage(results)
    for quantity, pair in results.pairs.items():
        numbers = {**_numbers(*pair.known()), **covered.get(quantity, {})}
        table[quantity] = {"unit": UNITS.get(quantity, ""), **numbers}
        if groups:
            for kind, members in _groups(results, quantity):
                found = {name: _numbers(*pair.known(rows)) for name, rows in members.items()}
                table[quantity][kind] = {name: numbers for name, numbers in found.items() if numbers["n"]}
    return table


def _groups(results: Results, quantity: str) -> Iterator[tuple[str, dict[str, NDArray[np.bool_]]]]:
    """Kinds of groups, each with the rows of its members."""
    structures = results.structures
    sizes = np.array([len(s) for s in structures])
    if results.per_atom(quantity):
        symbols = np.array([symbol for s in structures for symbol in s.symbols])
        yield "per_element", {str(symbol): symbols == symbol for symbol in np.unique(symbols)}
    for kind, names in (("config_type", [s.config_type for s in structures]), ("task", [s.task for s in structures])):
        if len(set(names)) > 1:
            rows = np.repeat(names, sizes) if results.per_atom(quantity) else np.array(names)
            yield f"per_{kind}", {str(name): rows == name for name in np.unique(rows)}


def _numbers(reference: Array, predicted: Array) -> dict[str, Any]:
    if reference.size == 0:
        return {"n": 0, "mae": None, "rmse": None, "max": None}
    difference = np.abs(predicted - reference)
    return {
        "n": int(reference.size),
        "mae": float(difference.mean()),
        "rmse": float(np.sqrt((difference**2).mean())),
        "max": float(difference.max()),
    }


def _stack(values: Sequence[Array | None], shapes: Sequence[tuple[int, ...]]) -> Array:
    filled = [
        np.full(shape, np.nan) if value is None else value.reshape(shape)
        for value, shape in zip(values, shapes, strict=True)
    ]
    return np.concatenate(filled)
