# SPDX-License-Identifier: MIT
"""Models of the zoo, each built, imported and frozen once per session, when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from mace_package import package_calculator
from mace_structures import comparison_structures
from specimen import Specimen
from trained import train
from zoo import ZOO, make_model

from mlipkit import MLIPCalculator
from mlipkit.export import export
from mlipkit.importers.mace import import_mace


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The pickled model of that name."""
    folder = tmp_path_factory.mktemp("zoo")
    return cache(lambda name: make_model(next(animal for animal in ZOO if animal.name == name), folder))


@pytest.fixture(scope="session")
def specimen(model_file: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Specimen]:
    """Imports and freezes a head; the last one unless it is named."""
    folder = tmp_path_factory.mktemp("frozen")

    @cache
    def make(name: str, head: str | None = None) -> Specimen:
        animal = next(entry for entry in ZOO if entry.name == name)
        head = head or animal.heads[-1]
        artifact = folder / f"{name}_{head}.pt"
        export(import_mace(model_file(name), head), artifact, precisions=["mixed", "double"])
        return Specimen(
            model_file(name),
            artifact,
            package_calculator(model_file(name), head),
            MLIPCalculator(artifact, precision="double"),
            comparison_structures(animal.numbers, animal.cutoff),
        )

    return make


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that the package's own command trained; everything else that the command wrote is beside it."""
    return train(tmp_path_factory.mktemp("trained"))
