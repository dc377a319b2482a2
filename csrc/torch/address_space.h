// SPDX-License-Identifier: MIT
//
// Which parts of a range of addresses are in use. A block takes the first hole that is large enough, so that the lowest
// addresses are used again and again.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>

namespace mlip {

class AddressSpace {
 public:
  explicit AddressSpace(size_t size) { holes_.emplace(0, size); }

  /// Where the block begins, if it finds room.
  std::optional<size_t> take(size_t bytes);
  /// Whether a block begins there, which it then no longer does.
  bool release(size_t offset);

  bool empty() const { return blocks_.empty(); }
  /// Bytes of the blocks in use, and up to the end of the highest one that there was since the last reset.
  size_t in_use() const { return in_use_; }
  size_t extent() const { return extent_; }
  void reset_extent() { extent_ = 0; }

 private:
  size_t in_use_ = 0, extent_ = 0;
  std::map<size_t, size_t> holes_;             // offset: bytes
  std::unordered_map<size_t, size_t> blocks_;  // offset: bytes
};

}  // namespace mlip
