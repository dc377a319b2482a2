// SPDX-License-Identifier: MIT
// Compiled once per instruction set; see simd.h.
#include "ops/kernels.h"
#include "ops/contraction_kernel.h"
#include "ops/convolution_kernel.h"

namespace mlip::ops {

#define MLIP_TABLES_OF(T)                                                                               \
  template <>                                                                                           \
  const Kernels<T> KernelsOf<Isa::MLIP_ISA, T>::table = {                                               \
      {MLIP_ISA::forward<T>, MLIP_ISA::backward<T>, MLIP_ISA::forward_derivative<T>,                    \
       MLIP_ISA::backward_derivative<T>},                                                               \
      {MLIP_ISA::contract_forward<MLIP_ISA::Plain<T>>, MLIP_ISA::contract_backward<MLIP_ISA::Plain<T>>, \
       MLIP_ISA::contract_backward<MLIP_ISA::Derivative<T>>}};

MLIP_TABLES_OF(float)
MLIP_TABLES_OF(double)

}  // namespace mlip::ops
