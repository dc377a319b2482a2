// SPDX-License-Identifier: MIT
//
// mlip.h for Python, as thin as possible: arrays in and out, status and message as an exception. The typed face that
// people use is mlipkit.interfaces.engine.
#include "python/arrays.h"

namespace mlip_python {

/// Failures arrive in Python as mlipkit.interfaces.errors.EngineError(status, message).
void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const EngineFailure& failure) {
    try {
      const py::object type = py::module_::import("mlipkit.interfaces.errors").attr("EngineError");
      const py::object error = type(static_cast<int>(failure.status), failure.what());
      PyErr_SetObject(type.ptr(), error.ptr());
    } catch (py::error_already_set& import_failed) {
      import_failed.restore();
    }
  }
}

}  // namespace mlip_python

PYBIND11_MODULE(_engine, module) {
  module.attr("INTERFACE_VERSION") = mlip_interface_version();
  module.attr("VERSION") = mlip_version();
  pybind11::register_exception_translator(&mlip_python::translate);
  mlip_python::bind_neighbours(module);
  mlip_python::bind_model(module);
}
