// SPDX-License-Identifier: MIT
//
// Shared by the pieces of the binding: C-contiguous arrays in, fresh arrays out, statuses as exceptions.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "mlip/mlip.h"

namespace mlip_python {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

struct EngineFailure : std::runtime_error {
  EngineFailure(mlip_status status, const std::string& message) : std::runtime_error(message), status(status) {}
  mlip_status status;
};

inline void check(mlip_status status) {
  if (status != MLIP_OK) throw EngineFailure(status, mlip_last_error());
}

/// Refuses an array whose shape is not the expected one (-1: any length).
template <class T>
void expect_shape(const Array<T>& array, const char* name, const std::vector<py::ssize_t>& shape) {
  bool fits = array.ndim() == static_cast<py::ssize_t>(shape.size());
  for (size_t k = 0; fits && k < shape.size(); ++k) fits = shape[k] < 0 || array.shape(k) == shape[k];
  if (fits) return;
  std::string wanted, given;
  for (py::ssize_t n : shape) wanted += (n < 0 ? std::string("any") : std::to_string(n)) + ", ";
  for (py::ssize_t k = 0; k < array.ndim(); ++k) given += std::to_string(array.shape(k)) + ", ";
  throw EngineFailure(MLIP_ERROR_ARGUMENT,
                      std::string(name) + " must have shape [" + wanted + "], not [" + given + "]");
}

template <class T>
py::array_t<T> copy(const T* data, const std::vector<py::ssize_t>& shape) {
  py::array_t<T> array(shape);
  std::copy(data, data + array.size(), array.mutable_data());
  return array;
}

void bind_neighbours(py::module_& module);
void bind_model(py::module_& module);

}  // namespace mlip_python
