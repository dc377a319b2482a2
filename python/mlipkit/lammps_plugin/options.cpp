// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <algorithm>
#include <numeric>

#include "error.h"
#include "pointers.h"

namespace LAMMPS_NS::MLIP {
namespace {

const std::vector<std::string> KEYWORDS = {"precision", "device", "task", "tables", "charge", "spin", "mass_check"};
const std::vector<std::string> PRECISIONS = {"single", "mixed", "double"};

/// Levenshtein distance: single-character insertions, deletions and substitutions.
size_t edits(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

bool is_device(const std::string &text) {
  if (text == "cpu" || text == "cuda") return true;
  return text.size() > 5 && text.rfind("cuda:", 0) == 0 && text.find_first_not_of("0123456789", 5) == std::string::npos;
}

}  // namespace

std::string nearest(const std::string &word, const std::vector<std::string> &valid) {
  return *std::min_element(valid.begin(), valid.end(), [&word](const std::string &a, const std::string &b) {
    return edits(word, a) < edits(word, b);
  });
}

std::string joined(const std::vector<std::string> &words) {
  std::string text;
  for (const auto &word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Options parse_options(LAMMPS *lmp, int narg, char **arg) {
  Options options;
  Error *error = lmp->error;
  for (int i = 0; i < narg; i += 2) {
    const std::string keyword = arg[i];
    if (std::find(KEYWORDS.begin(), KEYWORDS.end(), keyword) == KEYWORDS.end())
      error->all(FLERR, "Unknown keyword {} of pair_style mlip: did you mean {}? Valid are {}", keyword,
                 nearest(keyword, KEYWORDS), joined(KEYWORDS));
    if (i + 1 >= narg) error->all(FLERR, "Keyword {} of pair_style mlip lacks its value", keyword);
    const std::string value = arg[i + 1];
    if (keyword == "precision") {
      if (std::find(PRECISIONS.begin(), PRECISIONS.end(), value) == PRECISIONS.end())
        error->all(FLERR, "Unknown precision {} in pair_style mlip: did you mean {}? Valid are {}", value,
                   nearest(value, PRECISIONS), joined(PRECISIONS));
      options.precision = value;
    } else if (keyword == "device") {
      if (!is_device(value))
        error->all(FLERR, "Unknown device {} in pair_style mlip: valid are cpu, cuda and cuda:N", value);
      options.device = value;
    } else if (keyword == "task") {
      options.task = value;
    } else if (keyword == "charge") {
      options.charge = utils::numeric(FLERR, value, false, lmp);
    } else if (keyword == "spin") {
      options.spin = utils::numeric(FLERR, value, false, lmp);
    } else if (keyword == "tables") {
      options.tables = utils::logical(FLERR, value, false, lmp) == 1;
    } else {
      options.mass_check = utils::logical(FLERR, value, false, lmp) == 1;
    }
  }
  return options;
}

}  // namespace LAMMPS_NS::MLIP
