# SPDX-License-Identifier: MIT
"""Error tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from mlipkit.train.results import LABELS


def error_table(table: dict[str, dict[str, Any]], title: str) -> Table:
    """MAE, RMSE and largest error per quantity, and per element, config_type and task where there are groups.

    Models that expect errors have two more columns: the share of errors within one and two of the expected ones.
    """
    covered = any("within_1_sigma" in numbers for numbers in table.values())
    shown = Table(title=title, title_justify="left")
    shown.add_column("quantity")
    shown.add_column("of")
    for name in ("MAE", "RMSE", "largest"):
        shown.add_column(name, justify="right")
    shown.add_column("unit")
    shown.add_column("labels", justify="right")
    if covered:
        shown.add_column("in 1, 2 sigma", justify="right")
    for quantity, numbers in table.items():
        _, factor, unit = LABELS.get(quantity, (quantity, 1.0, numbers["unit"]))
        unit = unit.replace("$", "")
        name = quantity.replace("_", " ")
        rows = [("all", numbers)]
        for kind in ("per_element", "per_config_type", "per_task"):
            prefix = "" if kind == "per_element" else kind.removeprefix("per_") + " "
            rows += [(prefix + (group or "(none)"), entry) for group, entry in numbers.get(kind, {}).items()]
        for position, (group, entry) in enumerate(rows):
            values = [f"{factor * entry[key]:.4g}" for key in ("mae", "rmse", "max")]
            shares = [f"{100 * entry[f'within_{k}_sigma']:.0f} %" for k in (1, 2) if f"within_{k}_sigma" in entry]
            last = [", ".join(shares)] if covered else []
            shown.add_row(name if position == 0 else "", group, *values, unit, str(entry["n"]), *last)
        shown.add_section()
    return shown
