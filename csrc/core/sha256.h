// SPDX-License-Identifier: MIT
//
// SHA-256 (FIPS 180-4). The checksum of an artifact: it catches damage and careless edits, it is no signature.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlip {

class Sha256 {
 public:
  void update(const void* data, size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }
  /// The digest in lower-case hexadecimal; the object is used up.
  std::string hex();

 private:
  void compress(const uint8_t* block);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_{};
  size_t filled_ = 0;
  uint64_t total_ = 0;  // bytes
};

/// Digest of a whole file; throws MLIP_ERROR_ARTIFACT when it cannot be read.
std::string file_sha256(const std::string& path);

}  // namespace mlip
