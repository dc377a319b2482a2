# SPDX-License-Identifier: MIT
"""What OpenMM says about itself, without mlipkit's plugin."""

from __future__ import annotations

from mlipkit.doctor.probes import Answer, answer


def facts(content: Answer, _: list[str]) -> None:
    import openmm

    content |= {"version": openmm.Platform.getOpenMMVersion(), "path": openmm.__file__}
    count = openmm.Platform.getNumPlatforms()
    content["platforms"] = [openmm.Platform.getPlatform(index).getName() for index in range(count)]
    content["failures"] = list(openmm.Platform.getPluginLoadFailures())


if __name__ == "__main__":
    answer(facts)
