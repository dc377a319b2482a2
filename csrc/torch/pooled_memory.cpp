// SPDX-License-Identifier: MIT
#include "torch/pooled_memory.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <pthread.h>
#include <torch/library.h>

#include <atomic>
#include <tuple>

namespace mlip {
namespace {

constexpr size_t kLarge = 32 << 10;  // smaller ones are left to the C library

thread_local bool in_scope = false;
std::atomic<bool> everywhere{false};

void release(void* block) {
  if (block == nullptr) return;
  c10::profiledCPUMemoryReporter().Delete(block);
  if (!memory_pool().release(block)) c10::free_cpu(block);
}

/// As torch's own, with the pool in front. Arrays may be released anywhere and at any time.
class PoolingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const bool pooled = bytes >= kLarge && (in_scope || everywhere.load(std::memory_order_relaxed));
    void* block = pooled ? memory_pool().allocate(bytes) : nullptr;
    if (block == nullptr) block = c10::alloc_cpu(bytes);
    c10::profiledCPUMemoryReporter().New(block, bytes);
    return {block, block, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

/// From the moment this library is loaded.
const bool installed = [] {
  c10::SetCPUAllocator(new PoolingAllocator, /*priority=*/1);
  return true;
}();

}  // namespace

MemoryPool& memory_pool() {
  static MemoryPool* const pool = [] {
    auto* const made = new MemoryPool;  // arrays may outlive everything else
    pthread_atfork([] { memory_pool().lock(); }, [] { memory_pool().unlock(); }, [] { memory_pool().unlock(); });
    return made;
  }();
  return *pool;
}

PooledMemory::PooledMemory() : before_(in_scope) {
  in_scope = true;
}

PooledMemory::~PooledMemory() {
  in_scope = before_;
}

}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  // For programs that are nothing but training.
  library.def("pool_memory(bool everywhere) -> ()", [](bool everywhere) { mlip::everywhere = everywhere; });
  // Bytes in use, and up to the highest one used.
  library.def("pooled_bytes() -> (int, int)", []() -> std::tuple<int64_t, int64_t> {
    const mlip::MemoryPool& pool = mlip::memory_pool();
    return {static_cast<int64_t>(pool.in_use()), static_cast<int64_t>(pool.extent())};
  });
}
