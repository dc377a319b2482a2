// SPDX-License-Identifier: MIT
#include "core/json.h"

#include <cmath>

#include "core/error.h"

namespace mlip {
namespace {

constexpr double kLargestInteger = 9007199254740992.0;  // 2^53: beyond it a double skips integers

const char* kind_name(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return "true or false";
    case Json::Kind::number:
      return "a number";
    case Json::Kind::string:
      return "a string";
    case Json::Kind::array:
      return "an array";
    case Json::Kind::object:
      return "an object";
  }
  return "?";
}

}  // namespace

void Json::fail_here(const std::string& message) const {
  fail(MLIP_ERROR_ARTIFACT, document_ ? *document_ : "JSON", " line ", line_, ": ", message);
}

void Json::expect(Kind kind) const {
  if (kind_ != kind) fail_here(concat("expected ", kind_name(kind), ", found ", kind_name(kind_)));
}

bool Json::boolean() const {
  expect(Kind::boolean);
  return boolean_;
}

double Json::number() const {
  expect(Kind::number);
  return number_;
}

int64_t Json::integer() const {
  expect(Kind::number);
  if (number_ != std::floor(number_) || std::abs(number_) > kLargestInteger)
    fail_here(concat("expected an integer, found ", number_));
  return static_cast<int64_t>(number_);
}

const std::string& Json::string() const {
  expect(Kind::string);
  return string_;
}

const std::vector<Json>& Json::array() const {
  expect(Kind::array);
  return array_;
}

const std::vector<Json>& Json::array(size_t length) const {
  expect(Kind::array);
  if (array_.size() != length) fail_here(concat("expected an array of ", length, " values, found ", array_.size()));
  return array_;
}

const std::vector<Json::Member>& Json::object() const {
  expect(Kind::object);
  return object_;
}

const Json* Json::find(const std::string& key) const {
  expect(Kind::object);
  for (const Member& member : object_)
    if (member.first == key) return &member.second;
  return nullptr;
}

const Json& Json::at(const std::string& key) const {
  const Json* value = find(key);
  if (value == nullptr) fail_here("the key '" + key + "' is missing");
  return *value;
}

}  // namespace mlip
