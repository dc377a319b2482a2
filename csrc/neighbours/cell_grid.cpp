// SPDX-License-Identifier: MIT
#include "neighbours/cell_grid.h"

#include <algorithm>
#include <cmath>
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
      Row row{i, j, reach_[2] + 1, -reach_[2] - 1};
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

void CellGrid::collect_range(int64_t begin, int64_t end, Candidates& candidates) const {
  candidates.first.assign(1, 0);
  candidates.neighbour.clear();
  candidates.shifts.clear();
  for (int64_t i = begin; i < end; ++i) {
    const Centre centre{i, position_[place_[i]], wrap_[place_[i]], bins_[i]};
    for (const Row& row : stencil_) collect_row(centre, row, candidates);
    candidates.first.push_back(static_cast<int64_t>(candidates.neighbour.size()));
  }
}

// Bins of a row lie one after the other, so that all atoms between two image boundaries are one range.
void CellGrid::collect_row(const Centre& centre, const Row& row, Candidates& candidates) const {
  const Step& first = steps_[0][centre.bin[0] + row.first + reach_[0]];
  const Step& second = steps_[1][centre.bin[1] + row.second + reach_[1]];
  if (first.bin < 0 || second.bin < 0) return;
  const Step* third = steps_[2].data() + centre.bin[2] + reach_[2];
  const int start = bin_of({first.bin, second.bin, 0});
  for (int k = row.low; k <= row.high;) {
    const Step& step = third[k];
    if (step.bin < 0) {
      ++k;
      continue;
    }
    const int length = std::min(n_bins_[2] - step.bin, row.high - k + 1);
    collect_bins(centre, {first.image, second.image, step.image}, bin_first_[start + step.bin],
                 bin_first_[start + step.bin + length], candidates);
    k += length;
  }
}

void CellGrid::collect_bins(const Centre& centre, const std::array<int64_t, 3>& image, int64_t begin, int64_t end,
                            Candidates& candidates) const {
  constexpr int64_t kMaxShift = std::numeric_limits<int32_t>::max();
  Vector origin = centre.position;  // as seen from the image cell
  for (int k = 0; k < 3; ++k)
    for (int a = 0; a < 3; ++a) origin[a] -= static_cast<double>(image[k]) * lattice_.vector(k)[a];
  const double square = radius_ * radius_;
  std::array<int64_t, 3> unwrapped = lattice_.original_shift(image);
  for (int k = 0; k < 3; ++k) unwrapped[k] += centre.wrap[k];
  for (int64_t p = begin; p < end; ++p) {
    const Vector& x = position_[p];
    const Vector r{x[0] - origin[0], x[1] - origin[1], x[2] - origin[2]};
    if (dot(r, r) >= square) continue;
    std::array<int64_t, 3> shift;
    for (int k = 0; k < 3; ++k) shift[k] = unwrapped[k] - wrap_[p][k];
    if (index_[p] == centre.index && shift[0] == 0 && shift[1] == 0 && shift[2] == 0) continue;
    for (int64_t s : shift)
      if (s > kMaxShift || s < -kMaxShift)
        fail(MLIP_ERROR_ARGUMENT, "atom ", index_[p], " is too many cells away from atom ", centre.index,
             "; wrap the positions");
    candidates.neighbour.push_back(static_cast<int32_t>(index_[p]));
    candidates.shifts.push_back(
        {static_cast<int32_t>(shift[0]), static_cast<int32_t>(shift[1]), static_cast<int32_t>(shift[2])});
  }
}

}  // namespace mlip
