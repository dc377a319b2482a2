// SPDX-License-Identifier: MIT
//
// How the atoms within a radius are found in a cell grid: one piece of code for the processor (cell_grid.cpp) and for
// graphics cards (cuda/cells.cu), which walk through the same bins in the same order.
#pragma once

#include <cstdint>

#include "ops/shared.h"

namespace mlip {

/// A bin reached from another one along one direction.
struct CellStep {
  int bin;  // -1: outside
  int64_t image;
};

/// Bins that can hold neighbours: one offset in two directions, a range in the last.
struct CellRow {
  int first, second, low, high;
};

/// A grid as plain arrays, wherever they are. Places are the atoms sorted by bin, then by index.
struct CellView {
  int64_t n_atoms, n_all_bins;
  double square;  // of the radius
  int n_bins[3], reach[3], n_rows;
  double vector[9];          // of the reduced cell, rows
  int64_t change[9];         // the caller's cell vectors in each of them
  const CellStep* steps[3];  // [n_bins + 2 reach], by bin + offset + reach
  const CellRow* rows;       // [n_rows]
  const int64_t* bin_first;  // [n_all_bins + 1] first place of each bin
  const int* bin;            // [n_atoms][3], by index
  const int64_t* place;      // [n_atoms], by index
  const double* position;    // [n_atoms][3], by place, wrapped into the reduced cell
  const int64_t* index;      // [n_atoms], by place
  const int64_t* wrap;       // [n_atoms][3], by place, the caller's cell vectors taken off
};

/// Places begin .. end - 1 of one image, in bins that lie one after the other.
struct CellRange {
  int64_t image[3], begin, end;
};

/// The next range of a row as seen from a bin; `k` starts as row.low and is carried on. False: there is none.
MLIP_SHARED bool next_range(const CellView& v, const int* bin, const CellRow& row, int& k, CellRange& range) {
  const CellStep& first = v.steps[0][bin[0] + row.first + v.reach[0]];
  const CellStep& second = v.steps[1][bin[1] + row.second + v.reach[1]];
  if (first.bin < 0 || second.bin < 0) return false;
  const CellStep* third = v.steps[2] + bin[2] + v.reach[2];
  while (k <= row.high && third[k].bin < 0) ++k;
  if (k > row.high) return false;
  const CellStep& step = third[k];
  const int left = row.high - k + 1, length = v.n_bins[2] - step.bin < left ? v.n_bins[2] - step.bin : left;
  const int64_t start = (static_cast<int64_t>(first.bin) * v.n_bins[1] + second.bin) * v.n_bins[2] + step.bin;
  range = {{first.image, second.image, step.image}, v.bin_first[start], v.bin_first[start + length]};
  k += length;
  return true;
}

/// A centre as seen from an image: where it is, and the shift to an atom that was not wrapped.
struct CellSight {
  double origin[3];
  int64_t shift[3];
};

MLIP_SHARED CellSight sight(const CellView& v, int64_t centre_place, const CellRange& range) {
  CellSight s{};
  for (int a = 0; a < 3; ++a) {
    s.origin[a] = v.position[3 * centre_place + a];
    s.shift[a] = v.wrap[3 * centre_place + a];
  }
  for (int k = 0; k < 3; ++k)
    for (int a = 0; a < 3; ++a) {
      s.origin[a] -= static_cast<double>(range.image[k]) * v.vector[3 * k + a];
      s.shift[a] += range.image[k] * v.change[3 * k + a];
    }
  return s;
}

/// Whether the atom at a place is within the radius and not the centre itself; `shift` [3] in the caller's vectors.
MLIP_SHARED bool is_seen(const CellView& v, const CellSight& s, int64_t centre, int64_t place, int64_t* shift) {
  const double* x = v.position + 3 * place;
  const double r[3] = {x[0] - s.origin[0], x[1] - s.origin[1], x[2] - s.origin[2]};
  if (r[0] * r[0] + r[1] * r[1] + r[2] * r[2] >= v.square) return false;
  for (int k = 0; k < 3; ++k) shift[k] = s.shift[k] - v.wrap[3 * place + k];
  return v.index[place] != centre || (shift[0] | shift[1] | shift[2]) != 0;
}

}  // namespace mlip
