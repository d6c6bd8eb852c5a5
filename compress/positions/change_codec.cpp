#include "compress/positions/change_codec.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "compress/positions/rans_codec.hpp"

namespace mvsgd::compress {
namespace {

[[noreturn]] void refuse(const std::string& what, const comm::BitReader& in) {
  throw comm::DecodeError("change code: " + what + ", before bit " +
                          std::to_string(in.position().count()));
}

/// Ranks of as many that left within the previous set as of new ones outside it.
struct Change {
  std::vector<Index> left;
  std::vector<Index> added;
};

// Both merges go without branches: of a random set each second one would be predicted wrong.
Change change_between(std::span<const Index> last, std::span<const Index> set) {
  Change change{.left = std::vector<Index>(last.size() + 1),
                .added = std::vector<Index>(set.size() + 1)};
  std::size_t i = 0;
  std::size_t j = 0;
  std::size_t left = 0;
  std::size_t added = 0;
  while (i < last.size() && j < set.size()) {
    const Index was = last[i];
    const Index is = set[j];
    change.left[left] = static_cast<Index>(i);
    change.added[added] = is - static_cast<Index>(i);
    left += was < is ? 1 : 0;
    added += is < was ? 1 : 0;
    i += was <= is ? 1 : 0;
    j += is <= was ? 1 : 0;
  }
  for (; i < last.size(); ++i) change.left[left++] = static_cast<Index>(i);
  for (; j < set.size(); ++j) change.added[added++] = set[j] - static_cast<Index>(i);
  change.left.resize(left);
  change.added.resize(added);
  return change;
}

std::vector<Index> changed(std::span<const Index> last, Change change) {
  constexpr Index kNone = ~Index{0};
  change.left.push_back(kNone);
  change.added.push_back(kNone);
  std::vector<Index> set(last.size() + 1);  // a member is stored before it is known to be one
  std::size_t left = 0;
  std::size_t added = 0;
  std::size_t members = 0;
  for (std::size_t i = 0; i < last.size();) {
    const Index rank = change.added[added];
    // last[i] - i coordinates outside go before it.
    const auto is_new = static_cast<Index>(rank < last[i] - static_cast<Index>(i));
    const Index has_left = static_cast<Index>(change.left[left] == i) & ~is_new;
    // Not by ?:, of which g++ 12 makes a branch.
    set[members] = ((rank + static_cast<Index>(i)) & (0 - is_new)) | (last[i] & (is_new - 1));
    members += 1 - has_left;
    left += has_left;
    added += is_new;
    i += 1 - is_new;
  }
  for (; change.added[added] != kNone; ++added) {
    set[members++] = change.added[added] + static_cast<Index>(last.size());
  }
  set.resize(members);
  return set;
}

}  // namespace

ChangeCodec::ChangeCodec(std::uint64_t d, std::vector<Index> previous,
                         std::shared_ptr<const PositionCodec> whole)
    : previous_("ChangeCodec", d, std::move(previous)), whole_(std::move(whole)) {
  if (whole_ == nullptr) throw std::invalid_argument("ChangeCodec: no code of whole sets");
}

void ChangeCodec::encode_change(std::span<const Index> positions, comm::BitWriter& out) const {
  const Change change = change_between(previous_.members(), positions);
  out.put(change.left.size(), previous_.count_bits());
  if (change.left.empty()) return;
  RansCodec(previous_.size()).encode(change.left, out);
  RansCodec(previous_.others()).encode(change.added, out);
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
  Change change;
  change.left = RansCodec(previous_.size()).decode(in, r);
  change.added = RansCodec(previous_.others()).decode(in, r);
  return changed(last, std::move(change));
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
