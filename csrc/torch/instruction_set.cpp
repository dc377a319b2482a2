// SPDX-License-Identifier: MIT
/// \file
/// Which instruction set the kernels use; tests and benchmarks choose another one than the best.

#include <torch/library.h>

#include <array>
#include <string>

#include "ops/kernels.h"

namespace mlip {
namespace {

const std::array<std::string, 3> NAMES = {"baseline", "avx2", "avx512"};

std::string instruction_set() {
  return NAMES[static_cast<size_t>(ops::current_isa())];
}

bool use_instruction_set(const std::string& name) {
  for (size_t k = 0; k < NAMES.size(); k++)
    if (NAMES[k] == name) return ops::use_isa(static_cast<ops::Isa>(k));
  TORCH_CHECK(false, "unknown instruction set ", name, ": baseline, avx2 or avx512");
}

}  // namespace
}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def("instruction_set() -> str", mlip::instruction_set);
  library.def("use_instruction_set(str name) -> bool", mlip::use_instruction_set);
}
