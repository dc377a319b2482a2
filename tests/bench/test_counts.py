# SPDX-License-Identifier: MIT
"""Counted operations against sums written out by hand, and the report's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bench_scripts import BENCHMARKS  # before the modules in that folder

import report
from common import counts
from common.structures import molecule, structure

Quick = Callable[[str], dict[str, Any]]
SECTIONS = {"training": "old", "lammps": "kept"}


def test_convolution_of_scalars() -> None:
    """l_max 1, scalar features: paths (0,0,0) and (0,1,1), with one and three non-zero coefficients."""
    forward = counts.convolution(0, 1, channels=10, edges=3, tabulated=False, which="forward")
    assert forward.operations == 3 * (2 * (1 + 3) + 10 * ((1 + 2) + (1 + 6)))
    backward = counts.convolution(0, 1, channels=10, edges=3, tabulated=True, which="backward")
    assert backward.operations == 3 * (4 * (1 + 3) + 10 * ((1 + 4 + 4) + (1 + 12 + 4) + 2 * (24 + 2)))
    # given weights of two paths, four harmonics, indices; features in and messages out
    assert forward.bytes == 3 * 4 * (2 * 10 + 4) + 3 * 16 + 4 * 10 + 4 * 4 * 10


def test_contraction_of_order_one() -> None:
    """Only the scalar itself is an invariant of order one: one node."""
    assert counts.contraction(2, 0, 1, channels=7, which="forward").operations == 2 * 7
    assert counts.contraction(2, 0, 1, channels=7, which="backward").operations == 4 * 7


def test_linear_maps() -> None:
    count = counts.linear([2, 1], 16, 8)
    assert count.operations == 2 * (2 + 3) * 16 * 8
    assert count.bytes == 4 * ((2 + 3) * 16 + (1 + 3) * 8)


def test_parts_name_cases_of_the_kernel_benchmark(quick: Quick) -> None:
    measured = {row["operator"] for row in quick("kernels")["rows"]}
    for hidden in (0, 1):
        for part in counts.model_parts(128, hidden, 3, 3, 52.0, 2, 32):
            assert set(part.cases) <= measured


def test_report_fills_pages_between_markers(quick: Quick) -> None:
    lines = {"training": quick("training"), "kernels": quick("kernels")}
    page = "".join(f"<!-- benchmark: {name} -->\n{text}\n<!-- end -->\n" for name, text in SECTIONS.items())
    filled = report.fill(page, lines)
    assert "mace-torch, ms" in filled
    assert "old" not in filled
    assert "kept" in filled
    assert report.fill(filled, lines) == filled
    assert "2: convolution" in report.counts("128x0e", lines)


def test_page_holds_the_counts_of_the_code() -> None:
    page = (BENCHMARKS.parent / "docs" / "performance.md").read_text()
    for model in ("128x0e", "128x0e+128x1o"):
        for line in report.counts(model, {}).splitlines()[2:]:
            part, *numbers = (cell.strip() for cell in line.strip("|").split("|"))
            assert f"| {part} | {' | '.join(numbers)}" in page


@pytest.mark.parametrize(
    ("name", "edges"), [("water-192", 52), ("water-1536", 52), ("copper-256", 43), ("droplet-3", 2)]
)
def test_structures_have_the_neighbours_that_they_should(name: str, edges: int) -> None:
    from ase.neighborlist import neighbor_list

    atoms = structure(name)
    assert len(atoms) == int(name.split("-")[1])
    assert len(neighbor_list("i", atoms, 5.0)) / len(atoms) == pytest.approx(edges, abs=0.5)


def test_impossible_structures_are_refused() -> None:
    with pytest.raises(ValueError, match="192 k"):
        structure("water-200")
    with pytest.raises(ValueError, match="water, copper, droplet"):
        structure("ice-192")


def test_molecule_is_whole() -> None:
    """Every atom has as many bonds as its element forms in 3-(benzyloxy)pyridin-2-amine."""
    from ase.neighborlist import natural_cutoffs, neighbor_list

    atoms = molecule()
    assert str(atoms.symbols.formula.convert("hill")) == "C12H12N2O"
    centre = neighbor_list("i", atoms, natural_cutoffs(atoms, 1.1))
    bonds = sorted((symbol, int((centre == k).sum())) for k, symbol in enumerate(atoms.symbols))
    assert bonds == sorted([("H", 1)] * 12 + [("O", 2), ("N", 2), ("N", 3), ("C", 4)] + [("C", 3)] * 11)
