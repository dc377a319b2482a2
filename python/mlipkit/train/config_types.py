# SPDX-License-Identifier: MIT
"""Errors by kind of configuration: one row per config_type and a total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.table import Table

from mlipkit.train.results import LABELS, Pair, Results, errors

NO_TYPE = "(none)"


def config_type_errors(results: Results) -> dict[str, dict[str, Any]]:
    """Number of structures and errors of each config_type, by name.

    Returns:
        config_type -> ``{"structures", quantity: {"unit", "n", "mae", "rmse", "max"}}``; a quantity that a config_type
        has no labels for is left out.
    """
    names = [structure.config_type or NO_TYPE for structure in results.structures]
    found = {}
    for name in sorted(set(names)):
        part = _part(results, np.array([other == name for other in names]))
        numbers = {quantity: entry for quantity, entry in errors(part, groups=False).items() if entry["n"]}
        found[name] = {"structures": len(part.structures), **numbers}
    return found


def config_type_table(by_type: Mapping[str, Mapping[str, Any]], total: Mapping[str, Any]) -> Table:
    """MAE and RMSE of every quantity, a row per config_type and a total.

    Args:
        by_type: from :func:`config_type_errors`.
        total: quantity -> errors of all structures.
    """
    shown = Table(title="MAE / RMSE by config_type", title_justify="left", show_footer=True)
    structures = sum(entry["structures"] for entry in by_type.values())
    shown.add_column("config_type", footer="total", overflow="fold")
    shown.add_column("structures", footer=str(structures), justify="right")
    for quantity, numbers in total.items():
        unit = LABELS[quantity][2].replace("$", "") if quantity in LABELS else numbers["unit"]
        header = quantity.replace("_", " ") + (f"\n({unit})" if unit else "")
        shown.add_column(header, footer=_cell(quantity, numbers), justify="right")
    for name, entry in by_type.items():
        shown.add_row(name, str(entry["structures"]), *(_cell(quantity, entry.get(quantity)) for quantity in total))
    return shown


def _cell(quantity: str, numbers: Mapping[str, Any] | None) -> str:
    if not numbers or not numbers["n"]:
        return "no labels"
    factor = LABELS[quantity][1] if quantity in LABELS else 1.0
    return f"{factor * numbers['mae']:.4g} / {factor * numbers['rmse']:.4g}"


def _part(results: Results, chosen: np.ndarray) -> Results:
    """Some of the structures with their labels and predictions."""
    atoms = np.repeat(chosen, [len(structure) for structure in results.structures])
    rows = {name: atoms if results.per_atom(name) else chosen for name in results.pairs}
    pairs = {name: Pair(p.reference[rows[name]], p.predicted[rows[name]]) for name, p in results.pairs.items()}
    structures = [structure for structure, taken in zip(results.structures, chosen, strict=True) if taken]
    return Results(structures, pairs)
