// SPDX-License-Identifier: MIT
#include <atomic>

#include "ops/kernels.h"

namespace mlip::ops {
namespace {

std::atomic<Isa> &chosen() {
  static std::atomic<Isa> isa{best_isa()};
  return isa;
}

}  // namespace

Isa best_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa current_isa() {
  return chosen();
}

bool use_isa(Isa isa) {
  if (isa > best_isa()) return false;
  chosen() = isa;
  return true;
}

template <class T>
const Kernels<T> &kernels() {
#if defined(__x86_64__)
  if (current_isa() == Isa::avx512) return KernelsOf<Isa::avx512, T>::table;
  if (current_isa() == Isa::avx2) return KernelsOf<Isa::avx2, T>::table;
#endif
  return KernelsOf<Isa::baseline, T>::table;
}

template const Kernels<float> &kernels<float>();
template const Kernels<double> &kernels<double>();

}  // namespace mlip::ops
