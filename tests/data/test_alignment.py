# SPDX-License-Identifier: MIT
"""Two levels of theory on one scale: offsets per species from the compositions that both have."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms

from mlipkit.data.alignment import align, all_reference_energies
from mlipkit.data.config import DataConfig
from mlipkit.data.errors import DataError
from mlipkit.data.structure import Structure
from mlipkit.data.table import Tables

E0 = {"pbe": {"H": -13.0, "C": -1030.0, "O": -2040.0}, "xtb": {"H": -10.0, "C": -50.0, "O": -110.0}}
OFFSETS = {symbol: E0["xtb"][symbol] - E0["pbe"][symbol] for symbol in E0["pbe"]}
ENOUGH = ("H2", "H2O", "CH4", "CO2", "C2H6O")


def molecule(formula: str, task: str, binding: float = -3.0, **conditions: float) -> Structure:
    """Bound by the given energy per atom, which is the same at both levels."""
    numbers = Atoms(formula).numbers
    structure = Structure(
        numbers.astype(np.int64),
        np.zeros((len(numbers), 3)),
        np.zeros((3, 3)),
        (False,) * 3,
        "a",
        0,
        task,
        conditions=conditions,
    )
    structure.energy = sum(E0[task][symbol] for symbol in structure.symbols) + binding * len(numbers)
    return structure


def molecules(task: str, formulas: Sequence[str] = ENOUGH, binding: float = -3.0) -> list[Structure]:
    return [molecule(formula, task, binding) for formula in formulas]


def test_offsets_are_found_whatever_the_binding() -> None:
    # each source has compositions of its own, and different numbers of the shared ones
    ours = [*molecules("xtb"), molecule("H2O", "xtb", -2.8), molecule("H2O", "xtb", -3.2), molecule("O3", "xtb", 50.0)]
    theirs = [*molecules("pbe"), molecule("C60", "pbe", 50.0)]
    found = align(["H", "C", "O"], {}, ours, theirs, E0["pbe"], "pbe")
    assert found.offsets == pytest.approx(OFFSETS)
    assert (found.compositions, found.undetermined, found.to) == (5, [], "pbe")
    assert found.rms == pytest.approx(0.0, abs=1e-9)


def test_residual_tells_what_offsets_cannot_explain() -> None:
    ours = [molecule("H2", "xtb", -3.0), molecule("H4", "xtb", -2.9)]
    found = align(["H"], {}, ours, molecules("pbe", ("H2", "H4")), E0["pbe"])
    assert found.offsets["H"] == pytest.approx(OFFSETS["H"] + 0.05)  # both count alike, per atom
    assert found.rms == pytest.approx(0.05)
    assert "residual 50.00 meV/atom" in str(found)


def test_undetermined_offsets_are_named_and_keep_totals() -> None:
    water = [molecules(task, ("H2O", "H4O2")) for task in ("xtb", "pbe")]
    found = align(["H", "O"], {}, *water, E0["pbe"])
    assert found.undetermined == ["+1 H -2 O"]
    total = 2 * OFFSETS["H"] + OFFSETS["O"]
    assert 2 * found.offsets["H"] + found.offsets["O"] == pytest.approx(total)
    # the smallest relative to E0, which hydrogen has little of
    assert found.offsets["O"] / found.offsets["H"] == pytest.approx(2040.0**2 / (2 * 13.0**2))
    known = align(["O"], {"H": OFFSETS["H"]}, *water, E0["pbe"])
    assert known.offsets == pytest.approx({"O": OFFSETS["O"]})
    assert known.undetermined == []


def test_ions_are_compared_with_ions() -> None:
    theirs = [molecule("H2O", "pbe", total_charge=0), molecule("H2O", "pbe", 1.0, total_charge=1)]
    ours = [molecule("H2O", "xtb", total_charge=0), molecule("H2O", "xtb", 99.0, total_charge=2)]
    found = align(["O"], {"H": OFFSETS["H"]}, ours, theirs, E0["pbe"])
    assert found.compositions == 1
    assert found.offsets == pytest.approx({"O": OFFSETS["O"]})


@pytest.mark.parametrize("shared", [(), ("H2", "H4")])
def test_nothing_shared(shared: Sequence[str]) -> None:
    ours = [*molecules("xtb", shared), molecule("CO2", "xtb")]
    with pytest.raises(DataError, match=r"no composition with .*C.* occurs at both levels of theory"):
        align(["H", "C"], {}, ours, molecules("pbe", shared), E0["pbe"])


def config(**tasks: dict) -> DataConfig:
    return DataConfig.model_validate({"train": ["a"], "tasks": tasks})


def test_e0_of_an_aligned_task() -> None:
    """Isolated atoms, then the configuration, then the other task; declared before the task that it needs."""
    data = config(xtb={"align_to": "pbe", "e0": {"O": -110.0}}, pbe={"e0": E0["pbe"]})
    atom = molecule("H", "xtb", 0.0)
    structures = [*molecules("pbe"), *molecules("xtb")]
    references, alignments = all_reference_energies(data, ["H", "C", "O"], ["xtb", "pbe"], [atom], structures)
    assert list(references) == ["xtb", "pbe"]
    assert references["xtb"].values == pytest.approx(E0["xtb"])
    assert references["xtb"].source == {"H": "isolated atom", "C": "aligned to pbe", "O": "configuration"}
    assert alignments["xtb"].offsets == pytest.approx({"C": OFFSETS["C"]})
    assert set(alignments) == {"xtb"}


def test_own_fit_puts_binding_into_e0_and_alignment_does_not() -> None:
    structures = [*molecules("pbe"), *molecules("xtb", binding=-3.0)]
    for align_to, expected in (("pbe", E0["xtb"]["H"]), (None, E0["xtb"]["H"] - 3.0)):
        data = config(xtb={"align_to": align_to}, pbe={"e0": E0["pbe"]})
        references, _ = all_reference_energies(data, ["H", "C", "O"], ["xtb", "pbe"], [], structures)
        assert references["xtb"].values["H"] == pytest.approx(expected)


def test_user_is_told_what_to_do() -> None:
    data = config(xtb={"align_to": "pbe"}, pbe={"e0": {"H": -13.0, "O": -2040.0}})
    structures = [*molecules("pbe", ("H2O",)), *molecules("xtb", ("H2O",))]
    with pytest.warns(UserWarning, match=r"task 'xtb': the compositions shared with 'pbe' do not .*: \+1 H -2 O can"):
        all_reference_energies(data, ["H", "O"], ["xtb", "pbe"], [], structures)
    with pytest.raises(DataError, match=r"data\.tasks\.xtb\.align_to: no composition .* set data\.tasks\.xtb\.e0"):
        all_reference_energies(data, ["H", "O"], ["xtb", "pbe"], [], structures[:1])


def test_tables_give_the_offsets_of_their_structures() -> None:
    """Compositions, conditions and energies are all that alignment needs: stores need not be read."""
    structures = [*molecules("pbe"), *molecules("xtb"), molecule("H2O", "xtb", -2.9), molecule("O3", "xtb", 50.0)]
    structures += [molecule("H2O", task, binding, total_charge=1) for task, binding in (("pbe", 1.0), ("xtb", 1.1))]
    structures.append(molecule("CO2", "xtb", 99.0, total_charge=1))
    structures[2].energy = None
    data = config(xtb={"align_to": "pbe"}, pbe={"e0": E0["pbe"]})
    no_edges = [SimpleNamespace(centre=np.zeros(0), r_ij=np.zeros((0, 3))) for _ in structures]
    table = Tables().of(structures, no_edges)  # type: ignore[arg-type]
    _, expected = all_reference_energies(data, ["H", "C", "O"], ["xtb", "pbe"], [], structures)
    _, found = all_reference_energies(data, ["H", "C", "O"], ["xtb", "pbe"], [], table)
    assert found["xtb"].offsets == pytest.approx(expected["xtb"].offsets, abs=1e-6)
    assert found["xtb"].rms == pytest.approx(expected["xtb"].rms, abs=1e-9)
    assert found["xtb"].rms > 1e-3
    assert found["xtb"].compositions == expected["xtb"].compositions == 5


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"a": {"align_to": "bb"}, "b": {}}, "tasks.a.align_to: 'bb' is not another task; did you mean 'b'"),
        ({"a": {"align_to": "a"}}, r"'a' is not another task \(others: none\)"),
        ({"a": {"align_to": "b"}, "b": {"align_to": "c"}, "c": {}}, "'b' is itself aligned, to 'c'; align both to one"),
    ],
)
def test_alignment_needs_another_task_that_stands_alone(tasks: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**tasks)
