# SPDX-License-Identifier: MIT
"""Loads shared libraries, one after another, all symbols at once."""

from __future__ import annotations

import ctypes

from mlipkit.doctor.probes import Answer, answer


def load(content: Answer, paths: list[str]) -> None:
    """The first ones make up the host that the last one, a plugin, takes its symbols from."""
    for path in paths:
        content["loading"] = path
        ctypes.CDLL(path, ctypes.RTLD_GLOBAL)  # ctypes adds RTLD_NOW: nothing stays unresolved


if __name__ == "__main__":
    answer(load)
