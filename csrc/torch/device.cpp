// SPDX-License-Identifier: MIT
#include "torch/device.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <torch/library.h>

#include <atomic>

namespace mlip {
namespace {

/// Kernels that stand in for CUDA on the processor; null: none do.
std::atomic<const cuda::Kernels*> emulated{nullptr};

/// Tests: tensors on the processor are from now on treated as if they were on a device with the kernels of this
/// library, which were compiled for the processor; an empty path ends it.
void emulate_cuda(const std::string& path) {
  if (path.empty()) {
    emulated = nullptr;
    return;
  }
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  TORCH_CHECK(library != nullptr, "cannot load the emulated kernels: ", dlerror());
  const auto kernels = reinterpret_cast<decltype(&mlip_cuda_kernels)>(dlsym(library, "mlip_cuda_kernels"));
  TORCH_CHECK(kernels != nullptr && kernels()->bytes == sizeof(cuda::Kernels) && kernels()->layout == cuda::LAYOUT,
              path, " holds no kernels, or those of other sources than this library: compile both again");
  emulated = kernels();
}

}  // namespace

bool has_cuda_kernels() {
#ifdef MLIP_WITH_CUDA
  return true;
#else
  return false;
#endif
}

bool is_on_device(const at::Tensor& x) {
  return x.is_cuda() || (emulated != nullptr && x.is_cpu());
}

const cuda::Kernels& device_kernels(const at::Tensor& x) {
  if (!x.is_cuda() && emulated != nullptr) return *emulated;
#ifdef MLIP_WITH_CUDA
  return *mlip_cuda_kernels();
#else
  TORCH_CHECK(false,
              "the operators of mlip have no CUDA kernels in this build, which found no CUDA compiler; build "
              "mlipkit again where nvcc is in the PATH, or move the tensors to the cpu");
#endif
}

void* current_stream(const at::Tensor& x) {
  if (!x.is_cuda()) return nullptr;
  return c10::impl::VirtualGuardImpl(x.device().type()).getStream(x.device()).native_handle();
}

}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def("has_cuda() -> bool", mlip::has_cuda_kernels);
  library.def("emulate_cuda(str path) -> ()", mlip::emulate_cuda);
}
