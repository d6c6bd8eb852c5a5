#include "compress/coder/rans_stream.hpp"

#include <algorithm>

namespace mvsgd::compress {
namespace {

constexpr std::size_t kAtOnce = 64 / kRansWordBits;

}  // namespace

comm::Bits RansStream::size() const {
  return comm::Bits(32 * states.size() + kRansWordBits * words.size());
}

void RansStream::append_to(comm::BitWriter& out) const {
  out.reserve(size());
  for (const std::uint32_t state : states) out.put(state, 32);
  std::size_t i = 0;
  for (; i + kAtOnce <= words.size(); i += kAtOnce) {
    std::uint64_t four = 0;
    for (unsigned j = 0; j < kAtOnce; ++j) four |= std::uint64_t{words[i + j]} << kRansWordBits * j;
    out.put(four, kAtOnce * kRansWordBits);
  }
  for (; i < words.size(); ++i) out.put(words[i], kRansWordBits);
}

void refuse_rans(const char* who, const std::string& what, const comm::BitReader& in) {
  throw comm::DecodeError(std::string(who) + ": " + what + ", at bit " +
                          std::to_string(in.position().count()));
}

void get_rans_states(const char* who, comm::BitReader& in, std::span<std::uint32_t> states) {
  for (std::uint32_t& state : states) {
    state = static_cast<std::uint32_t>(in.get(32));
    if (state < kLeastRansState) {
      refuse_rans(who, "the state " + std::to_string(state) + " of a lane", in);
    }
  }
}

std::vector<std::uint16_t> rans_words_ahead(comm::BitReader in, std::size_t count) {
  const std::size_t most = std::min<std::size_t>(count, in.remaining().count() / kRansWordBits);
  std::vector<std::uint16_t> words(most);
  std::size_t i = 0;
  for (; i + kAtOnce <= most; i += kAtOnce) {
    const std::uint64_t four = in.peek();
    in.skip(comm::Bits(kAtOnce * kRansWordBits));
    for (unsigned j = 0; j < kAtOnce; ++j) {
      words[i + j] = static_cast<std::uint16_t>(four >> kRansWordBits * j);
    }
  }
  for (; i < most; ++i) words[i] = static_cast<std::uint16_t>(in.get(kRansWordBits));
  return words;
}

void end_rans_stream(const char* who, comm::BitReader& in, std::size_t words_read,
                     std::span<const std::uint32_t> states) {
  in.skip(comm::Bits(kRansWordBits * std::uint64_t{words_read}));
  for (const std::uint32_t state : states) {
    if (state != kLeastRansState) {
      refuse_rans(who, "a lane ends with the state " + std::to_string(state), in);
    }
  }
}

}  // namespace mvsgd::compress
