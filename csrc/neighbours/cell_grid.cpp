// SPDX-License-Identifier: MIT
#include "neighbours/cell_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <limits>

#include "core/error.h"

namespace mlip {
namespace {

// Distances here are those of wrapped positions; the margin covers their rounding. The exact test comes later.
constexpr double kMargin = 1.0 + 1e-6;
// Bins of half the radius: 125 small bins hold less volume than 27 of a full radius.
constexpr double kBinsPerRadius = 2.0;
// An atom far away from the others must not make millions of empty bins.
constexpr double kBinsPerAtom = 4.0;
constexpr double kMaxStencil = 2e7;
constexpr int64_t kAtomsPerPart = 50;
constexpr int64_t kMaxShift = std::numeric_limits<int32_t>::max();

}  // namespace

CellGrid::CellGrid(const Lattice& lattice, int64_t n_atoms, const double* positions, double radius)
    : lattice_(lattice), radius_(radius * kMargin) {
  Vector low, high;
  low.fill(std::numeric_limits<double>::infinity());
  high.fill(-std::numeric_limits<double>::infinity());
  for (int64_t i = 0; i < n_atoms; ++i) {
    const Vector f = lattice.fractional(positions + 3 * i);
    for (int k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], f[k]);
      high[k] = std::max(high[k], f[k]);
    }
  }
  Vector length;
  for (int k = 0; k < 3; ++k) {
    const bool periodic = lattice.periodic(k);
    origin_[k] = periodic ? 0.0 : low[k];
    // Open directions have unit vectors: their fractional coordinates are lengths. A plane gets a bin of some width.
    extent_[k] = periodic ? 1.0 : std::max(high[k] - low[k], 1e-3 * radius);
    length[k] = periodic ? lattice.height(k) : extent_[k];
  }
  choose_bins(n_atoms, length);
  build_steps();
  build_stencil();
  sort_atoms(n_atoms, positions);
}

void CellGrid::choose_bins(int64_t n_atoms, const Vector& length) {
  Vector wanted;
  for (int k = 0; k < 3; ++k) wanted[k] = std::max(1.0, std::floor(length[k] * kBinsPerRadius / radius_));
  const double limit = kBinsPerAtom * static_cast<double>(n_atoms) + 64.0;
  while (wanted[0] * wanted[1] * wanted[2] > limit) {
    double& largest = *std::max_element(wanted.begin(), wanted.end());
    largest = std::ceil(largest / 2.0);
  }
  double stencil = 1.0;
  for (int k = 0; k < 3; ++k) {
    n_bins_[k] = static_cast<int>(wanted[k]);
    double reach = std::ceil(radius_ * wanted[k] / length[k]);
    if (!lattice_.periodic(k)) reach = std::min(reach, wanted[k] - 1.0);
    stencil *= 2.0 * reach + 1.0;
    if (stencil > kMaxStencil)
      fail(MLIP_ERROR_ARGUMENT, "the cell is far too small for a cutoff of ", radius_,
           " angstrom (more than ten million images): are the cell vectors given in angstrom?");
    reach_[k] = static_cast<int>(reach);
  }
}

void CellGrid::build_steps() {
  for (int k = 0; k < 3; ++k) {
    const int n = n_bins_[k];
    steps_[k].clear();
    for (int target = -reach_[k]; target < n + reach_[k]; ++target) {
      const int image = target >= 0 ? target / n : -((n - 1 - target) / n);
      const bool outside = image != 0 && !lattice_.periodic(k);
      steps_[k].push_back({outside ? -1 : target - image * n, image});
    }
  }
}

void CellGrid::build_stencil() {
  std::array<Vector, 3> edge;  // of one bin
  for (int k = 0; k < 3; ++k)
    for (int a = 0; a < 3; ++a) edge[k][a] = lattice_.vector(k)[a] * extent_[k] / n_bins_[k];
  // Two points in bins whose origins are D apart are at least |D| - (longest diagonal) apart.
  double diagonal = 0.0;
  for (int sign = 0; sign < 4; ++sign) {
    Vector d;
    for (int a = 0; a < 3; ++a) d[a] = edge[0][a] + (sign & 1 ? -1 : 1) * edge[1][a] + (sign & 2 ? -1 : 1) * edge[2][a];
    diagonal = std::max(diagonal, std::sqrt(dot(d, d)));
  }
  const double range = radius_ + diagonal;
  stencil_.clear();
  for (int i = -reach_[0]; i <= reach_[0]; ++i)
    for (int j = -reach_[1]; j <= reach_[1]; ++j) {
      CellRow row{i, j, reach_[2] + 1, -reach_[2] - 1};
      for (int k = -reach_[2]; k <= reach_[2]; ++k) {
        Vector d;
        for (int a = 0; a < 3; ++a) d[a] = i * edge[0][a] + j * edge[1][a] + k * edge[2][a];
        if (dot(d, d) > range * range) continue;
        row.low = std::min(row.low, k);
        row.high = std::max(row.high, k);
      }
      if (row.low <= row.high) stencil_.push_back(row);
    }
}

std::array<int, 3> CellGrid::bin_at(const Vector& f) const {
  std::array<int, 3> bin;
  for (int k = 0; k < 3; ++k)
    bin[k] = std::clamp(static_cast<int>((f[k] - origin_[k]) / extent_[k] * n_bins_[k]), 0, n_bins_[k] - 1);
  return bin;
}

void CellGrid::sort_atoms(int64_t n_atoms, const double* positions) {
  std::vector<std::array<int64_t, 3>> wrap(n_atoms);
  bins_.resize(n_atoms);
  bin_first_.assign(static_cast<size_t>(n_bins_[0]) * n_bins_[1] * n_bins_[2] + 1, 0);
  for (int64_t i = 0; i < n_atoms; ++i) {
    Vector f = lattice_.fractional(positions + 3 * i);
    for (int k = 0; k < 3; ++k) {
      const double whole = lattice_.periodic(k) ? std::floor(f[k]) : 0.0;
      if (!(std::abs(whole) < 1e9))
        fail(MLIP_ERROR_ARGUMENT, "atom ", i, " is more than a billion cells away from the origin; wrap its position");
      f[k] -= whole;
      wrap[i][k] = static_cast<int64_t>(whole);
    }
    bins_[i] = bin_at(f);
    ++bin_first_[bin_of(bins_[i]) + 1];
  }
  for (size_t b = 1; b < bin_first_.size(); ++b) bin_first_[b] += bin_first_[b - 1];

  std::vector<int64_t> next(bin_first_.begin(), bin_first_.end() - 1);
  place_.resize(n_atoms);
  position_.resize(n_atoms);
  index_.resize(n_atoms);
  wrap_.resize(n_atoms);
  for (int64_t i = 0; i < n_atoms; ++i) {
    const int64_t place = place_[i] = next[bin_of(bins_[i])]++;
    index_[place] = i;
    wrap_[place] = lattice_.original_shift(wrap[i]);
    for (int a = 0; a < 3; ++a) {
      position_[place][a] = positions[3 * i + a];
      for (int k = 0; k < 3; ++k) position_[place][a] -= static_cast<double>(wrap[i][k]) * lattice_.vector(k)[a];
    }
  }
}

void CellGrid::collect(Candidates& candidates, ThreadTeam& team) const {
  const int64_t n_atoms = static_cast<int64_t>(bins_.size());
  const int parts = team.parts(n_atoms, kAtomsPerPart);
  if (parts == 1) return collect_range(0, n_atoms, candidates);
  std::vector<Candidates> found(parts);
  std::vector<std::exception_ptr> failures(parts);
  team.run(parts, [&](int part) {
    try {
      collect_range(n_atoms * part / parts, n_atoms * (part + 1) / parts, found[part]);
    } catch (...) {
      failures[part] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  candidates = std::move(found[0]);
  for (int part = 1; part < parts; ++part) {
    const int64_t before = candidates.first.back();
    for (size_t i = 1; i < found[part].first.size(); ++i) candidates.first.push_back(before + found[part].first[i]);
    const auto append = [](auto& all, auto& more) { all.insert(all.end(), more.begin(), more.end()); };
    append(candidates.neighbour, found[part].neighbour);
    append(candidates.shifts, found[part].shifts);
  }
}

CellView CellGrid::view() const {
  CellView v{};
  v.n_atoms = static_cast<int64_t>(bins_.size());
  v.n_all_bins = static_cast<int64_t>(bin_first_.size()) - 1;
  v.square = radius_ * radius_;
  v.n_rows = static_cast<int>(stencil_.size());
  for (int k = 0; k < 3; ++k) {
    v.n_bins[k] = n_bins_[k];
    v.reach[k] = reach_[k];
    v.steps[k] = steps_[k].data();
    std::array<int64_t, 3> unit{};
    unit[k] = 1;
    const std::array<int64_t, 3> change = lattice_.original_shift(unit);
    for (int a = 0; a < 3; ++a) {
      v.vector[3 * k + a] = lattice_.vector(k)[a];
      v.change[3 * k + a] = change[a];
    }
  }
  v.rows = stencil_.data();
  v.bin_first = bin_first_.data();
  if (v.n_atoms == 0) return v;
  v.bin = bins_.front().data();
  v.place = place_.data();
  v.position = position_.front().data();
  v.index = index_.data();
  v.wrap = wrap_.front().data();
  return v;
}

void CellGrid::check_shifts() const {
  const CellView v = view();
  for (int64_t p = 0; p < v.n_atoms; ++p)
    for (int a = 0; a < 3; ++a) {
      int64_t most = std::abs(wrap_[p][a]);
      for (int k = 0; k < 3; ++k) {
        const int64_t images = steps_[k].empty() ? 0 : std::max(-steps_[k].front().image, steps_[k].back().image);
        most += images * std::abs(v.change[3 * k + a]);
      }
      if (most > kMaxShift / 2)
        fail(MLIP_ERROR_ARGUMENT, "atom ", index_[p], " is too many cells away from the origin; wrap the positions");
    }
}

void CellGrid::collect_range(int64_t begin, int64_t end, Candidates& candidates) const {
  candidates.first.assign(1, 0);
  candidates.neighbour.clear();
  candidates.shifts.clear();
  const CellView v = view();
  for (int64_t i = begin; i < end; ++i) {
    for (const CellRow& row : stencil_) {
      CellRange range{};
      for (int k = row.low; next_range(v, bins_[i].data(), row, k, range);) collect_bins(v, i, range, candidates);
    }
    candidates.first.push_back(static_cast<int64_t>(candidates.neighbour.size()));
  }
}

void CellGrid::collect_bins(const CellView& v, int64_t centre, const CellRange& range, Candidates& candidates) const {
  const CellSight from = sight(v, place_[centre], range);
  for (int64_t p = range.begin; p < range.end; ++p) {
    int64_t shift[3];
    if (!is_seen(v, from, centre, p, shift)) continue;
    for (int64_t s : shift)
      if (s > kMaxShift || s < -kMaxShift)
        fail(MLIP_ERROR_ARGUMENT, "atom ", index_[p], " is too many cells away from atom ", centre,
             "; wrap the positions");
    candidates.neighbour.push_back(static_cast<int32_t>(index_[p]));
    candidates.shifts.push_back(
        {static_cast<int32_t>(shift[0]), static_cast<int32_t>(shift[1]), static_cast<int32_t>(shift[2])});
  }
}

}  // namespace mlip
