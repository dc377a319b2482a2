// SPDX-License-Identifier: MIT
#include "core/names.h"

#include <algorithm>
#include <cctype>

namespace mlip {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Levenshtein distance.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

std::string nearest_hint(const std::string& wrong, const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  size_t least = 0;
  for (const std::string& name : names) {
    const size_t distance = edit_distance(lower(wrong), lower(name));
    if (nearest == nullptr || distance < least) {
      nearest = &name;
      least = distance;
    }
  }
  // Half of the letters may be wrong; more is another word.
  if (nearest == nullptr || 2 * least > std::max(wrong.size(), nearest->size())) return "";
  return " (did you mean '" + *nearest + "'?)";
}

}  // namespace mlip
