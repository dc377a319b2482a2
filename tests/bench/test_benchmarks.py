# SPDX-License-Identifier: MIT
"""Benchmarks run, compute what they say, and print lines that the report can read. No time decides a test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_scripts import BENCHMARKS

Quick = Callable[[str], dict[str, Any]]
NAMES = ["inference", "kernels", "training", "data", "memory", "lammps", "latency", "scaling", "heat_flux", "finetune"]
NAMES += ["crystal", "openmm"]


@pytest.mark.parametrize("name", NAMES)
def test_line_and_table(name: str, quick: Quick) -> None:
    line = quick(name)
    assert line["benchmark"] == name
    assert line["quick"]
    assert line["machine"]["torch"]
    assert line["rows"]
    table = line["table"]
    assert len(table["rows"]) == len(line["rows"])
    assert all(len(row) == len(table["columns"]) for row in table["rows"])


def test_inference_compares_the_same_function(quick: Quick) -> None:
    agreement, times = quick("inference")["rows"]
    assert agreement["double"]["forces"] < 1e-11
    assert agreement["largest_force"] > 0.1
    assert not times["failed"]
    found = {name.split(",")[0]: value["forces"] for name, value in times["differences"].items()}
    assert set(found) == {"torchscript", "calculator"}
    assert max(found.values()) < 1e-4
    assert times["ratio_as_users_get_it"] == pytest.approx(times["torchscript_us"] / times["mlipkit_us"])


def test_training_takes_steps_of_the_same_model(quick: Quick) -> None:
    (row,) = quick("training")["rows"]
    assert row["atoms"] == 5 * 27
    assert row["difference"] < 1e-4 < 0.01 < row["largest_force"]
    assert set(row["times"]) == {"mlipkit", "mace-torch"}


def test_data_store_against_files(quick: Quick) -> None:
    access, step, spread = quick("data")["rows"]
    assert set(access["times"]) == {"store", "ase db", "extxyz"}
    assert set(step["times"]) == {"memory", "store", "store, 1 thread", "store, 2 threads"}
    details = spread["details"]
    largest = {name: case["edges"][2] / case["edges"][1] for name, case in details.items()}
    assert largest["batch_edges"] < largest["batch_size"]  # of the edges, not of the times


def test_ways_of_training_take_the_same_data(quick: Quick) -> None:
    rows = quick("finetune")["rows"]
    assert [row["way"] for row in rows] == ["from scratch", "full", "full + replay", "lora", "frozen"]
    assert {row["structures"] for row in rows} == {10}
    assert [row["old"] is None for row in rows] == [True, False, False, False, False]
    assert rows[-1]["old"]["forces"] == pytest.approx(rows[-1]["old before"]["forces"], rel=1e-4)  # frozen
    assert len({row["more"]["forces"] for row in rows}) == len(rows)


def test_every_operator_in_every_pass(quick: Quick) -> None:
    import torch

    import mlipkit.ops  # noqa: F401

    rows = quick("kernels")["rows"]
    measured = {row["operator"].split(",")[0] for row in rows}
    computing = {
        schema.name.removeprefix("mlip::")
        for schema in torch._C._jit_get_all_schemas()
        if schema.name.startswith("mlip::") and any(str(argument.type) == "Tensor" for argument in schema.arguments)
    }
    assert measured == computing - {"halo_exchange"}  # which moves numbers and computes none
    assert {row["pass"] for row in rows} == {"forward", "backward", "derivative"}
    assert all(row["us_per_atom"] > 0 and row["operations"] > 0 and row["bytes"] > 0 for row in rows)


def test_memory_of_processes(quick: Quick) -> None:
    *engine, lammps = quick("memory")["rows"]
    assert [row["atoms"] for row in engine] == [192, 1536]
    assert all(0 < row["above_imports_mib"] < row["peak_mib"] for row in engine)
    assert len(lammps["per_rank"]) == 2
    assert sum(rank["atoms"] for rank in lammps["per_rank"]) == lammps["atoms"] == 384


def test_crystals_take_the_memory_that_was_announced(quick: Quick) -> None:
    rows = quick("crystal")["rows"]
    assert [row["atoms"] for row in rows[:3]] == [2048, 864, 2916]
    sizes = [row["atoms"] for row in rows]
    announced = [row["announced_gib"] for row in sorted(rows, key=lambda row: row["atoms"])]
    assert announced == sorted(announced)
    per_atom = [row["announced_gib"] / row["atoms"] for row in rows]
    assert max(per_atom) < 1.3 * min(per_atom), "a crystal's need is in proportion to its atoms"
    assert min(per_atom) > 1e-6, "GiB: the edges' vectors alone"
    assert max(sizes) == sizes[-1] > 2916, "the limit allows a larger crystal than the two that it was estimated from"
    for row in rows:
        assert row["announced_gib"] < row["peak_gib"]
        assert 250 < row["temperature"] < 350


def test_lammps_breakdown_and_steady_steps(quick: Quick) -> None:
    rows = quick("lammps")["rows"]
    loops = [row for row in rows if row["what"] == "breakdown"]
    assert [row["ranks"] for row in loops] == [1, 2][: len(loops)]
    for row in loops:
        assert sum(row["sections_ms"].values()) == pytest.approx(row["ms_per_step"], rel=0.05)
        assert row["sections_ms"]["pair"] > 0
    (steady,) = (row for row in rows if row["what"] == "steady")
    assert steady["steps"] == 40
    assert steady["p99_ms"] >= steady["median_ms"] > 0
    assert 50 < steady["temperature"] < 2000  # molecules hold together


def test_latency_of_every_program(quick: Quick) -> None:
    (row,) = quick("latency")["rows"]
    assert set(row["times"]) == {"engine", "ase", "openmm", "mace-torch TorchScript", "mace-torch calculator"}
    assert row["difference"] < 1e-5


def test_bytes_between_ranks_are_those_of_the_formula(quick: Quick) -> None:
    rows = quick("scaling")["rows"]
    measured = [row for row in rows if row["case"] != "extrapolated"]
    assert [row["ranks"] for row in measured] == [1, 2] * 2
    for row in measured:
        assert row["bytes"] == pytest.approx(row["bytes_formula"], rel=0.02)  # ghosts come and go
        assert row["ghosts_per_rank"] == pytest.approx(row["ghosts_model"], rel=0.05)
    efficiencies = [row["efficiency"] for row in rows if row["case"] == "extrapolated"]
    assert efficiencies == sorted(efficiencies, reverse=True)  # the fewer atoms per rank, the more network


def test_centroid_virials_sum_to_the_virial(quick: Quick) -> None:
    (row,) = quick("heat_flux")["rows"]
    assert row["difference"] < 1e-5  # single precision
    assert row["ratio"] > 0


def test_finished_parts_are_not_measured_again(quick: Quick, bench_folder: Path) -> None:
    before = quick("memory")
    command = [sys.executable, str(BENCHMARKS / "memory" / "run.py"), "--quick", "-o", str(bench_folder)]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    assert json.loads(done.stdout.split("\n", 1)[0])["rows"] == before["rows"]


@pytest.mark.parametrize("name", NAMES)
def test_help(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / name / "run.py"), "--help"], text=True, capture_output=True, check=True
    )
    assert "--output" in done.stdout
