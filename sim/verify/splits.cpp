// The splits of eq 2's images over the workers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "data/partition.hpp"
#include "data/skewed_partition.hpp"
#include "sim/text/numbers.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::size_t kClasses = 10;
constexpr std::size_t kWorkers = 10;
constexpr std::size_t kImages = 2'003;  // not the same at each worker, nor of each class

using Shares = std::vector<std::vector<std::uint32_t>>;

std::vector<std::uint8_t> make_labels() {
  std::vector<std::uint8_t> labels(kImages);
  for (std::size_t i = 0; i < kImages; ++i) labels[i] = static_cast<std::uint8_t>(i % kClasses);
  return labels;
}

/// Whether each image is at one worker, and no worker without images.
bool splits(const Shares& shares) {
  std::vector<int> places(kImages);
  for (const auto& share : shares) {
    if (share.empty()) return false;
    for (const std::uint32_t image : share) ++places.at(image);
  }
  return shares.size() == kWorkers && std::ranges::all_of(places, [](int n) { return n == 1; });
}

/// Whether the numbers differ by one at most.
bool are_even(const std::vector<std::size_t>& numbers) {
  const auto [least, most] = std::ranges::minmax(numbers);
  return most - least <= 1;
}

bool is_even(const Shares& shares) {
  std::vector<std::size_t> sizes;
  for (const auto& share : shares) sizes.push_back(share.size());
  return are_even(sizes);
}

/// Images of each class, [workers][classes].
std::vector<std::array<std::size_t, kClasses>> counts_of(const Shares& shares,
                                                         const std::vector<std::uint8_t>& labels) {
  std::vector<std::array<std::size_t, kClasses>> counts(shares.size());
  for (std::size_t w = 0; w < shares.size(); ++w) {
    for (const std::uint32_t image : shares[w]) ++counts[w][labels[image]];
  }
  return counts;
}

/// Whether every class is even over the workers.
bool is_stratified(const Shares& shares, const std::vector<std::uint8_t>& labels) {
  const auto counts = counts_of(shares, labels);
  for (std::size_t c = 0; c < kClasses; ++c) {
    std::vector<std::size_t> of_class;
    of_class.reserve(counts.size());
    for (const auto& worker : counts) of_class.push_back(worker[c]);
    if (!are_even(of_class)) return false;
  }
  return true;
}

/// Whether every worker has images of `each` classes, and every class is at as many workers.
bool has_classes(const Shares& shares, const std::vector<std::uint8_t>& labels, std::size_t each) {
  const auto counts = counts_of(shares, labels);
  std::array<std::size_t, kClasses> places{};
  for (const auto& worker : counts) {
    std::size_t classes = 0;
    for (std::size_t c = 0; c < kClasses; ++c) {
      classes += worker[c] > 0 ? 1 : 0;
      places[c] += worker[c] > 0 ? 1 : 0;
    }
    if (classes != each) return false;
  }
  return std::ranges::all_of(places,
                             [&](std::size_t n) { return n == each * kWorkers / kClasses; });
}

/// The variance of a worker's share of a class over many splits, against the law.
struct Spread {
  double seen = 0;
  double law = 0;        ///< p (1 - p) (n + A) / (n (1 + A)), p = 1 / N, A = N alpha, n images
  double deviation = 0;  ///< of `seen`

  [[nodiscard]] bool holds() const { return std::abs(seen - law) <= 5 * deviation; }
};

/// With alpha = 1, where hardly a split is drawn again for a worker without images.
Spread measure_spread(const std::vector<std::uint8_t>& labels) {
  constexpr std::uint64_t kSplits = 100;
  constexpr double kP = 1.0 / kWorkers;
  constexpr double kA = kWorkers;
  Spread spread;
  double sum = 0;
  double squares = 0;
  for (std::uint64_t i = 0; i < kSplits; ++i) {
    const auto counts =
        counts_of(data::dirichlet_partition(labels, kWorkers, {1, 1}, kVerifySeed + i), labels);
    for (std::size_t c = 0; c < kClasses; ++c) {
      double n = 0;
      for (const auto& worker : counts) n += static_cast<double>(worker[c]);
      double of_class = 0;
      for (const auto& worker : counts) {
        const double off = static_cast<double>(worker[c]) / n - kP;
        of_class += off * off / kWorkers;
      }
      sum += of_class;
      squares += of_class * of_class;
      spread.law += kP * (1 - kP) * (n + kA) / (n * (1 + kA)) / (kSplits * kClasses);
    }
  }
  constexpr double kDraws = kSplits * kClasses;
  spread.seen = sum / kDraws;
  spread.deviation = std::sqrt((squares / kDraws - spread.seen * spread.seen) / (kDraws - 1));
  return spread;
}

}  // namespace

Check check_splits() {
  constexpr data::Concentration kSkewed{.numerator = 1, .denominator = 10};
  constexpr std::size_t kEach = 2;
  const std::vector<std::uint8_t> labels = make_labels();
  const Shares random = data::partition(kImages, kWorkers, kVerifySeed);
  const Shares even = data::stratified_partition(labels, kWorkers, kVerifySeed);
  const Shares free = data::dirichlet_partition(labels, kWorkers, kSkewed, kVerifySeed);
  const Shares equal = data::equal_dirichlet_partition(labels, kWorkers, kSkewed, kVerifySeed);
  const Shares few = data::class_partition(labels, kWorkers, kEach, kVerifySeed);
  const Spread spread = measure_spread(labels);
  const bool all_split =
      splits(random) && splits(even) && splits(free) && splits(equal) && splits(few);
  return {"splits", "each image is at one worker, none has none; equal, stratified, k classes hold",
          all_split && is_even(random) && is_even(even) && is_stratified(even, labels) &&
              is_even(equal) && has_classes(few, labels, kEach) && spread.holds(),
          fmt::format("{} images, {} workers; the variance of a class's shares under Dirichlet(1) "
                      "{:.6f}, by Polya's urn {:.6f} +- {:.6f}",
                      grouped(kImages), kWorkers, spread.seen, spread.law, spread.deviation)};
}

}  // namespace mvsgd::sim
