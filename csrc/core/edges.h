// SPDX-License-Identifier: MIT
//
// The edges of one step: from candidate pairs and positions, or from a graph that the host made. What the model sees
// was checked here, and edge vectors have the number type that it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/thread_team.h"
#include "mlip/mlip.h"

namespace mlip {

/// Pairs that may be edges, grouped by centre. The memory is somebody else's.
struct PairView {
  int64_t n_local = 0, n_all = 0;
  const int64_t* first = nullptr;      // [n_local + 1] where the pairs of each centre begin
  const int32_t* neighbour = nullptr;  // [n_pairs]
  const int32_t* shifts = nullptr;     // [n_pairs][3]; null: none

  int64_t size() const { return n_local == 0 ? 0 : first[n_local]; }
};

/// Edges sorted by centre. r_ij is [n_edges][3] of float or double.
struct EdgeView {
  int64_t n_edges = 0;
  const int64_t *centre = nullptr, *neighbour = nullptr;
  const void* r_ij = nullptr;
};

/// Why a step cannot be evaluated; with a halo the process has to take part in the exchanges before it may stop.
struct Fault {
  mlip_status status = MLIP_OK;
  std::string message;

  explicit operator bool() const { return status != MLIP_OK; }
};

class Edges {
 public:
  explicit Edges(mlip_dtype type) : type_(type) {}

  /// Pairs shorter than the cutoff, in the order of the list, whatever the number of threads. `positions` [n_all][3],
  /// `cell` [3][3] is read where there are shifts. With a fault there are no edges.
  Fault filter(const PairView& pairs, const double* positions, const double* cell, double cutoff, ThreadTeam& team);
  /// Keeps the shifts of the edges too, for those who ask.
  void keep_shifts() { with_shifts_ = true; }

  /// The edges of a checked graph (check_graph), which must stay where it is.
  void load(const mlip_graph& graph, ThreadTeam& team);
  void clear() { view_ = {}; }

  const EdgeView& view() const { return view_; }
  const int32_t* shifts() const { return shifts_.data(); }

 private:
  struct Range {  // of centres; room for their edges, then their number; whether some pair has no direction
    int64_t begin, end, first_edge, n_edges;
    bool broken;
  };
  struct Step {  // of one call of filter
    const PairView& pairs;
    const double *positions, *cell;
    double cutoff_squared;
  };
  void split(const PairView& pairs, int parts);
  static void count(const Step& step, Range& range);
  template <class Real>
  void fill(const Step& step, Range& range);

  mlip_dtype type_;
  bool with_shifts_ = false;
  EdgeView view_;
  std::vector<Range> ranges_;
  Buffer<int64_t> centre_, neighbour_;
  Buffer<std::byte> r_ij_;
  Buffer<int32_t> shifts_;
};

/// Which of the pairs has no direction: the first one, by its atoms.
Fault explain(const PairView& pairs, const double* positions, const double* cell);

/// Bounds [parts + 1] of contiguous ranges of edges, none of which cuts the edges of a centre in two.
std::vector<int64_t> split_edges(const EdgeView& edges, int parts);

}  // namespace mlip
