// SPDX-License-Identifier: MIT
#include <dlfcn.h>

#include <filesystem>
#include <fstream>

#include "core/backend.h"

namespace mlip {
namespace {

namespace fs = std::filesystem;

/// Folder of the library that holds this function.
fs::path library_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&make_backend), &info) == 0 || info.dli_fname == nullptr)
    fail(MLIP_ERROR_BACKEND, "cannot find the folder of libmlip.so; reinstall mlipkit");
  std::error_code code;
  const fs::path path = fs::canonical(info.dli_fname, code);
  return (code ? fs::path(info.dli_fname) : path).parent_path();
}

/// Version of the torch package beside mlipkit, "" when there is none: <site-packages>/mlipkit/lib -> torch.
std::string installed_torch(const fs::path& folder) {
  std::ifstream file(folder.parent_path().parent_path() / "torch" / "version.py");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("__version__", 0) != 0) continue;
    const size_t first = line.find_first_of("'\"");
    const size_t last = line.find_last_of("'\"");
    if (first != std::string::npos && last > first) return line.substr(first + 1, last - first - 1);
  }
  return "";
}

/// "2.13.0+cpu" -> "2.13": the part that has to agree.
std::string minor_version(const std::string& version) {
  const size_t first = version.find('.');
  const size_t second = first == std::string::npos ? first : version.find_first_not_of("0123456789", first + 1);
  return version.substr(0, second);
}

mlip_create_backend_function* load_factory() {
  const fs::path folder = library_folder();
  const std::string found = installed_torch(folder);
  if (!found.empty() && minor_version(found) != minor_version(MLIP_TORCH_VERSION))
    fail(MLIP_ERROR_BACKEND, "mlipkit ", MLIP_VERSION, " was built against torch ", MLIP_TORCH_VERSION, ", but torch ",
         found, " is installed beside it; run `pip install torch==", minor_version(MLIP_TORCH_VERSION),
         ".*`, or build mlipkit again for the torch that you have");
  const fs::path path = folder / "libmlip_torch.so";
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    fail(MLIP_ERROR_BACKEND, "cannot load ", path.string(), " (", reason == nullptr ? "no reason given" : reason,
         "); it was built against torch ", MLIP_TORCH_VERSION, ", ",
         found.empty() ? "and no torch is installed beside mlipkit" : "installed is torch " + found,
         ": reinstall mlipkit and torch in one environment");
  }
  auto* factory = reinterpret_cast<mlip_create_backend_function*>(dlsym(handle, "mlip_create_backend"));
  if (factory == nullptr)
    fail(MLIP_ERROR_BACKEND, path.string(), " does not belong to mlipkit ", MLIP_VERSION, "; reinstall mlipkit");
  return factory;
}

}  // namespace

std::unique_ptr<Backend> make_backend() {
  static mlip_create_backend_function* const factory = load_factory();  // tried again after a failure
  std::unique_ptr<Backend> backend(factory(kBackendInterface));
  if (backend == nullptr)
    fail(MLIP_ERROR_BACKEND, "libmlip and libmlip_torch are of different builds; reinstall mlipkit");
  return backend;
}

}  // namespace mlip
