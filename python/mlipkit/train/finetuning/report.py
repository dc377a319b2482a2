# SPDX-License-Identifier: MIT
"""What fine-tuning changed: E0 before step 1, errors before and after on new and on old data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from mlipkit.train.finetuning.references import TaskReferences
from mlipkit.train.results import LABELS

Errors = dict[str, dict[str, Any]]  # of :func:`mlipkit.train.results.errors`
NEW, OLD = "new data", "old data"
LARGE_RESIDUAL = 0.1  # eV/atom; of a model that knows anything of the data, with E0 that fit, some meV to tens


def reference_table(found: Sequence[TaskReferences]) -> Table:
    """E0 of every task and species, old and new, and what is left of the energies with either."""
    table = Table(title="reference energies (eV) before step 1", title_justify="left")
    for name in ("task", "species", "old E0", "new E0", "from"):
        table.add_column(name, justify="right" if "E0" in name else "left")
    for references in found:
        for position, (symbol, value) in enumerate(references.energies.values.items()):
            old = f"{references.old[symbol]:.6f}" if symbol in references.old else "-"
            task = references.task if position == 0 else ""
            table.add_row(task, symbol, old, f"{value:.6f}", references.energies.source[symbol])
        if references.n_energies:
            rms = [
                f"{1e3 * value:.1f}" if value == value else "-" for value in (references.rms_old, references.rms_new)
            ]
            table.add_row("", "label - model", *rms, "meV/atom RMS", style="bold")
        table.add_section()
    return table


def reference_notes(found: Sequence[TaskReferences]) -> Iterator[str]:
    """What the fit could not know, and E0 that do not go with the model."""
    for references in found:
        if references.rms_new > LARGE_RESIDUAL:
            yield (
                f"task {references.task}: with these E0 the model is off by {1e3 * references.rms_new:.0f} meV/atom "
                "before step 1: are E0 and units those of the labels? E0 of isolated atoms go with a model whose own "
                "E0 were those of isolated atoms"
            )
        for combination in references.energies.undetermined:
            yield (
                f"task {references.task}: the compositions do not tell {combination} of E0; it stays as it was, and no "
                "energy of these compositions depends on it"
            )


def comparison(before: Mapping[str, Errors], after: Mapping[str, Errors]) -> list[dict[str, Any]]:
    """A row per data set, task and quantity that both have: RMSE before and after and their ratio."""
    rows = []
    for name, tables in before.items():
        for quantity, numbers in tables.items():
            then = after[name][quantity]
            groups = {"": (numbers, then)}
            for task, entry in numbers.get("per_task", {}).items():
                groups[task] = (entry, then["per_task"][task])
            for task, (old, new) in groups.items():
                ratio = new["rmse"] / old["rmse"] if old["rmse"] > 0 else float("inf")
                rows.append(
                    {
                        "data": name,
                        "task": task,
                        "quantity": quantity,
                        "unit": numbers["unit"],
                        "rmse_before": old["rmse"],
                        "rmse_after": new["rmse"],
                        "ratio": ratio,
                    }
                )
    return rows


def comparison_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """RMSE of the initial model (with the new E0) and of the tuned one."""
    table = Table(title="before and after: RMSE", title_justify="left")
    for name in ("data", "quantity", "task", "before", "after", "after / before", "unit"):
        table.add_column(name, justify="right" if "after" in name or name == "before" else "left")
    for row in rows:
        _, factor, unit = LABELS.get(row["quantity"], (row["quantity"], 1.0, row["unit"]))
        values = [f"{factor * row[key]:.4g}" for key in ("rmse_before", "rmse_after")]
        cells = [row["data"], row["quantity"].replace("_", " "), row["task"], *values]
        table.add_row(*cells, f"{row['ratio']:.3g}", unit.replace("$", ""))
    return table


def forgotten(rows: Sequence[Mapping[str, Any]], factor: float) -> list[str]:
    """A warning for every error on old data that grew by more than the factor."""
    warnings = []
    for row in rows:
        if row["data"] == OLD and row["ratio"] > factor:
            _, scale, unit = LABELS.get(row["quantity"], (row["quantity"], 1.0, row["unit"]))
            of = f" of task {row['task']}" if row["task"] else ""
            warnings.append(
                f"the model forgets: on old data{of} the RMSE of {row['quantity'].replace('_', ' ')} grew from "
                f"{scale * row['rmse_before']:.4g} to {scale * row['rmse_after']:.4g} {unit.replace('$', '')}, by a "
                f"factor of {row['ratio']:.3g} (more than finetune.forgetting {factor:g}); replay old data, raise "
                "finetune.replay.share, lower optimizer.lr, or use method lora or frozen"
            )
    return warnings
