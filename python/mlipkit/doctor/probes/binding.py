# SPDX-License-Identifier: MIT
"""Imports the compiled Python binding of the engine."""

from __future__ import annotations

from mlipkit.doctor.probes import Answer, answer


def binding(content: Answer, _: list[str]) -> None:
    import mlipkit
    import mlipkit._engine as _engine

    content |= {"engine": _engine.VERSION, "package": mlipkit.__version__, "path": _engine.__file__}
    content["interface"] = _engine.INTERFACE_VERSION


if __name__ == "__main__":
    answer(binding)
