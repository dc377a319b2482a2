// SPDX-License-Identifier: MIT
//
// A small strict JSON reader (RFC 8259, UTF-8), for manifests and probes. It reads whole documents and writes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlip {

/// One value. Typed access to the wrong type, or to a missing key, throws MLIP_ERROR_ARTIFACT with document and line.
class Json {
 public:
  enum class Kind { null, boolean, number, string, array, object };
  using Member = std::pair<std::string, Json>;

  /// `document` names the text in messages.
  static Json parse(std::string_view text, const std::string& document);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool boolean() const;
  double number() const;
  int64_t integer() const;
  const std::string& string() const;
  const std::vector<Json>& array() const;
  /// Also throws when the array has another length.
  const std::vector<Json>& array(size_t length) const;
  const std::vector<Member>& object() const;
  /// Member of an object; `find` gives null where there is none.
  const Json& at(const std::string& key) const;
  const Json* find(const std::string& key) const;

  /// Throws MLIP_ERROR_ARTIFACT about this value: "mlip.json line 3: <message>".
  [[noreturn]] void fail_here(const std::string& message) const;

 private:
  friend class JsonParser;
  void expect(Kind kind) const;

  Kind kind_ = Kind::null;
  bool boolean_ = false;
  double number_ = 0.0;
  std::string string_;
  std::vector<Json> array_;
  std::vector<Member> object_;  // in the order of the text
  int line_ = 0;
  std::shared_ptr<const std::string> document_;
};

}  // namespace mlip
