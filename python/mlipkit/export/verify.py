# SPDX-License-Identifier: MIT
"""Verification before anything is written: the frozen module against the float64 reference, in every precision."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mlipkit.export.freeze import deserialise
from mlipkit.export.manifest import Differences, Precision, Verification
from mlipkit.export.probe import Probe
from mlipkit.export.reader import ArtifactError
from mlipkit.export.reference import ModelIndex, evaluate_probe, largest_differences
from mlipkit.export.tolerances import tolerance

# precision -> dtype of the module, dtype of the edge vectors
CASTS: dict[Precision, tuple[torch.dtype, torch.dtype]] = {
    "single": (torch.float32, torch.float32),
    "mixed": (torch.float32, torch.float64),
    "double": (torch.float64, torch.float64),
}
QUANTITIES = {"energy_per_atom": "eV per atom", "force": "eV/angstrom", "virial": "eV"}


def verify(content: bytes, probe: Probe, index: ModelIndex, precisions: Sequence[Precision]) -> dict[str, Verification]:
    """Compares a serialised module, cast the way the engine casts it, with the reference numbers of the probe.

    Args:
        content: TorchScript archive, read anew for each precision.
        probe: with reference numbers.
        index: species, tasks and cutoff of the module.
        precisions: those to be offered.

    Returns:
        The largest differences per precision.

    Raises:
        ArtifactError: a result is not finite, or differs by more than the tolerance.
    """
    found: dict[str, Verification] = {}
    for precision in precisions:
        module_dtype, edge_dtype = CASTS[precision]
        module = deserialise(content).to(module_dtype)
        results = evaluate_probe(module, probe, index, edge_dtype)
        if not results.finite:
            raise ArtifactError(f"the frozen model gives NaN or infinity on the probe in precision {precision!r}")
        found[precision] = largest_differences(probe, results)
        check(found[precision], tolerance(precision, probe.largest_force()), precision)
    return found


def check(found: Differences, allowed: Differences, precision: str) -> None:
    """Raises ArtifactError when a difference is above its tolerance."""
    for name, unit in QUANTITIES.items():
        difference, limit = getattr(found, name), getattr(allowed, name)
        if difference > limit:
            raise ArtifactError(
                f"the frozen model differs from the reference on the probe: {name} by {difference:.3g} {unit}, allowed "
                f"are {limit:.3g}, in precision {precision!r}. Nothing was written. If the model is sound, offer only "
                "the precisions that pass (--precisions)"
            )
