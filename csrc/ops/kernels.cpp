// SPDX-License-Identifier: MIT
// The convolution, compiled once per instruction set; see simd.h.
#include "ops/kernels.h"
#include "ops/convolution_kernel.h"

namespace mlip::ops {

#define MLIP_TABLES_OF(T)                                                  \
  template <>                                                              \
  const ConvolutionKernels<T> KernelsOf<Isa::MLIP_ISA, T>::convolution = { \
      MLIP_ISA::forward<T>, MLIP_ISA::backward<T>, MLIP_ISA::forward_derivative<T>, MLIP_ISA::backward_derivative<T>};

MLIP_TABLES_OF(float)
MLIP_TABLES_OF(double)

}  // namespace mlip::ops
