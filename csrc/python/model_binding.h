// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "python/arrays.h"
#include "python/neighbours_binding.h"

namespace mlip_python {

/// Which arrays of mlip_result are wanted; energy_only: nothing else is computed.
struct Wanted {
  bool energies, virials, centroid_virials, edge_gradients, energy_only, forces;
};

class Model {
 public:
  Model(const std::string& path, const std::optional<std::vector<std::string>>& species,
        const std::optional<std::string>& precision, const std::string& device, const std::optional<std::string>& task,
        int threads, int tables);

  py::dict describe() const;
  void set_condition(const std::string& name, double value);
  void set_halo(const py::object& forward, const py::object& reverse);
  /// Each gets an array to change in place and returns 0, or anything else to stop.
  void set_reduction(const py::object& sum, const py::object& max);
  void want_outputs(const std::vector<std::string>& names);
  py::dict evaluate(const Array<int64_t>& species, const Array<int64_t>& centre, const Array<int64_t>& neighbour,
                    const Array<double>& r_ij, int64_t n_local, bool energies, bool virials, bool centroid_virials,
                    bool edge_gradients, bool energy_only);
  void set_pairs(const Array<int64_t>& species, const Array<int64_t>& first, const Array<int32_t>& neighbour,
                 const std::optional<Array<int32_t>>& shifts);
  py::dict evaluate_pairs(const Array<double>& positions, const Array<double>& cell, bool energies, bool virials,
                          bool centroid_virials, bool energy_only);
  py::dict compute(const Array<int64_t>& species, const Array<double>& positions, const Array<double>& cell,
                   const Array<int>& pbc, Neighbours& neighbours, bool energies, bool virials, bool centroid_virials,
                   bool energy_only);
  /// Addresses of positions and forces.
  std::pair<uint64_t, uint64_t> device_arrays(int64_t n_atoms);
  py::dict compute_on_device(const Array<int64_t>& species, const Array<double>& cell, const Array<int>& pbc,
                             Neighbours& neighbours, bool energy_only);
  py::array_t<double> output(const std::string& name) const;
  double predict_memory(int64_t n_local, int64_t n_all, int64_t n_edges);

 private:
  static int call_forward(void* host, void* rows, int width, mlip_dtype dtype);
  static int call_reverse(void* host, void* rows, int width, mlip_dtype dtype);
  int exchange(const py::object& callback, void* rows, int width, mlip_dtype dtype) const;
  static int call_sum(void* host, double* values, int n);
  static int call_max(void* host, double* values, int n);

  std::unique_ptr<mlip_model, decltype(&mlip_close)> handle_{nullptr, &mlip_close};
  py::object forward_, reverse_;     // callbacks of a halo
  py::object sum_, max_;             // callbacks of a reduction
  int64_t n_local_ = 0, n_all_ = 0;  // of the current or last evaluation
  Array<int64_t> first_;             // of the pairs, which the engine does not copy
  Array<int32_t> neighbour_;
  std::optional<Array<int32_t>> shifts_;
};

}  // namespace mlip_python
