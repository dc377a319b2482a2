# SPDX-License-Identifier: MIT
"""Prints the packages that pyproject.toml asks for, so that `make` can install them before mlipkit itself.

`first` is torch alone (installed first, so that no other package pulls another build of it), `rest` everything else.
"""

import sys

import tomli

with open("pyproject.toml", "rb") as stream:
    project = tomli.load(stream)["project"]
extras = project["optional-dependencies"]
own = [package.removeprefix("mlipkit[").removesuffix("]") for package in extras["dev"] if package.startswith("mlipkit[")]
wanted = project["dependencies"] + [p for p in extras["dev"] if not p.startswith("mlipkit")]
for name in own:
    wanted += extras[name]
torch = [package for package in wanted if package.startswith("torch")]
print(" ".join(torch if sys.argv[1] == "first" else [package for package in wanted if package not in torch]))
