// SPDX-License-Identifier: MIT
#include "torch/memory_pool.h"

#include <algorithm>
#include <iterator>

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
  holes_.emplace(0, size);
#endif
}

MemoryPool::~MemoryPool() {
#ifdef __linux__
  if (range_ != nullptr) munmap(range_, size_);
#endif
}

void* MemoryPool::allocate(size_t bytes) {
  const size_t need = rounded_up(std::max<size_t>(bytes, 1), kPage);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto hole = std::find_if(holes_.begin(), holes_.end(), [&](const auto& one) { return one.second >= need; });
  if (hole == holes_.end()) return nullptr;
  const auto [offset, size] = *hole;
  holes_.erase(hole);
  if (size > need) holes_.emplace(offset + need, size - need);
  blocks_.emplace(offset, need);
  in_use_ += need;
  extent_ = std::max(extent_, offset + need);
  return range_ + offset;
}

bool MemoryPool::release(void* block) {
  char* const address = static_cast<char*>(block);
  if (range_ == nullptr || address < range_ || address >= range_ + size_) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = blocks_.find(static_cast<size_t>(address - range_));
  if (found == blocks_.end()) return false;
  auto [offset, size] = *found;
  blocks_.erase(found);
  in_use_ -= size;
  auto after = holes_.lower_bound(offset);
  if (after != holes_.end() && after->first == offset + size) {
    size += after->second;
    after = holes_.erase(after);
  }
  if (after != holes_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      before->second += size;
      return true;
    }
  }
  holes_.emplace(offset, size);
  return true;
}

void MemoryPool::trim() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!blocks_.empty() || extent_ == 0) return;
#ifdef __linux__
  madvise(range_, extent_, MADV_DONTNEED);
#endif
  extent_ = 0;
}

size_t MemoryPool::in_use() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return in_use_;
}

size_t MemoryPool::extent() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return extent_;
}

}  // namespace mlip
