# SPDX-License-Identifier: MIT
"""The package mace-torch as its users meet it: its command line and its ASE calculator.

It is imported with an environment variable that lets its e3nn unpickle constants and that it sets itself for good;
here the variable does not outlive the import, so that what the tests load with mlipkit is read as usual.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray

with pytest.MonkeyPatch.context() as _patch:
    _patch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    import mace.cli.run_train
    import mace.tools
    from mace.calculators import MACECalculator
    from mace.tools import model_script_utils

__all__ = ["Numbers", "command_line_model", "numbers_of", "package_calculator", "read_model"]


@dataclass
class Numbers:
    """What a program says about a structure, in eV and angstrom."""

    energy: float
    energies: NDArray[np.float64]  # [N]
    forces: NDArray[np.float64]  # [N, 3]
    virial: NDArray[np.float64] | None  # [6] xx yy zz yz xz xy; None without three periodic directions


def read_model(path: Path) -> torch.nn.Module:
    """The pickled module; these files were written by the tests themselves."""
    return torch.load(path, map_location="cpu", weights_only=False)


def package_calculator(
    model: Path | torch.nn.Module, head: str | None = None, dtype: torch.dtype = torch.float64
) -> MACECalculator:
    """The package's ASE calculator; converts a module that is given to ``dtype`` and fixes its parameters."""
    module = read_model(model) if isinstance(model, Path) else model
    with undisturbed():
        return MACECalculator(models=module, device="cpu", default_dtype=str(dtype).removeprefix("torch."), head=head)


def numbers_of(calculator: Calculator, atoms: Atoms) -> Numbers:
    """By the calculator of either program.

    The package multiplies nuclear charges in torch's default dtype, whatever its calculator was told: in float32 that
    changes pair repulsion by up to 1e-7 of itself. So its calculator is called with float64 as default dtype.
    """
    structure = atoms.copy()
    structure.calc = calculator
    with mace.tools.torch_tools.default_dtype("float64"):
        forces = structure.get_forces()
    energies = np.array(structure.get_potential_energies(), dtype=np.float64)
    virial = -structure.get_stress() * structure.get_volume() if structure.pbc.all() else None
    return Numbers(structure.get_potential_energy(), energies, forces, virial)


def command_line_model(words: list[str], plain_class: bool = False) -> torch.nn.Module:
    """The model that `mace_run_train` builds for these words, before its first training step.

    The whole command runs, reading of data and statistics included; its option --dry_run stops it before training.

    Args:
        words: command line, without --dry_run.
        plain_class: builds class MACE instead of ScaleShiftMACE from the same arguments, as Python scripts do; the
            command line builds ScaleShiftMACE whatever ``--model`` says.
    """
    built: list[torch.nn.Module] = []

    def configure(*args: object, **kwargs: object) -> tuple[torch.nn.Module, object]:
        answer = model_script_utils.configure_model(*args, **kwargs)
        built.append(answer[0])
        return answer

    def plain(**options: object) -> torch.nn.Module:
        kept = {key: value for key, value in options.items() if not key.startswith("atomic_inter_")}
        return mace.modules.MACE(**kept)

    with pytest.MonkeyPatch.context() as patch, undisturbed():
        patch.setattr(mace.cli.run_train, "configure_model", configure)
        if plain_class:
            patch.setattr(model_script_utils.modules, "ScaleShiftMACE", plain)
        parser = mace.tools.build_default_arg_parser()
        mace.cli.run_train.run(parser.parse_args([*words, "--dry_run"]))
    return built[0].eval()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Takes back what the command changes for its whole process: logging, default dtype, seeds."""
    logger = logging.getLogger()
    disabled = logger.manager.disable
    logging.disable(logging.CRITICAL)
    handlers, filters, level = list(logger.handlers), list(logger.filters), logger.level
    dtype, state, random = torch.get_default_dtype(), torch.get_rng_state(), np.random.get_state()
    try:
        yield
    finally:
        logging.disable(disabled)
        for handler in [entry for entry in logger.handlers if entry not in handlers]:
            logger.removeHandler(handler)
            handler.close()
        logger.filters, logger.level = filters, level
        torch.set_default_dtype(dtype)
        torch.set_rng_state(state)
        np.random.set_state(random)
