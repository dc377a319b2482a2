# SPDX-License-Identifier: MIT
"""Tables of benchmark results as Markdown, and into a page between its markers.

    python benchmarks/report.py benchmark_out
    python benchmarks/report.py benchmark_out --into docs/performance.md benchmarks/README.md

A page says where a table goes by the lines ``<!-- benchmark: NAME -->`` and ``<!-- end -->``. NAME is a benchmark whose
JSON line lies in the folder, ``machine``, or ``counts MODEL`` for the operations of a model next to measured times.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common.counts import Count, Part, model_parts
from common.models import shape
from common.results import shown

MARK = re.compile(r"(<!-- benchmark: ([\w+ ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
EDGES, SPECIES, RADIAL = 52.0, 2, 48  # of liquid water within 5 angstrom; radial functions of the first layer
Line = dict[str, Any]


def read(folder: Path) -> dict[str, Line]:
    """The JSON line of each benchmark; those of ``--quick`` are no results."""
    lines = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {line["benchmark"]: line for line in lines if not line["quick"]}


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    ruler = ["---" if k == 0 else "---:" for k in range(len(columns))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [columns, ruler, *rows]) + "\n"


def counts(model: str, lines: dict[str, Line]) -> str:
    """Operations and bytes per atom of each part, with times where the kernel benchmark has them."""
    size = shape(model)
    parts = model_parts(
        size["channels"], size["hidden_l_max"], size["l_max"], size["correlation"], EDGES, SPECIES, RADIAL
    )
    measured, peak = times(lines), lines.get("kernels", {}).get("machine", {}).get("sgemm_gflops")
    columns = ["part", "forward, kop", "backward, kop", "memory, kB", "cache, kB"]
    columns += ["µs at the rate of sgemm", "µs measured"] if peak else []
    rows = [
        row(f"{part.layer}: {part.name}", part.forward, part.backward, peak, time(part, measured)) for part in parts
    ]
    forward, backward = (sum((getattr(p, way) for p in parts), Count(0.0)) for way in ("forward", "backward"))
    known = [time(part, measured) for part in parts]
    total = None if not any(known) else sum(value for value in known if value is not None)
    return markdown(columns, [*rows, row("sum", forward, backward, peak, total)])


def row(name: str, forward: Count, backward: Count, peak: float | None, measured: float | None) -> list[str]:
    both = forward + backward
    numbers = [forward.operations / 1e3, backward.operations / 1e3, both.bytes / 1e3, both.cached / 1e3]
    cells = [name, *(f"{number:,.0f}" for number in numbers)]
    return [*cells, shown(1e-3 * both.operations / peak), shown(measured)] if peak else cells


def times(lines: dict[str, Line]) -> dict[tuple[str, str], float]:
    """Microseconds per atom of each operator and pass, one thread, float32, 128 channels."""
    rows = lines.get("kernels", {}).get("rows", [])
    wanted = {"threads": 1, "precision": "single", "channels": 128}
    fitting = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return {(row["operator"], row["pass"]): row["us_per_atom"] for row in fitting}


def time(part: Part, measured: dict[tuple[str, str], float]) -> float | None:
    """Forward and backward of all cases that make up a part; None where one was not measured."""
    found = [measured.get((case, which)) for case in part.cases for which in ("forward", "backward")]
    return None if not found or None in found else sum(value for value in found if value is not None)


def machine(lines: dict[str, Line]) -> str:
    """A sentence about the processor and its measured peaks."""
    about: Line = {}
    for line in lines.values():
        about.update(line["machine"])
    if not about:
        return "No results yet.\n"
    caches = ", ".join(f"{level} {size}" for level, size in about["caches"].items())
    text = (
        f"{about['processor']}, {about['cores']} cores, {', '.join(about['vectors'])}; {caches}; "
        f"{about['memory_gib']} GiB; {about['system']}; Python {about['python']}, torch {about['torch']}."
    )
    if "sgemm_gflops" in about:
        copies = ", ".join(f"{level} {rate:.0f}" for level, rate in about["copy_gbytes"].items())
        text += (
            f" One core: {about['sgemm_gflops']:.0f} GFLOP/s in sgemm, copies at {copies} GB/s (read plus written), "
            f"fresh memory pages at {about['fresh_page_gbytes']:.1f} GB/s."
        )
    return text + "\n"


def section(name: str, lines: dict[str, Line]) -> str | None:
    """What goes between the markers; None where there is nothing to show."""
    if name == "machine":
        return machine(lines) if lines else None
    if name.startswith("counts "):
        return counts(name.removeprefix("counts "), lines)
    if name not in lines:
        return None
    table = lines[name]["table"]
    return f"{table['title']}:\n\n" + markdown(table["columns"], table["rows"])


def fill(page: str, lines: dict[str, Line]) -> str:
    """The page with its marked sections rendered; those without results stay as they are."""

    def filled(match: re.Match[str]) -> str:
        found = section(match.group(2), lines)
        return match.group(0) if found is None else f"{match.group(1)}\n{found}\n{match.group(3)}"

    return MARK.sub(filled, page)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("folder", type=Path, help="where the benchmarks left their JSON lines")
    made.add_argument("--into", nargs="+", type=Path, default=[], help="pages to fill")
    arguments = made.parse_args()
    lines = read(arguments.folder)
    for page in arguments.into:
        page.write_text(fill(page.read_text(), lines))
    if not arguments.into:
        names = ["machine", *lines, "counts 128x0e", "counts 128x0e+128x1o"]
        print("\n".join(f"## {name}\n\n{section(name, lines)}" for name in names if section(name, lines)))


if __name__ == "__main__":
    main()
