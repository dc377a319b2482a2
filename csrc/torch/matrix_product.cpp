// SPDX-License-Identifier: MIT
#include "torch/matrix_product.h"

#include <ATen/ops/addmm.h>

#include <limits>

// The BLAS inside torch, column-major; absent in builds of torch without one.
extern "C" {
__attribute__((weak)) void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                                  const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                                  const float* beta, float* c, const int* ldc);
__attribute__((weak)) void dgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                                  const double* alpha, const double* a, const int* lda, const double* b, const int* ldb,
                                  const double* beta, double* c, const int* ldc);
}

namespace mlip {
namespace {

at::Tensor view(const Rows& x) {
  const at::Tensor rows = x.tensor.as_strided({x.rows, x.columns}, {x.stride, 1}, x.tensor.storage_offset() + x.offset);
  return x.transposed ? rows.t() : rows;
}

template <class T, class Gemm>
void by_blas(Gemm gemm, const Rows& out, const Rows& a, const Rows& b, double scale, bool add) {
  // rows here are columns there: out^T = b^T a^T
  const char of_a = a.transposed ? 'T' : 'N', of_b = b.transposed ? 'T' : 'N';
  const int m = static_cast<int>(out.columns), n = static_cast<int>(out.rows),
            k = static_cast<int>(a.transposed ? a.rows : a.columns);
  const int lda = static_cast<int>(b.stride), ldb = static_cast<int>(a.stride), ldc = static_cast<int>(out.stride);
  const T alpha = static_cast<T>(scale), beta = add ? 1 : 0;
  gemm(&of_b, &of_a, &m, &n, &k, &alpha, b.tensor.const_data_ptr<T>() + b.offset, &lda,
       a.tensor.const_data_ptr<T>() + a.offset, &ldb, &beta, out.tensor.mutable_data_ptr<T>() + out.offset, &ldc);
}

bool fits(const Rows& x) {
  constexpr int64_t most = std::numeric_limits<int>::max();
  return x.rows < most && x.stride < most && x.stride >= x.columns;
}

}  // namespace

void multiply(const Rows& out, const Rows& a, const Rows& b, double scale, bool add) {
  if (out.rows == 0 || out.columns == 0) return;
  const bool direct = out.tensor.is_cpu() && fits(out) && fits(a) && fits(b) && a.rows > 0 && a.columns > 0;
  if (direct && out.tensor.scalar_type() == at::kFloat && sgemm_ != nullptr)
    return by_blas<float>(sgemm_, out, a, b, scale, add);
  if (direct && out.tensor.scalar_type() == at::kDouble && dgemm_ != nullptr)
    return by_blas<double>(dgemm_, out, a, b, scale, add);
  at::Tensor result = view(out);
  at::addmm_out(result, result, view(a), view(b), add ? 1.0 : 0.0, scale);
}

}  // namespace mlip
