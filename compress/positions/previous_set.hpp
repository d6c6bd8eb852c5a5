// What the codes of differences share: the set that both ends have, and differences from it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/select/index.hpp"

namespace mvsgd::compress {

/// Members of `from` that are not in `taken`, both increasing.
[[nodiscard]] std::vector<Index> difference(std::span<const Index> from,
                                            std::span<const Index> taken);
/// The members of two increasing sets without a common one.
[[nodiscard]] std::vector<Index> merged(std::span<const Index> a, std::span<const Index> b);

/// K positions in [0, d).
class PreviousSet {
 public:
  /// Throws std::invalid_argument, which begins with `who`, if d = 0, d >= 2^32, or `members` are
  /// not strictly increasing and below d.
  PreviousSet(const char* who, std::uint64_t d, std::vector<Index> members);

  [[nodiscard]] const std::vector<Index>& members() const { return members_; }
  [[nodiscard]] std::uint64_t size() const { return members_.size(); }  ///< K
  [[nodiscard]] std::uint64_t others() const { return d_ - members_.size(); }
  /// The largest number of new members that another set of K can have.
  [[nodiscard]] std::uint64_t most() const;
  /// The bits that a number up to most() is written in.
  [[nodiscard]] unsigned count_bits() const;

  /// Throws std::invalid_argument unless `set` is K strictly increasing positions below d.
  void check(std::span<const Index> set) const;

 private:
  const char* who_;
  std::uint64_t d_;
  std::vector<Index> members_;
};

}  // namespace mvsgd::compress
