#include "compress/positions/position_items.hpp"

namespace mvsgd::compress {

void check_positions(const char* who, std::span<const Index> positions, std::uint64_t d,
                     const char* list) {
  Index out_of_order = 0;  // as wide as the positions, since vectors of such are compared
  for (std::size_t j = 1; j < positions.size(); ++j) {
    out_of_order |= positions[j - 1] < positions[j] ? 0 : 1;
  }
  if (positions.empty() || (out_of_order == 0 && positions.back() < d)) return;
  std::size_t j = 0;
  while (positions[j] < d && (j == 0 || positions[j - 1] < positions[j])) ++j;
  throw std::invalid_argument(std::string(who) + ": " + list + "[" + std::to_string(j) +
                              "] = " + std::to_string(positions[j]) +
                              " of d = " + std::to_string(d) + " is out of range or order");
}

Item ItemReader::next_long() {
  std::uint64_t run = 0;
  while (window_ == 0 && run <= longest_run_) {
    used_ = static_cast<unsigned>(std::min<std::uint64_t>(kWord, in_.remaining().count()));
    if (used_ == 0) in_.skip(comm::Bits(1));  // throws
    run += used_;
    refill();
  }
  run += static_cast<unsigned>(std::countr_zero(window_));
  if (run > longest_run_) {
    throw comm::DecodeError("position code: " + std::to_string(run) + " zeros, at most " +
                            std::to_string(longest_run_) + ", before bit " +
                            std::to_string(in_.position().count()));
  }
  in_.skip(comm::Bits(static_cast<unsigned>(std::countr_zero(window_)) + 1));
  const std::uint64_t offset = in_.get(width_);
  window_ = in_.peek();
  return {.run = run, .offset = offset};
}

void read_zeros(comm::BitReader& in, std::uint64_t count) {
  constexpr std::uint64_t kWord = 64;
  while (count > 0) {
    const std::uint64_t here = std::min(kWord, count);
    if (in.get(static_cast<unsigned>(here)) != 0) {
      throw comm::DecodeError("position code: one position too many, before bit " +
                              std::to_string(in.position().count()));
    }
    count -= here;
  }
}

}  // namespace mvsgd::compress
