# SPDX-License-Identifier: MIT
"""Programs that the doctor runs as children; each writes its answer as JSON into the file that it is given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


def answer(probe: Callable[[Answer, list[str]], None]) -> None:
    """Runs a probe, which fills the dictionary it gets; an exception becomes the entry ``error``."""
    content: Answer = {}
    try:
        probe(content, sys.argv[2:])
    except Exception as error:
        content["error"] = one_line(error)
    Path(sys.argv[1]).write_text(json.dumps(content))


def one_line(error: BaseException) -> str:
    message = " ".join(str(error).split())
    kind = type(error).__name__
    ours = type(error).__module__.startswith("mlipkit")
    return message if ours and message else f"{kind}: {message}" if message else kind
