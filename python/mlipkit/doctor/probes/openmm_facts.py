# SPDX-License-Identifier: MIT
"""What OpenMM says about itself, before and after mlipkit's plugin was loaded."""

from __future__ import annotations

from mlipkit.doctor.probes import Answer, answer


def facts(content: Answer, _: list[str]) -> None:
    import openmm

    content |= {"version": openmm.version.version, "path": openmm.__file__}
    content["platforms"] = platforms()
    content["failures"] = list(openmm.Platform.getPluginLoadFailures())
    try:
        import mlipkit.openmm  # noqa: F401  (loads the plugin)
    except Exception as error:
        content["plugin_error"] = " ".join(f"{type(error).__name__}: {error}".split())


def platforms() -> list[str]:
    import openmm

    return [openmm.Platform.getPlatform(index).getName() for index in range(openmm.Platform.getNumPlatforms())]


if __name__ == "__main__":
    answer(facts)
