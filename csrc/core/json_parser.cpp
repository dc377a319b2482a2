// SPDX-License-Identifier: MIT
//
// Recursive descent over the text of one JSON document.
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/json.h"

namespace mlip {

namespace {
constexpr int kMaxDepth = 64;
}

class JsonParser {
 public:
  JsonParser(std::string_view text, const std::string& document)
      : text_(text), document_(std::make_shared<const std::string>(document)) {}

  Json parse() {
    skip_space();
    Json value = parse_value(0);
    skip_space();
    if (at_ < text_.size()) error("unexpected text after the end of the document");
    return value;
  }

 private:
  [[noreturn]] void error(const std::string& message) const {
    size_t start = 0;
    const size_t end = std::min(at_, text_.size());
    for (size_t i = 0; i < end; ++i)
      if (text_[i] == '\n') start = i + 1;
    fail(MLIP_ERROR_ARTIFACT, *document_, " line ", line_, " column ", end - start + 1, ": ", message);
  }

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }

  void skip_space() {
    for (; !done(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return;
    }
  }

  void expect(char wanted) {
    if (done()) error(concat("the text ends where '", wanted, "' should be"));
    if (text_[at_] != wanted) error(concat("expected '", wanted, "', found '", text_[at_], "'"));
    ++at_;
  }

  Json make(Json::Kind kind) const {
    Json value;
    value.kind_ = kind;
    value.line_ = line_;
    value.document_ = document_;
    return value;
  }

  Json parse_value(int depth) {
    if (depth > kMaxDepth) error("nested too deeply");
    switch (peek()) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"': {
        Json value = make(Json::Kind::string);
        value.string_ = parse_string();
        return value;
      }
      case 't':
      case 'f': {
        Json value = make(Json::Kind::boolean);
        value.boolean_ = peek() == 't';
        parse_word(value.boolean_ ? "true" : "false");
        return value;
      }
      case 'n': {
        parse_word("null");
        return make(Json::Kind::null);
      }
      default:
        return parse_number();
    }
  }

  void parse_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) error(concat("expected ", word));
    at_ += word.size();
  }

  Json parse_object(int depth) {
    Json value = make(Json::Kind::object);
    expect('{');
    skip_space();
    if (peek() == '}') {
      ++at_;
      return value;
    }
    while (true) {
      if (peek() != '"') error("expected a key in double quotes");
      std::string key = parse_string();
      if (value.find(key) != nullptr) error("the key '" + key + "' appears twice");
      skip_space();
      expect(':');
      skip_space();
      value.object_.emplace_back(std::move(key), parse_value(depth + 1));
      skip_space();
      if (peek() == '}') break;
      expect(',');
      skip_space();
    }
    ++at_;
    return value;
  }

  Json parse_array(int depth) {
    Json value = make(Json::Kind::array);
    expect('[');
    skip_space();
    if (peek() == ']') {
      ++at_;
      return value;
    }
    while (true) {
      value.array_.push_back(parse_value(depth + 1));
      skip_space();
      if (peek() == ']') break;
      expect(',');
      skip_space();
    }
    ++at_;
    return value;
  }

  Json parse_number() {
    const size_t start = at_;
    const auto digits = [&] {
      const size_t first = at_;
      while (peek() >= '0' && peek() <= '9') ++at_;
      if (at_ == first) error(start == at_ ? "expected a value" : "expected a digit");
    };
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else {
      digits();
    }
    if (peek() == '.') {
      ++at_;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits();
    }
    Json value = make(Json::Kind::number);
    const char *first = text_.data() + start, *last = text_.data() + at_;
    const auto [end, code] = std::from_chars(first, last, value.number_);
    if (code != std::errc() || end != last || !std::isfinite(value.number_)) error("the number is out of range");
    return value;
  }

  std::string parse_string() {
    expect('"');
    std::string out;
    while (true) {
      if (done()) error("the text ends inside a string");
      const unsigned char c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') break;
      if (c < 0x20) error("control character inside a string");
      if (c == '\\') {
        ++at_;
        parse_escape(out);
      } else if (c < 0x80) {
        out += text_[at_++];
      } else {
        copy_utf8(out);
      }
    }
    ++at_;
    return out;
  }

  void parse_escape(std::string& out) {
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        append_utf8(out, parse_code_point());
        return;
      default:
        error("unknown escape in a string");
    }
  }

  uint32_t parse_hex4() {
    uint32_t code = 0;
    const char *first = text_.data() + at_, *last = text_.data() + std::min(at_ + 4, text_.size());
    const auto [end, status] = std::from_chars(first, last, code, 16);
    if (status != std::errc() || end != first + 4) error("expected four hexadecimal digits after \\u");
    at_ += 4;
    return code;
  }

  uint32_t parse_code_point() {
    const uint32_t high = parse_hex4();
    if (high >= 0xDC00 && high < 0xE000) error("lone low surrogate in a string");
    if (high < 0xD800 || high >= 0xDC00) return high;
    if (text_.substr(at_, 2) != "\\u") error("lone high surrogate in a string");
    at_ += 2;
    const uint32_t low = parse_hex4();
    if (low < 0xDC00 || low >= 0xE000) error("lone high surrogate in a string");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  static void append_utf8(std::string& out, uint32_t code) {
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      tail(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      tail(6);
      tail(0);
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  /// Copies one multi-byte sequence; refuses overlong forms, surrogates and anything beyond U+10FFFF.
  void copy_utf8(std::string& out) {
    const unsigned char lead = static_cast<unsigned char>(text_[at_]);
    const int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    uint32_t code = lead & (0x7F >> length);
    bool valid = lead >= 0xC2 && lead <= 0xF4 && at_ + length <= text_.size();
    for (int k = 1; valid && k < length; ++k) {
      const unsigned char next = static_cast<unsigned char>(text_[at_ + k]);
      valid = (next & 0xC0) == 0x80;
      code = (code << 6) | (next & 0x3F);
    }
    const uint32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
    if (!valid || code < least || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) error("invalid UTF-8");
    out.append(text_.substr(at_, length));
    at_ += length;
  }

  std::string_view text_;
  std::shared_ptr<const std::string> document_;
  size_t at_ = 0;
  int line_ = 1;
};

Json Json::parse(std::string_view text, const std::string& document) {
  return JsonParser(text, document).parse();
}

}  // namespace mlip
