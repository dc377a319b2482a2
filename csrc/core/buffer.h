// SPDX-License-Identifier: MIT
//
// Memory for one step that the next one uses again: grows, never shrinks, and is not cleared.
#pragma once

#include <cstddef>
#include <memory>

namespace mlip {

template <class T>
class Buffer {
 public:
  /// Room for n values; what was in it may be lost.
  T* reserve(size_t n) {
    if (n > capacity_) {
      data_.reset();  // the old room first: both at once would be the peak of memory
      capacity_ = 0;
      data_ = std::make_unique_for_overwrite<T[]>(n + n / 16);
      capacity_ = n + n / 16;
    }
    return data_.get();
  }
  T* data() const { return data_.get(); }

 private:
  std::unique_ptr<T[]> data_;
  size_t capacity_ = 0;
};

}  // namespace mlip
