// SPDX-License-Identifier: MIT
// All kernels but the convolution, compiled once per instruction set; see simd.h.
#include "ops/contraction_kernel.h"
#include "ops/density_kernel.h"
#include "ops/geometry_kernel.h"
#include "ops/kernels.h"
#include "ops/windows_kernel.h"

namespace mlip::ops {

#define MLIP_TABLES_OF(T)                                                                                         \
  template <>                                                                                                     \
  const ContractionKernels<T> KernelsOf<Isa::MLIP_ISA, T>::contraction = {                                        \
      MLIP_ISA::contract_forward<MLIP_ISA::Plain<T>>, MLIP_ISA::contract_backward<MLIP_ISA::Plain<T>>,            \
      MLIP_ISA::contract_backward<MLIP_ISA::Derivative<T>>};                                                      \
  template <>                                                                                                     \
  const GeometryKernels<T> KernelsOf<Isa::MLIP_ISA, T>::geometry = {                                              \
      MLIP_ISA::geometry_forward<MLIP_ISA::Plain<T>>, MLIP_ISA::geometry_backward<MLIP_ISA::Plain<T>>,            \
      MLIP_ISA::geometry_forward<MLIP_ISA::Derivative<T>>, MLIP_ISA::geometry_backward<MLIP_ISA::Derivative<T>>}; \
  template <>                                                                                                     \
  const DensityKernels<T> KernelsOf<Isa::MLIP_ISA, T>::density = {MLIP_ISA::density_forward<T>,                   \
                                                                  MLIP_ISA::density_backward<T>};                 \
  template <>                                                                                                     \
  const WindowKernels<T> KernelsOf<Isa::MLIP_ISA, T>::windows = {                                                 \
      MLIP_ISA::window_sums<T>, MLIP_ISA::window_rows_of<T>, MLIP_ISA::window_factors_of<T>};

MLIP_TABLES_OF(float)
MLIP_TABLES_OF(double)

}  // namespace mlip::ops
