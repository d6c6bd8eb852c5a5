// The shared part of the codecs of differences: the set that both ends have, and differences from
// it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/index.hpp"

namespace mvsgd::compress {

/// The members of `from` that are not in `taken`; both are increasing.
[[nodiscard]] std::vector<Index> difference(std::span<const Index> from,
                                            std::span<const Index> taken);
/// The members of two increasing, disjoint sets.
[[nodiscard]] std::vector<Index> merged(std::span<const Index> a, std::span<const Index> b);

/// K positions in [0, d).
class PreviousSet {
 public:
  /// Throws std::invalid_argument, whose text begins with `who`, if d = 0, d >= 2^32, or `members`
  /// are not strictly increasing and below d.
  PreviousSet(const char* who, std::uint64_t d, std::vector<Index> members);

  [[nodiscard]] const std::vector<Index>& members() const { return members_; }
  [[nodiscard]] std::uint64_t size() const { return members_.size(); }  ///< K
  [[nodiscard]] std::uint64_t others() const { return d_ - members_.size(); }
  /// The largest possible number of members of another set of K that are not in this one.
  [[nodiscard]] std::uint64_t most() const;
  /// The bits of a number up to most().
  [[nodiscard]] unsigned count_bits() const;

  /// Throws std::invalid_argument unless `set` is K strictly increasing positions below d.
  void check(std::span<const Index> set) const;

 private:
  const char* who_;
  std::uint64_t d_;
  std::vector<Index> members_;
};

}  // namespace mvsgd::compress
