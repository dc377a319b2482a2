// SPDX-License-Identifier: MIT
/// \file
/// Sums over windows of rows, compiled once per instruction set.
#pragma once

#include "ops/simd.h"
#include "ops/windows.h"

namespace mlip::ops::MLIP_ISA {

/// Rows are taken so many vectors at a time, for all windows in turn: what is read again stays in the first-level
/// cache.
constexpr int WINDOW_VECTORS = 4;

/// Writes `N` vectors of a window's sum.
template <class T>
struct SumPart {
  template <int N, class L>
  MLIP_INLINE void of(const T *factor, const T *row, int64_t stride, T *sum, L lanes) {
    Vector<T> total[N] = {};
    MLIP_UNROLL for (int m = 0; m < SPLINE_PIECES; m++) {
      MLIP_UNROLL for (int n = 0; n < N; n++) total[n] += factor[m] * load(row + m * stride + n * WIDTH<T>, lanes);
    }
    MLIP_UNROLL for (int n = 0; n < N; n++) store(sum + n * WIDTH<T>, total[n], lanes);
  }
};

/// Adds a window's sum to its rows.
template <class T>
struct RowPart {
  template <int N, class L>
  MLIP_INLINE void of(const T *factor, T *row, int64_t stride, const T *sum, L lanes) {
    Vector<T> given[N];
    MLIP_UNROLL for (int n = 0; n < N; n++) given[n] = load(sum + n * WIDTH<T>, lanes);
    MLIP_UNROLL for (int m = 0; m < SPLINE_PIECES; m++) {
      MLIP_UNROLL for (int n = 0; n < N; n++) {
        T *to = row + m * stride + n * WIDTH<T>;
        store(to, load(to, lanes) + factor[m] * given[n], lanes);
      }
    }
  }
};

/// Adds to a window's factors the products of its sum with each row.
template <class T>
struct FactorPart {
  template <int N, class L>
  MLIP_INLINE void of(T *factor, const T *row, int64_t stride, const T *sum, L lanes) {
    Vector<T> total[SPLINE_PIECES] = {};
    MLIP_UNROLL for (int n = 0; n < N; n++) {
      const Vector<T> given = load(sum + n * WIDTH<T>, lanes);
      MLIP_UNROLL for (int m = 0; m < SPLINE_PIECES; m++) total[m] +=
          given * load(row + m * stride + n * WIDTH<T>, lanes);
    }
    MLIP_UNROLL for (int m = 0; m < SPLINE_PIECES; m++) factor[m] += mlip::ops::MLIP_ISA::sum<T>(total[m]);
  }
};

/// `Part::of<N>(factors, rows, stride, sums, lanes)` for all windows and columns.
template <class Part, class T>
MLIP_INLINE void for_windows(const WindowArguments<T> &a, int64_t begin, int64_t end) {
  constexpr int BLOCK = WINDOW_VECTORS * WIDTH<T>;
  int64_t column = 0;
  for (; column + BLOCK <= a.columns; column += BLOCK)
    for (int64_t e = begin; e < end; e++)
      Part::template of<WINDOW_VECTORS>(a.factors + e * SPLINE_PIECES, a.rows + a.start[e] * a.columns + column,
                                        a.columns, a.sums + e * a.columns + column, AllLanes{});
  for (; column < a.columns; column += WIDTH<T>)
    for (int64_t e = begin; e < end; e++) {
      T *factors = a.factors + e * SPLINE_PIECES, *rows = a.rows + a.start[e] * a.columns + column;
      T *sums = a.sums + e * a.columns + column;
      if (column + WIDTH<T> <= a.columns)
        Part::template of<1>(factors, rows, a.columns, sums, AllLanes{});
      else
        Part::template of<1>(factors, rows, a.columns, sums, SomeLanes{static_cast<int>(a.columns - column)});
    }
}

template <class T>
void window_sums(const WindowArguments<T> &a, int64_t begin, int64_t end) {
  for_windows<SumPart<T>>(a, begin, end);
}

template <class T>
void window_rows_of(const WindowArguments<T> &a, int64_t begin, int64_t end) {
  for_windows<RowPart<T>>(a, begin, end);
}

template <class T>
void window_factors_of(const WindowArguments<T> &a, int64_t begin, int64_t end) {
  for (int64_t k = begin * SPLINE_PIECES; k < end * SPLINE_PIECES; k++) a.factors[k] = 0;
  for_windows<FactorPart<T>>(a, begin, end);
}

}  // namespace mlip::ops::MLIP_ISA
