# SPDX-License-Identifier: MIT
"""Named outputs: per atom, of the structure, charges that sum to the total charge; on any number of processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_ranks import Ranks
from engine_toy import CHANNELS, CUTOFF, SPECIES, Toy, manifest, probe, write_artifact
from numpy.typing import NDArray
from random_cells import Case

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status

FACTOR = 2.5


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "unit": "e", "per": "atom", "width": 1, **more}


def statistic(name: str, kind: str, of: str = "moments", width: int = CHANNELS, factor: float = 1.0) -> dict[str, Any]:
    return entry(name, per="structure", width=width, statistic=kind, of=of, factor=factor)


RAW = [entry("charges"), entry("moments", width=CHANNELS)]
STATISTICS = [
    statistic("total", "sum"),
    statistic("average", "mean", factor=FACTOR),
    statistic("largest", "max", factor=FACTOR),
    statistic("spread", "deviation_of_sums", width=1, factor=FACTOR),
    statistic("charge", "sum", of="charges", width=1),
]


@pytest.fixture(scope="module")
def case() -> tuple[Case, list[int]]:
    rng = np.random.default_rng(5)
    sites = np.array(list(np.ndindex(3, 2, 2))) * 2.1 + rng.uniform(-0.3, 0.3, (12, 3))
    cell = np.diag([6.6, 4.6, 4.4])
    return Case(sites, cell, np.array([True] * 3), CUTOFF), rng.integers(0, 3, 12).tolist()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_artifact(tmp_path_factory.mktemp("outputs") / "toy.pt", outputs=[*RAW, *STATISTICS])


@pytest.fixture(scope="module")
def neutral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Charges sum to the total charge."""
    outputs = [entry("charges", sums_to="total_charge"), RAW[1], *STATISTICS]
    return write_artifact(tmp_path_factory.mktemp("outputs") / "toy.pt", outputs=outputs)


def whole(path: Path, case: tuple[Case, list[int]], charge: float = 0.0) -> dict[str, NDArray]:
    cell, species = case
    engine = Engine(path, task="pbe")
    engine.set_condition("total_charge", charge)
    engine.compute(species, cell.positions, cell.cell, cell.pbc)
    return {name: engine.output(name) for name in engine.describe().outputs}


def test_statistics_of_a_structure(path: Path, case: tuple[Case, list[int]]) -> None:
    found = whole(path, case)
    moments, charges = found["moments"], found["charges"]
    assert found["charges"].shape == (12, 1)
    np.testing.assert_allclose(found["total"], moments.sum(0), rtol=1e-12)
    np.testing.assert_allclose(found["average"], FACTOR * moments.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found["largest"], FACTOR * moments.max(0), rtol=1e-12)
    np.testing.assert_allclose(found["spread"], [FACTOR * moments.sum(0).std(ddof=1)], rtol=1e-12)
    np.testing.assert_allclose(found["charge"], charges.sum(0), rtol=1e-12)
    assert np.ptp(moments.sum(0)) > 0.01, "nothing to tell columns apart"


@pytest.mark.parametrize("n_ranks", [2, 4])
@pytest.mark.parametrize("which", ["path", "neutral"])
def test_ranks_give_what_one_process_gives(
    request: pytest.FixtureRequest, case: tuple[Case, list[int]], which: str, n_ranks: int
) -> None:
    """Some own many atoms, the last one none."""
    artifact: Path = request.getfixturevalue(which)
    expected = whole(artifact, case)
    owners = [min(k // 3, n_ranks - 2) for k in range(12)]
    ranks = Ranks(artifact, *case, owners, n_ranks, "double")
    ranks.evaluate()
    for rank, engine in zip(ranks.ranks, ranks.engines, strict=True):
        for name in engine.describe().structure_outputs:
            np.testing.assert_allclose(engine.output(name), expected[name], rtol=1e-11, atol=1e-12, err_msg=name)
        for name in ("charges", "moments"):
            assert len(engine.output(name)) == len(rank.atoms)
            np.testing.assert_allclose(engine.output(name), expected[name][rank.atoms], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("charge", [0.0, -2.0, 1.0])
def test_charges_sum_to_the_total_charge(
    path: Path, neutral: Path, case: tuple[Case, list[int]], charge: float
) -> None:
    raw, found = whole(path, case, charge)["charges"], whole(neutral, case, charge)
    np.testing.assert_allclose(found["charges"], raw + (charge - raw.sum()) / 12, rtol=1e-12)
    np.testing.assert_allclose(found["charge"], [charge], atol=1e-12)


def test_only_what_is_wanted_is_given(path: Path, case: tuple[Case, list[int]]) -> None:
    cell, species = case
    expected = whole(path, case)
    engine = Engine(path, task="pbe")
    engine.want_outputs(["spread"])
    engine.compute(species, cell.positions, cell.cell, cell.pbc)
    np.testing.assert_allclose(engine.output("spread"), expected["spread"])
    with pytest.raises(EngineError, match=r"output 'moments' was not wanted.*mlip_want_outputs"):
        engine.output("moments")
    with pytest.raises(EngineError, match=r"no output 'spraed' \(did you mean 'spread'\?\); it has charges, moments"):
        engine.want_outputs(["spraed"])
    engine.compute(species, cell.positions, cell.cell, cell.pbc)
    np.testing.assert_allclose(engine.output("spread"), expected["spread"])
    engine.want_outputs([])
    engine.compute(species, cell.positions, cell.cell, cell.pbc)
    with pytest.raises(EngineError, match="was not wanted"):
        engine.output("spread")


def test_structure_without_atoms(path: Path) -> None:
    engine = Engine(path, task="pbe")
    engine.compute([], np.zeros((0, 3)))
    for name in ("total", "average", "largest"):
        np.testing.assert_array_equal(engine.output(name), np.zeros(CHANNELS))


def test_rank_with_broken_positions_takes_part_in_the_sums_then_fails(path: Path) -> None:
    engine, calls = Engine(path, task="pbe"), []
    engine.set_reduction(lambda values: calls.append("sum"), lambda values: calls.append("max"))
    with pytest.raises(EngineError, match="is not finite") as caught:
        engine.evaluate([0, 1], [0], [1], [[np.nan, 0, 0]])
    assert caught.value.status == Status.NUMERIC
    assert calls == ["sum", "max"]


def test_failing_reduction_stops_the_evaluation(path: Path) -> None:
    def fail(values: NDArray) -> None:
        raise ConnectionError("the other rank is gone")

    engine = Engine(path, task="pbe")
    engine.set_reduction(fail, fail)
    with pytest.raises(EngineError, match="the host's sum over processes failed") as caught:
        engine.compute([0], [[0.0, 0, 0]])
    assert caught.value.status == Status.HOST
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([statistic("x", "median")], "does not know the statistic 'median'"),
        ([statistic("x", "sum", of="y")], "no output per atom 'y'"),
        ([*RAW, statistic("x", "sum", width=2)], "width does not follow from that of 'moments'"),
        ([*RAW, statistic("x", "deviation_of_sums", of="charges", width=1)], "at least two columns of 'charges'"),
        ([entry("moments", width=CHANNELS, sums_to="total_charge")], "of width 1"),
        ([entry("charges", sums_to="zero")], "sums_to must be total_charge"),
        ([entry("charges", per="edge")], "per atom or per structure"),
    ],
)
def test_outputs_that_cannot_be_computed_are_refused(tmp_path: Path, outputs: list[Any], message: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        Engine(write_artifact(tmp_path / "toy.pt", outputs=outputs), task="pbe")
    assert caught.value.status == Status.ARTIFACT


def test_probe_covers_outputs(tmp_path: Path, path: Path) -> None:
    """An artifact whose outputs are not those of its reference is refused."""
    reference = probe(Toy())
    for structure in reference["structures"]:
        engine = Engine(path, [*structure["species"]], task=structure["task"])
        engine.set_condition("total_charge", structure["conditions"]["total_charge"])
        numbers = list(range(len(structure["species"])))
        engine.compute(numbers, structure["positions"], structure["cell"], structure["pbc"])
        structure["outputs"] = {name: engine.output(name).tolist() for name in ("charges", "moments")}
    Engine(write_artifact(tmp_path / "good.pt", reference=reference), task="pbe")
    reference["structures"][1]["outputs"]["moments"][2][1] += 1e-3
    with pytest.raises(EngineError, match=r"probe structure 1, output 'moments' differs by 0\.00") as caught:
        Engine(write_artifact(tmp_path / "bad.pt", reference=reference), task="pbe")
    assert caught.value.status == Status.ARTIFACT


# ------------------------------------------------------------------------------------------- electrons and their spin

SPIN = {"required": False, "range": [1, 5], "default": {"pbe": 1.0, "hf": 1.0}}
WATER = ([1, 0, 0], np.array([[0.0, 0, 0], [0.9, 0.3, 0], [-0.9, 0.3, 0]]))  # 10 electrons


@pytest.fixture(scope="module")
def spin_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert SPECIES[:2] == ["H", "O"]
    conditions = {**json.loads(json.dumps(manifest()["conditions"])), "spin_multiplicity": SPIN}
    return write_artifact(tmp_path_factory.mktemp("spin") / "toy.pt", conditions=conditions)


@pytest.mark.parametrize(("charge", "multiplicity"), [(0, 1), (0, 3), (1, 2), (-1, 4), (2, 5)])
def test_multiplicity_that_the_electrons_allow(spin_artifact: Path, charge: int, multiplicity: int) -> None:
    engine = Engine(spin_artifact, task="pbe")
    engine.set_condition("total_charge", charge)
    engine.set_condition("spin_multiplicity", multiplicity)
    assert np.isfinite(engine.compute(*WATER).energy)


@pytest.mark.parametrize(("charge", "multiplicity", "electrons"), [(0, 2, 10), (1, 1, 9), (-1, 3, 11)])
def test_multiplicity_that_the_electrons_forbid(
    spin_artifact: Path, charge: int, multiplicity: int, electrons: int
) -> None:
    engine = Engine(spin_artifact, task="pbe")
    engine.set_condition("total_charge", charge)
    engine.set_condition("spin_multiplicity", multiplicity)
    message = f"spin_multiplicity = {multiplicity} .* is impossible for the {electrons} electrons .*total_charge = "
    for _ in range(2):  # not only once
        with pytest.raises(EngineError, match=message) as caught:
            engine.compute(*WATER)
        assert caught.value.status == Status.ARGUMENT
    engine.compute([], np.zeros((0, 3)))  # no atoms, nothing to check
    engine.set_condition("spin_multiplicity", multiplicity + 1)
    assert np.isfinite(engine.compute(*WATER).energy)


def test_more_unpaired_electrons_than_there_are(spin_artifact: Path) -> None:
    engine = Engine(spin_artifact, task="pbe")
    engine.set_condition("spin_multiplicity", 3)
    engine.compute([0, 0], [[0.0, 0, 0], [0.8, 0, 0]])
    engine.set_condition("spin_multiplicity", 5)
    with pytest.raises(EngineError, match="impossible for the 2 electrons"):
        engine.compute([0, 0], [[0.0, 0, 0], [0.8, 0, 0]])


def test_electrons_are_counted_over_all_ranks(spin_artifact: Path) -> None:
    species, positions = WATER
    case = Case(positions, np.eye(3), np.array([False] * 3), CUTOFF)
    ranks = Ranks(spin_artifact, case, species, [0, 1, 1], 2, "double")
    assert all(np.isfinite(result.energy) for result in ranks.evaluate())  # 8 and 2 alone would pass as well
    ranks = Ranks(spin_artifact, case, species, [0, 0, 1], 2, "double")  # 9 and 1 alone would not
    assert all(np.isfinite(result.energy) for result in ranks.evaluate())
    for engine in ranks.engines:
        engine.set_condition("spin_multiplicity", 2)
    with pytest.raises(EngineError, match="10 electrons"):
        ranks.evaluate()
