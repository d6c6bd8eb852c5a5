#include "compress/positions/change_codec.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/ranks.hpp"
#include "compress/positions/rans_codec.hpp"

namespace mvsgd::compress {
namespace {

[[noreturn]] void refuse(const std::string& what, const comm::BitReader& in) {
  throw comm::DecodeError("change code: " + what + ", before bit " +
                          std::to_string(in.position().count()));
}

}  // namespace

ChangeCodec::ChangeCodec(std::uint64_t d, std::vector<Index> previous,
                         std::shared_ptr<const PositionCodec> whole)
    : d_(d), previous_("ChangeCodec", d, std::move(previous)), whole_(std::move(whole)) {
  if (whole_ == nullptr) throw std::invalid_argument("ChangeCodec: no code of whole sets");
}

void ChangeCodec::encode_change(std::span<const Index> positions, comm::BitWriter& out) const {
  const std::vector<Index>& last = previous_.members();
  const auto left = difference(last, positions);
  out.put(left.size(), previous_.count_bits());
  if (left.empty()) return;
  RansCodec(previous_.size()).encode(ranks_of(left, last), out);
  RansCodec(previous_.others()).encode(ranks_outside(difference(positions, last), last), out);
}

comm::Bits ChangeCodec::size(std::span<const Index> positions) const {
  previous_.check(positions);
  comm::BitWriter change;
  encode_change(positions, change);
  return comm::Bits(1) + std::min(change.size(), whole_->size(positions));
}

void ChangeCodec::encode(std::span<const Index> positions, comm::BitWriter& out) const {
  previous_.check(positions);
  comm::BitWriter change;
  encode_change(positions, change);
  if (change.size() >= whole_->size(positions)) {
    out.put(0, 1);
    whole_->encode(positions, out);
    return;
  }
  out.put(1, 1);
  out.put_all(std::move(change));
}

std::vector<Index> ChangeCodec::decode_change(comm::BitReader& in) const {
  const std::vector<Index>& last = previous_.members();
  const std::uint64_t most = previous_.most();
  const std::uint64_t r = in.get(previous_.count_bits());
  if (r > most) {
    refuse(std::to_string(r) + " new positions of at most " + std::to_string(most), in);
  }
  if (r == 0) return last;
  const auto left = members_of(RansCodec(previous_.size()).decode(in, r), last);
  const auto added = members_outside(RansCodec(previous_.others()).decode(in, r), last, d_);
  return merged(difference(last, left), added);
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
