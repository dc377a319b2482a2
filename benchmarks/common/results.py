# SPDX-License-Identifier: MIT
"""Command line, results that outlive an interruption, one JSON line and a table: the same for every benchmark."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from common.process import code_digest

Row = dict[str, Any]


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the options that every benchmark has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("-o", "--output", type=Path, default=Path("benchmark_out"), help="folder of models and results")
    made.add_argument("--quick", action="store_true", help="tiny model and structures: does everything run?")
    made.add_argument("--fresh", action="store_true", help="measure again what this build of mlipkit has measured")
    return made


class Results:
    """Parts of one benchmark in a folder; a part that this build has measured is not measured again.

    Args:
        name: of the benchmark.
        arguments: of :func:`parser`.
    """

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        self.name, self.folder = name, arguments.output.resolve()
        self.fresh, self.quick = arguments.fresh, arguments.quick
        self.rows: list[Row] = []
        self.console = Console(stderr=True)

    def part(self, measure: Callable[[], Row], settings: Sequence[object] = (), **case: Any) -> Row:
        """What ``measure`` returns for a case, kept in a file; joined with the case it is a row of the results.

        ``settings`` are what else it depends on, such as the number of rounds: with others it is measured again.
        """
        state = {"code": code_digest(), "settings": [str(setting) for setting in settings]}
        key = "-".join(re.sub(r"[^\w+.]+", "_", str(value)) for value in case.values()) or "all"
        path = self.folder / "parts" / self.name / f"{'quick-' if self.quick else ''}{key}.json"
        kept = json.loads(path.read_text()) if path.is_file() else {}
        if self.fresh or {name: kept.get(name) for name in state} != state:
            self.console.print(f"[dim]{self.name}: {' '.join(f'{k} {v}' for k, v in case.items())}")
            kept = {**state, "found": measure()}
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(kept) + "\n")
        self.rows.append({**case, **kept["found"]})
        return self.rows[-1]

    @staticmethod
    def cores() -> int:
        """That this process may use."""
        return len(os.sched_getaffinity(0))

    def finish(self, machine: Row, columns: Sequence[tuple[str, Callable[[Row], object]]], title: str) -> None:
        """Prints the JSON line and the table; writes the line to ``<folder>/<name>.json``, or ``quick-<name>.json``."""
        cells = [[shown(value(row)) for _, value in columns] for row in self.rows]
        whole = {"benchmark": self.name, "quick": self.quick, "code": code_digest(), "machine": machine}
        whole["table"] = {"title": title, "columns": [heading for heading, _ in columns], "rows": cells}
        line = json.dumps({**whole, "rows": self.rows})
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{'quick-' if self.quick else ''}{self.name}.json").write_text(line + "\n")
        print(line, flush=True)
        table = Table(title=title)
        for heading, _ in columns:
            table.add_column(heading, justify="right")
        for row in cells:
            table.add_row(*row)
        Console(width=None if sys.stdout.isatty() else 180).print(table)


def shown(value: object) -> str:
    """A cell of a table: three digits of a number, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if value == 0.0 or 1e-2 <= abs(value) < 1e7:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.1e}"
