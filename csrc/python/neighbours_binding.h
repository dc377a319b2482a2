// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "python/arrays.h"

namespace mlip_python {

class Neighbours {
 public:
  Neighbours(double cutoff, double skin);
  py::tuple update(const Array<double>& positions, const Array<double>& cell, const Array<int>& pbc);
  int64_t builds() const { return mlip_neighbours_builds(handle_.get()); }
  mlip_neighbours* handle() { return handle_.get(); }

 private:
  std::unique_ptr<mlip_neighbours, decltype(&mlip_neighbours_destroy)> handle_{nullptr, &mlip_neighbours_destroy};
};

}  // namespace mlip_python
