// SPDX-License-Identifier: MIT
#include "torch/memory_pool.h"

#include <algorithm>

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace mlip {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{1} << 21;

constexpr size_t rounded_up(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

MemoryPool::MemoryPool() {
#ifdef __linux__
  const size_t memory = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t size = rounded_up(memory, kHugePage);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const range = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (range == MAP_FAILED) return;  // a limit on addresses: the C library's heap has to do
  madvise(range, size, MADV_HUGEPAGE);
  madvise(range, size, MADV_DONTDUMP);
  range_ = static_cast<char*>(range);
  size_ = size;
  space_ = AddressSpace(size);
#endif
}

MemoryPool::~MemoryPool() {
#ifdef __linux__
  if (range_ != nullptr) munmap(range_, size_);
#endif
}

void* MemoryPool::allocate(size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto offset = space_.take(rounded_up(std::max<size_t>(bytes, 1), kPage));
  return offset ? range_ + *offset : nullptr;
}

bool MemoryPool::release(void* block) {
  char* const address = static_cast<char*>(block);
  if (range_ == nullptr || address < range_ || address >= range_ + size_) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  return space_.release(static_cast<size_t>(address - range_));
}

void MemoryPool::trim() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!space_.empty() || space_.extent() == 0) return;
#ifdef __linux__
  madvise(range_, space_.extent(), MADV_DONTNEED);
#endif
  space_.reset_extent();
}

size_t MemoryPool::in_use() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return space_.in_use();
}

size_t MemoryPool::extent() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return space_.extent();
}

}  // namespace mlip
