# SPDX-License-Identifier: MIT
"""What charge and spin of a structure must fulfil before a model learns from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlipkit.data.errors import DataError
from mlipkit.data.structure import Structure

LARGEST_CHARGE_ERROR = 0.1  # e: labels round, and integrals over a grid do not close; the wrong charge is off by one


def electron_misfit(protons: int, charge: float, multiplicity: float) -> str | None:
    """Why so many electrons (protons - charge) cannot have a spin multiplicity; None where they can.

    2S unpaired electrons are as many as there are, or fewer by an even number. Says nothing of numbers that are not
    whole.
    """
    if charge != round(charge) or multiplicity != round(multiplicity):
        return None
    electrons, unpaired = protons - round(charge), round(multiplicity) - 1
    if unpaired <= electrons and (electrons - unpaired) % 2 == 0:
        return None
    fitting = "odd" if electrons % 2 == 0 else "even"  # of the multiplicity
    return (
        f"total_charge {charge:g} leaves {electrons} electrons, which cannot have spin_multiplicity {multiplicity:g}: "
        f"it must be {fitting} and at most {electrons + 1}"
    )


def check_electrons(structure: Structure) -> None:
    """Refuses a number of electrons (sum of Z - total charge) that cannot have the spin multiplicity.

    Says nothing unless the structure has both conditions, as whole numbers.

    Raises:
        DataError: the two do not fit.
    """
    charge, multiplicity = (structure.conditions.get(name) for name in ("total_charge", "spin_multiplicity"))
    if charge is None or multiplicity is None:
        return
    misfit = electron_misfit(int(structure.numbers.sum()), charge, multiplicity)
    if misfit is not None:
        raise DataError(
            f"{structure.where}: {misfit}; correct one of the two (data.keys.total_charge, "
            f"data.keys.spin_multiplicity, data.tasks.{structure.task}.defaults)"
        )


def check_charge_sums(structures: Iterable[Structure], outputs: Sequence[str]) -> None:
    """Refuses labels of charges that do not sum to the total charge, as the model's charges will.

    Args:
        structures: with labels or without.
        outputs: names of those that the model makes sum to the total charge.

    Raises:
        DataError: they are off by more than ``LARGEST_CHARGE_ERROR``.
    """
    if not outputs:
        return  # without reading a store
    for structure in structures:
        charge = structure.conditions.get("total_charge")
        for name in outputs:
            labels = structure.outputs.get(name)
            if labels is not None and abs(float(labels.sum()) - (charge or 0.0)) > LARGEST_CHARGE_ERROR:
                known = f"total_charge is {charge:g}" if charge is not None else "the model takes no total_charge"
                remedy = "correct one of the two" if charge is not None else "set model.total_charge_range"
                raise DataError(
                    f"{structure.where}: labels of output {name!r} sum to {float(labels.sum()):.3f} e, but {known}; "
                    f"{remedy}, or leave out sums_to of the output"
                )
