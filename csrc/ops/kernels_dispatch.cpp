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
Kernels<T> kernels() {
#if defined(__x86_64__)
  if (current_isa() == Isa::avx512) return KernelsOf<Isa::avx512, T>::all();
  if (current_isa() == Isa::avx2) return KernelsOf<Isa::avx2, T>::all();
#endif
  return KernelsOf<Isa::baseline, T>::all();
}

template Kernels<float> kernels<float>();
template Kernels<double> kernels<double>();

}  // namespace mlip::ops
