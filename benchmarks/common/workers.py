# SPDX-License-Identifier: MIT
"""Programs in processes of their own that do one call at a time when asked: so they take turns like functions of one
process, and what one does to its process (memory allocator, threads, default dtype) does not reach the other.

A worker script calls :func:`serve`; the benchmark makes a :class:`Worker` of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from common.process import environment
from common.timing import Timer, once

PIPE = "BENCHMARK_PIPE"  # number of the open file for answers: libraries print to the standard output


class Worker:
    """A running worker script.

    Args:
        path: of the script.
        arguments: its command line.
        threads: for its libraries.
        more: further environment variables.
        python: that runs it; another environment's gets none of the library folders of this one.

    What is asked of it raises RuntimeError when it has ended; the message holds the end of what it printed.
    """

    def __init__(
        self,
        path: Path,
        arguments: Sequence[str],
        threads: int = 1,
        more: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        reading, writing = os.pipe()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in close)
        self._command = [python, str(path), *arguments]
        variables = environment(threads, {**(more or {}), PIPE: str(writing)})
        if python != sys.executable:
            variables.pop("LD_LIBRARY_PATH", None)
        self._process = subprocess.Popen(
            self._command,
            env=variables,
            pass_fds=[writing],
            text=True,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        os.close(writing)
        self._answers = os.fdopen(reading)

    @cached_property
    def info(self) -> dict[str, Any]:
        """What it had to say when it was ready; waits for that, so that several can get ready at the same time."""
        return self._answer()

    def timer(self, name: str) -> Timer:
        """CPU time and wall-clock time of calls of one of its cases."""

        def time(number: int, calls: int) -> tuple[float, float]:
            assert self.info
            assert self._process.stdin
            self._process.stdin.write(json.dumps([name, number, calls]) + "\n")
            self._process.stdin.flush()
            cpu, wall = self._answer()
            return cpu, wall

        return time

    def timers(self) -> dict[str, Timer]:
        """Of all its cases."""
        return {name: self.timer(name) for name in self.info["cases"]}

    def _answer(self) -> Any:
        line = self._answers.readline()
        if not line:
            code = self._process.wait()
            self._log.seek(0)
            text = self._log.read()[-3000:]
            raise RuntimeError(f"{' '.join(self._command)} ended with exit code {code}:\n{text}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self._answers.close()  # first: it may be waiting for somebody to read what it has to say
        self._process.communicate()  # closes its input, upon which it ends
        self._log.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(cases: Mapping[str, Callable[[int], object]], info: Mapping[str, object]) -> None:
    """Tells ``info`` and the names of the cases, then calls them as asked until the input ends."""
    with os.fdopen(int(os.environ[PIPE]), "w") as answers:
        print(json.dumps({**info, "cases": list(cases)}), file=answers, flush=True)
        for line in sys.stdin:
            name, number, calls = json.loads(line)
            print(json.dumps(once(cases[name], number, calls)), file=answers, flush=True)
