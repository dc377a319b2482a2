# SPDX-License-Identifier: MIT
"""Prints the packages that pyproject.toml asks for, so that `make` can install them before mlipkit itself.

`first` is torch alone (installed first, so that no other package pulls another build of it), `rest` everything else.
"""

import sys

import tomli

with open("pyproject.toml", "rb") as stream:
    project = tomli.load(stream)["project"]
extras = project["optional-dependencies"]
wanted = list(project["dependencies"])
for package in extras["dev"]:  # "mlipkit[lammps]" stands for what that extra asks for
    wanted += extras[package[len("mlipkit[") : -1]] if package.startswith("mlipkit[") else [package]
torch = [package for package in wanted if package.startswith("torch")]
print(" ".join(torch if sys.argv[1] == "first" else [package for package in wanted if package not in torch]))
