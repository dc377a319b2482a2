// SPDX-License-Identifier: MIT
#include "torch/address_space.h"

#include <algorithm>
#include <iterator>

namespace mlip {

std::optional<size_t> AddressSpace::take(size_t bytes) {
  const auto hole = std::find_if(holes_.begin(), holes_.end(), [&](const auto& one) { return one.second >= bytes; });
  if (hole == holes_.end()) return std::nullopt;
  const auto [offset, size] = *hole;
  holes_.erase(hole);
  if (size > bytes) holes_.emplace(offset + bytes, size - bytes);
  blocks_.emplace(offset, bytes);
  in_use_ += bytes;
  extent_ = std::max(extent_, offset + bytes);
  return offset;
}

bool AddressSpace::release(size_t block) {
  const auto found = blocks_.find(block);
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

}  // namespace mlip
