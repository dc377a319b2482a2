# SPDX-License-Identifier: MIT
"""What TorchForce cannot pass to a model, checked before it is written into the file: elements, task, conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ase.data import atomic_numbers

from mlipkit.data.charge_spin import electron_misfit
from mlipkit.export.manifest import Condition


def species_numbers(symbols: Sequence[str], known: Sequence[str]) -> list[int]:
    """Model index of each particle.

    Raises:
        ValueError: no particle, or an element that the model does not know.
    """
    if not symbols:
        raise ValueError("the structure has no atoms; TorchForce needs a list of particles")
    missing = sorted(set(symbols) - set(known))
    if missing:
        where = list(symbols).index(missing[0])
        raise ValueError(
            f"the model does not know {', '.join(missing)} (first: particle {where}, {missing[0]!r}); "
            f"it knows {', '.join(known)}"
        )
    number = {symbol: index for index, symbol in enumerate(known)}
    return [number[symbol] for symbol in symbols]


def choose_task(tasks: Sequence[str], wanted: str | None) -> str:
    """The task wanted, or the only one.

    Raises:
        ValueError: there are several and none is named, or no such one.
    """
    if wanted is None and len(tasks) > 1:
        raise ValueError(f"the model has several tasks; name one of {', '.join(tasks)} (--task)")
    if wanted is not None and wanted not in tasks:
        raise ValueError(f"the model has no task {wanted!r}; it has {', '.join(tasks)}")
    return wanted or tasks[0]


def condition_values(
    conditions: Mapping[str, Condition], task: str, given: Mapping[str, float], symbols: Sequence[str]
) -> dict[str, float]:
    """The value of every condition of the model: given, or the default of the task.

    Raises:
        ValueError: a value that the model does not take, that is missing or out of range, or a number of electrons that
            cannot have the spin multiplicity.
    """
    for name in given:
        if name not in conditions:
            takes = f"it takes {', '.join(conditions)}" if conditions else "it takes no conditions"
            raise ValueError(f"the model does not take {name}; {takes}: leave {option(name)} out")
    values: dict[str, float] = {}
    for name, condition in conditions.items():
        low, high = condition.range
        value = given.get(name, condition.default.get(task))
        if value is None:
            raise ValueError(f"the model needs {name} ({low:g} to {high:g}) in task {task!r}; give {option(name)}")
        if not low <= value <= high:
            raise ValueError(f"{name} = {value:g} is outside the range of the model, {low:g} to {high:g}")
        values[name] = float(value)
    if {"total_charge", "spin_multiplicity"} <= set(values):
        protons = sum(int(atomic_numbers[symbol]) for symbol in symbols)
        misfit = electron_misfit(protons, values["total_charge"], values["spin_multiplicity"])
        if misfit is not None:
            raise ValueError(f"{misfit}; give --total-charge and --spin-multiplicity that fit the structure")
    return values


def option(name: str) -> str:
    """``total_charge`` as the command line spells it."""
    return "--" + name.replace("_", "-")
