#include "compress/positions/change_codec.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/entropy_codec.hpp"
#include "compress/positions/ranks.hpp"

namespace mvsgd::compress {
namespace {

void check_set(const char* who, std::span<const Index> set, std::uint64_t d) {
  for (std::size_t j = 0; j < set.size(); ++j) {
    if (set[j] >= d || (j > 0 && set[j] <= set[j - 1])) {
      throw std::invalid_argument(std::string(who) + "[" + std::to_string(j) +
                                  "] = " + std::to_string(set[j]) + " of d = " + std::to_string(d) +
                                  " is out of range or order");
    }
  }
}

std::vector<Index> difference(std::span<const Index> from, std::span<const Index> taken) {
  std::vector<Index> left;
  std::set_difference(from.begin(), from.end(), taken.begin(), taken.end(),
                      std::back_inserter(left));
  return left;
}

[[noreturn]] void refuse(const std::string& what, const comm::BitReader& in) {
  throw comm::DecodeError("change code: " + what + ", before bit " +
                          std::to_string(in.position().count()));
}

}  // namespace

ChangeCodec::ChangeCodec(std::uint64_t d, std::vector<Index> previous,
                         std::shared_ptr<const PositionCodec> whole)
    : d_(d), previous_(std::move(previous)), whole_(std::move(whole)) {
  if (d == 0 || d > std::numeric_limits<Index>::max() || whole_ == nullptr) {
    throw std::invalid_argument("ChangeCodec: d = " + std::to_string(d) +
                                (whole_ == nullptr ? ", no code of whole sets" : ""));
  }
  check_set("ChangeCodec: previous", previous_, d);
}

std::uint64_t ChangeCodec::most() const {
  return std::min<std::uint64_t>(previous_.size(), others());
}

void ChangeCodec::check(std::span<const Index> positions) const {
  if (positions.size() != previous_.size()) {
    throw std::invalid_argument("ChangeCodec: " + std::to_string(positions.size()) +
                                " positions, not " + std::to_string(previous_.size()));
  }
  check_set("ChangeCodec: positions", positions, d_);
}

void ChangeCodec::encode_change(std::span<const Index> positions, comm::BitWriter& out) const {
  const auto left = difference(previous_, positions);
  out.put(left.size(), static_cast<unsigned>(std::bit_width(most())));
  if (left.empty()) return;
  EntropyCodec(previous_.size()).encode(ranks_of(left, previous_), out);
  EntropyCodec(others()).encode(ranks_outside(difference(positions, previous_), previous_), out);
}

comm::Bits ChangeCodec::size(std::span<const Index> positions) const {
  check(positions);
  comm::BitWriter change;
  encode_change(positions, change);
  return comm::Bits(1) + std::min(change.size(), whole_->size(positions));
}

void ChangeCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  check(positions);
  comm::BitWriter change;
  encode_change(positions, change);
  const comm::Bits size = change.size();
  if (size >= whole_->size(positions)) {
    out.put(0, 1);
    whole_->encode(positions, out);
    return;
  }
  out.put(1, 1);
  out.reserve(size);
  const std::vector<std::byte> bytes = change.take();
  constexpr unsigned kWordBits = 64;
  for (comm::BitReader in(bytes, size); in.remaining() > comm::Bits(0);) {
    const auto width =
        static_cast<unsigned>(std::min<std::uint64_t>(in.remaining().count(), kWordBits));
    out.put(in.get(width), width);
  }
}

std::vector<Index> ChangeCodec::decode_change(comm::BitReader& in) const {
  const std::uint64_t k = previous_.size();
  const std::uint64_t r = in.get(static_cast<unsigned>(std::bit_width(most())));
  if (r > most()) {
    refuse(std::to_string(r) + " new positions of at most " + std::to_string(most()), in);
  }
  if (r == 0) return previous_;
  const auto left = members_of(EntropyCodec(k).decode(in, r), previous_);
  const auto added = members_outside(EntropyCodec(others()).decode(in, r), previous_, d_);
  const auto kept = difference(previous_, left);
  std::vector<Index> positions(k);
  std::merge(kept.begin(), kept.end(), added.begin(), added.end(), positions.begin());
  return positions;
}

std::vector<Index> ChangeCodec::decode(comm::BitReader& in, std::uint64_t count) const {
  if (count != previous_.size()) {
    refuse(std::to_string(count) + " positions against " + std::to_string(previous_.size()), in);
  }
  const bool is_change = in.get(1) != 0;
  const std::uint64_t start = in.position().count();
  std::vector<Index> positions = is_change ? decode_change(in) : whole_->decode(in, count);
  const comm::Bits size(in.position().count() - start);
  if (is_change) {
    if (size >= whole_->size(positions)) refuse("a change that is no shorter than the whole", in);
    return positions;
  }
  comm::BitWriter change;
  encode_change(positions, change);
  if (change.size() < size) refuse("a whole set that is longer than its change", in);
  return positions;
}

}  // namespace mvsgd::compress
