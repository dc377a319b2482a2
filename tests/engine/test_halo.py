# SPDX-License-Identifier: MIT
"""The engine on several ranks gives what it gives on one, also where ranks own no atoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_ranks import Ranks
from engine_toy import CHANNELS, CUTOFF, write_artifact
from random_cells import Case, random_case

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status

TOLERANCE = {"double": 1e-12, "mixed": 1e-5, "single": 1e-5}


def structure(kind: str) -> tuple[Case, list[int]]:
    case = random_case(kind, 7)  # fully periodic
    species = np.random.default_rng(0).integers(0, 3, len(case.positions)).tolist()
    return Case(case.positions, case.cell, case.pbc, CUTOFF), species


@pytest.mark.parametrize("precision", ["double", "mixed", "single"])
@pytest.mark.parametrize(
    ("kind", "n_ranks", "empty"), [("triclinic", 1, 0), ("triclinic", 2, 0), ("tiny", 2, 1), ("slanted", 3, 1)]
)
def test_ranks_agree_with_one_process(toy_artifact: Path, kind: str, n_ranks: int, empty: int, precision: str) -> None:
    case, species = structure(kind)
    owners = [atom % (n_ranks - empty) for atom in range(len(species))]  # the last ranks own nothing
    whole = Engine(toy_artifact, precision=precision, task="pbe").compute(
        species, case.positions, case.cell, case.pbc, energies=True, virials=True
    )
    ranks = Ranks(toy_artifact, case, species, owners, n_ranks, precision)
    results = ranks.evaluate()
    atol = TOLERANCE[precision] * max(1.0, np.abs(whole.forces).max())
    np.testing.assert_allclose(ranks.fold([r.forces for r in results]), whole.forces, atol=atol)
    np.testing.assert_allclose(ranks.fold([r.virials for r in results]), whole.virials, atol=atol)
    np.testing.assert_allclose(sum(r.virial for r in results), whole.virial, atol=10 * atol)
    assert sum(r.energy for r in results) == pytest.approx(whole.energy, rel=1e-14, abs=atol)
    dtype = "float64" if precision == "double" else "float32"
    expected = [("forward", (CHANNELS,), dtype), ("reverse", (CHANNELS,), dtype)]
    assert all(rank.exchanges == expected for rank in ranks.ranks)  # in step, the empty ones too


def test_a_second_evaluation_gives_the_same_bits(toy_artifact: Path) -> None:
    case, species = structure("triclinic")
    ranks = Ranks(toy_artifact, case, species, [k % 2 for k in range(len(species))], 2, "double")
    first, second = ranks.evaluate(), ranks.evaluate()
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.forces, b.forces)
        assert a.energy == b.energy


# One local atom and one ghost, for failures.
GRAPH = ([0, 1], [0], [1], [[1.2, 0.3, 0.1]], 1)


def ignore(rows: np.ndarray) -> None:
    pass


def test_ghosts_without_callbacks(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"1 ghost atoms.*2 message-passing layers.*mlip_set_halo") as caught:
        engine.evaluate(*GRAPH)
    assert caught.value.status == Status.ARGUMENT


def test_callbacks_can_be_removed(engine: Engine) -> None:
    engine.set_halo(ignore, ignore)
    engine.evaluate(*GRAPH)
    engine.set_halo(None, None)
    with pytest.raises(EngineError, match="1 ghost atoms"):
        engine.evaluate(*GRAPH)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_failing_callback_stops_the_evaluation(engine: Engine, direction: str) -> None:
    def fail(rows: np.ndarray) -> None:
        raise ConnectionError("the other rank is gone")

    engine.set_halo(*((fail, ignore) if direction == "forward" else (ignore, fail)))
    with pytest.raises(EngineError, match=f"{direction} halo exchange failed") as caught:
        engine.evaluate(*GRAPH)
    assert caught.value.status == Status.HOST
    assert isinstance(caught.value.__cause__, ConnectionError)
    engine.set_halo(ignore, ignore)
    assert np.isfinite(engine.evaluate(*GRAPH).energy)


def test_more_values_than_the_manifest_declares(tmp_path: Path) -> None:
    # hosts size their buffers by the manifest: a wider exchange would overrun them
    path = write_artifact(tmp_path / "toy.pt", halo={"exchanges": 1, "values_per_ghost": CHANNELS - 1})
    engine = Engine(path, task="pbe")
    engine.set_halo(ignore, ignore)
    with pytest.raises(EngineError, match="24 bytes per ghost atom, its manifest declares 16") as caught:
        engine.evaluate(*GRAPH)
    assert caught.value.status == Status.ARTIFACT


def test_rank_with_broken_positions_keeps_in_step_then_fails(engine: Engine) -> None:
    calls = []
    engine.set_halo(lambda rows: calls.append("forward"), lambda rows: calls.append("reverse"))
    with pytest.raises(EngineError, match="from atom 0 to atom 1 is not finite") as caught:
        engine.evaluate([0, 1], [0], [1], [[np.nan, 0, 0]], 1)
    assert caught.value.status == Status.NUMERIC
    assert calls == ["forward", "reverse"]


def test_ghosts_of_a_model_without_exchanges_need_no_host(tmp_path: Path) -> None:
    import torch
    from engine_toy import Toy

    class Local(Toy):
        def forward(
            self,
            r_ij: torch.Tensor,
            centre: torch.Tensor,
            neighbour: torch.Tensor,
            species: torch.Tensor,
            n_local: int,
            conditions: dict[str, torch.Tensor],
        ) -> dict[str, torch.Tensor]:
            pair = (3.0 - r_ij.square().sum(1).sqrt()).clamp(min=0.0).pow(4)
            energy = torch.zeros(n_local, dtype=r_ij.dtype).index_add(0, centre, pair.to(r_ij.dtype))
            return {"energy": energy}

    path = write_artifact(
        tmp_path / "local.pt", Local(), n_layers=1, halo={"exchanges": 0, "values_per_ghost": 0}, outputs=[]
    )
    result = Engine(path, task="pbe").evaluate(*GRAPH)
    assert result.forces[1].any()
    np.testing.assert_allclose(result.forces[0], -result.forces[1])
