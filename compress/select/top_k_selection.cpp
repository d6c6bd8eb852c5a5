// The exact top-K support. One pass collects the candidates above a guessed floor, and a radix
// selection chooses among them.
#include "compress/select/top_k_selection.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace mvsgd::compress {
namespace {

constexpr Magnitude kLowest = -1;  // the floor below every coordinate
constexpr Magnitude kHighest = std::numeric_limits<Magnitude>::max();

Magnitude magnitude(float x) { return std::bit_cast<Magnitude>(x) & 0x7fffffff; }

float value(const Plain& source, std::size_t i) { return source.x[i]; }
float value(const Difference& source, std::size_t i) {
  return (source.theta_h[i] - source.theta_0[i]) + source.e[i];
}

// The vector that is ranked, once a pass has been over it.
Plain ranked(const Plain& source) { return source; }
Plain ranked(const Difference& source) { return {.x = source.e}; }

struct Threshold {
  Magnitude magnitude;  // magnitude of the last candidate that is in
  std::size_t ties;     // candidates of exactly that magnitude that are in
};

Magnitude largest(const Candidates& candidates) {
  Magnitude most = kLowest;
  for (std::size_t j = 0; j < candidates.count; ++j) {
    most = std::max(most, candidates.magnitude[j]);
  }
  return most;
}

// The magnitude of the k-th largest candidate, 1 <= k <= candidates, all of which are above
// `floor`. It is found in digits of 11 bits of their height above the floor, so at most three
// passes are made. Candidates crowd near the floor, so the first digit tells nearly all of them
// apart.
Threshold threshold(const Candidates& candidates, Magnitude floor, std::size_t k) {
  constexpr unsigned kDigit = 11;
  const Magnitude most = std::max(floor + 1, largest(candidates));
  Magnitude low = floor + 1;  // the threshold is in [low, low + 2^width)
  auto width = static_cast<unsigned>(std::bit_width(static_cast<std::uint32_t>(most - low)));
  std::size_t wanted = k;
  for (;;) {
    const unsigned shift = width > kDigit ? width - kDigit : 0;
    std::array<std::uint32_t, 1 << kDigit> histogram{};
    for (std::size_t j = 0; j < candidates.count; ++j) {
      const auto offset = static_cast<std::uint32_t>(candidates.magnitude[j] - low);
      if (offset >> width == 0) ++histogram[offset >> shift];
    }
    std::size_t digit = histogram.size() - 1;
    while (histogram[digit] < wanted) wanted -= histogram[digit--];
    low += static_cast<Magnitude>(digit << shift);
    if (shift == 0) return {.magnitude = low, .ties = wanted};
    width = shift;
  }
}

// Drops candidates below the threshold, and ties beyond those that are in.
void keep(Candidates& candidates, Threshold last) {
  std::size_t kept = 0;
  for (std::size_t j = 0; j < candidates.count; ++j) {
    const Magnitude m = candidates.magnitude[j];
    bool in = m > last.magnitude;
    if (m == last.magnitude && last.ties > 0) {
      --last.ties;
      in = true;
    }
    candidates.index[kept] = candidates.index[j];
    candidates.magnitude[kept] = m;
    kept += in ? 1 : 0;
  }
  candidates.count = kept;
}

// The candidates among d coordinates.
class Collector {
 public:
  Collector(std::size_t d, std::size_t k)
      : d_(d),
        k_(k),
        // If there is room for all coordinates, nothing is ever dropped. Else there is room for k
        // candidates and as many more, over which the cost of dropping is spread.
        capacity_(std::min((d + kBlock - 1) / kBlock * kBlock, 2 * k + 4096)),
        index_(std::make_unique_for_overwrite<Index[]>(capacity_)),
        magnitude_(std::make_unique_for_overwrite<Magnitude[]>(capacity_)) {}

  // Collects anew the coordinates that may be among the k largest and are above `floor`.
  template <typename Source>
  Candidates collect(const Source& source, Isa isa, Magnitude floor) const {
    Candidates found = {
        .index = index_.get(), .magnitude = magnitude_.get(), .capacity = capacity_, .count = 0};
    std::size_t at = 0;
    while (true) {
      at = pass(source, isa, at, floor, found);
      if (at == d_) return found;
      floor = make_room(found, floor);
    }
  }

 private:
  template <typename Source>
  std::size_t pass(const Source& source, [[maybe_unused]] Isa isa, std::size_t at, Magnitude floor,
                   Candidates& to) const {
#if defined(__x86_64__)
    if (isa == Isa::avx512) {
      return Kernel<Isa::avx512, Source>::collect(source, at, d_, floor, to);
    }
    if (isa == Isa::avx2) return Kernel<Isa::avx2, Source>::collect(source, at, d_, floor, to);
#endif
    return Kernel<Isa::portable, Source>::collect(source, at, d_, floor, to);
  }

  // Leaves the first k candidates in the order of top_k_support, which no later coordinate of equal
  // magnitude can displace. Returns the floor above which the others must be. If a candidate is not
  // finite, it alone is left and none can follow.
  Magnitude make_room(Candidates& candidates, Magnitude floor) const {
    for (std::size_t j = 0; j < candidates.count; ++j) {
      if (candidates.magnitude[j] < kInfinity) continue;
      candidates.index[0] = candidates.index[j];
      candidates.magnitude[0] = candidates.magnitude[j];
      candidates.count = 1;
      return kHighest;
    }
    const Threshold last = threshold(candidates, floor, k_);
    keep(candidates, last);
    return last.magnitude;
  }

  std::size_t d_;
  std::size_t k_;
  std::size_t capacity_;
  std::unique_ptr<Index[]> index_;
  std::unique_ptr<Magnitude[]> magnitude_;
};

// Non-finite values are above every floor, so this checks all of x.
void check_finite(const char* who, const Candidates& candidates, const float* x) {
  if (largest(candidates) < kInfinity) return;
  std::size_t j = 0;
  while (candidates.magnitude[j] < kInfinity) ++j;
  throw_not_finite(who, candidates.index[j], x[candidates.index[j]]);
}

// A floor that at least k coordinates, and not many more, are likely to exceed: an order statistic
// of a sample. A wrong floor costs only time.
template <typename Source>
Magnitude sampled_floor(const Source& source, std::size_t d, std::size_t k) {
  // A sample of 2^14 leaves a relative spread of 8 % at K = d / 100; a 64th of a short x keeps this
  // cheap.
  const std::size_t size = std::min<std::size_t>(std::size_t{1} << 14, d / 64);
  const double expected =
      static_cast<double>(k) / static_cast<double>(d) * static_cast<double>(size);
  // Four deviations of the count to the safe side, and a few more in case the count is small.
  const auto rank = static_cast<std::size_t>(expected + 4 * std::sqrt(expected) + 8);
  if (rank >= size) return kLowest;

  // Multiples of 2^32 over the golden ratio spread evenly, in step with no layer's shape.
  constexpr std::uint32_t kGolden = 0x9e3779b9;
  std::vector<Magnitude> sample(size);
  for (std::uint32_t j = 0; j < size; ++j) {
    sample[j] = magnitude(value(source, std::uint64_t{j * kGolden} * d >> 32));
  }
  const Candidates all = {
      .index = nullptr, .magnitude = sample.data(), .capacity = size, .count = size};
  return std::min(threshold(all, kLowest, rank + 1).magnitude, kInfinity) - 1;
}

// The last round's k-th magnitude minus a 16th of its power of two. A shrinking gradient should not
// have too few coordinates above it; a normal one has half as many again as wanted.
Magnitude hinted_floor(float hint) {
  constexpr Magnitude kMargin = 1 << 19;
  return std::max(magnitude(hint) - kMargin, 0) - 1;
}

void check_options(const char* who, const TopKOptions& options) {
  if (!supports(options.isa)) {
    throw std::invalid_argument(std::string(who) + ": this processor or build has no " +
                                std::string(name(options.isa)));
  }
}

}  // namespace

void check_top_k(const char* who, std::size_t d, std::size_t k) {
  if (k > d || d > std::numeric_limits<Index>::max()) {
    throw std::invalid_argument(std::string(who) + ": k = " + std::to_string(k) +
                                " of d = " + std::to_string(d));
  }
}

void throw_not_finite(const char* who, std::size_t i, float value) {
  throw std::invalid_argument(std::string(who) + ": x[" + std::to_string(i) +
                              "] = " + std::to_string(value) + " is not finite");
}

template <typename Source>
TopK select(const char* who, const Source& source, std::size_t d, std::size_t k,
            const TopKOptions& options) {
  check_top_k(who, d, k);
  check_options(who, options);
  if (d == 0) return {};
  const Collector collector(d, k);
  const Plain x = ranked(source);
  const bool hinted = options.hint > 0 && std::isfinite(options.hint);

  TopK top;
  Candidates candidates{};
  Magnitude floor = kHighest;
  const auto read = [&](const auto& from, Magnitude above) {
    floor = above;
    candidates = collector.collect(from, options.isa, floor);
    ++top.reads;
    check_finite(who, candidates, x.x);
  };
  if (k == 0) {
    read(source, kInfinity - 1);
    return top;
  }
  read(source, hinted ? hinted_floor(options.hint) : sampled_floor(source, d, k));
  if (hinted && candidates.count < k) read(x, sampled_floor(x, d, k));
  if (candidates.count < k) read(x, kLowest);

  const Threshold last = threshold(candidates, floor, k);
  keep(candidates, last);
  top.magnitude = std::bit_cast<float>(last.magnitude);
  top.support.assign(candidates.index, candidates.index + candidates.count);
  return top;
}

template TopK select(const char*, const Plain&, std::size_t, std::size_t, const TopKOptions&);
template TopK select(const char*, const Difference&, std::size_t, std::size_t, const TopKOptions&);

}  // namespace mvsgd::compress
