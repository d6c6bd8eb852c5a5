#include "sim/round/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "comm/bit_stream.hpp"
#include "sim/files/digest.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/round/worker.hpp"

namespace mvsgd::sim {
namespace {

using comm::BitReader;
using comm::Bits;
using comm::BitWriter;

constexpr std::string_view kPause = "pause or not";
constexpr std::string_view kBegun = "begun";
constexpr std::string_view kSum = "sum of a round";
constexpr std::string_view kDigest = "digest of the model";
constexpr std::string_view kPart = "part of a checkpoint";

BitReader reader_of(std::span<const std::byte> bytes) {
  return {bytes, Bits::of_bytes(bytes.size())};
}

void put_text(std::string_view text, BitWriter& out) {
  out.put(text.size(), 32);
  for (const char c : text) out.put(static_cast<unsigned char>(c), 8);
}

std::string get_text(BitReader& in) {
  std::string text;
  for (std::uint64_t left = in.get(32); left > 0; --left) text += static_cast<char>(in.get(8));
  return text;
}

void put_all(std::span<const float> values, BitWriter& out) {
  out.put(values.size(), 64);
  out.put_floats(values);
}

/// A length that fits what is left of the bits, at 32 bits each.
std::size_t get_length(BitReader& in) {
  const std::uint64_t length = in.get(64);
  if (length > in.remaining().count() / 32) {
    throw comm::DecodeError(
        fmt::format("{}: {} values in {} bits", kPart, length, in.remaining().count()));
  }
  return static_cast<std::size_t>(length);
}

std::vector<float> get_floats(BitReader& in) {
  std::vector<float> values(get_length(in));
  in.get_floats(values);
  return values;
}

void compare(std::uint32_t worker, std::string_view what, const std::string& theirs,
             const std::string& own) {
  if (theirs == own) return;
  throw CheckFailed(fmt::format("worker {}'s {} not the server's: SHA-256 {} there, {} here",
                                worker, what, theirs, own));
}

/// What follows the round with which a control message `what` begins. Throws comm::DecodeError if
/// that is another round.
BitReader reader_after_round(const comm::Transport& end, const std::vector<std::byte>& bytes,
                             std::string_view what, std::uint32_t round) {
  BitReader in = reader_of(bytes);
  if (const std::uint64_t told = in.get(32); told != round) {
    throw comm::DecodeError(fmt::format("{} awaited {} after round {}, got round {}",
                                        end.name_of(end.rank()), what, round, told));
  }
  return in;
}

}  // namespace

void send_pause(comm::Transport& server, std::uint32_t round, bool pauses) {
  BitWriter out;
  out.put(round, 32);
  out.put(pauses ? 1 : 0, 8);
  const std::vector<std::byte> bytes = out.take();
  for (std::uint32_t n = 0; n < server.workers(); ++n) server.send_control(n, kPause, bytes);
}

bool receive_pause(comm::Transport& worker, std::uint32_t round) {
  const auto bytes = worker.receive_control(worker.server(), kPause);
  return reader_after_round(worker, bytes, kPause, round).get(8) != 0;
}

void send_begun(comm::Transport& worker, std::uint32_t round) {
  BitWriter out;
  out.put(round, 32);
  worker.send_control(worker.server(), kBegun, out.take());
}

void receive_begun(comm::Transport& server, std::uint32_t worker, std::uint32_t round) {
  const auto bytes = server.receive_control(worker, kBegun);
  (void)reader_after_round(server, bytes, kBegun, round);
}

void send_sum(comm::Transport& worker, std::uint32_t round, std::span<const float> sum) {
  BitWriter out;
  out.reserve(32 * Bits(sum.size() + 1));
  out.put(round, 32);
  out.put_floats(sum);
  worker.send_control(worker.server(), kSum, out.take());
}

std::vector<float> receive_sum(comm::Transport& server, std::uint32_t worker, std::uint32_t round,
                               std::size_t count) {
  const auto bytes = server.receive_control(worker, kSum);
  BitReader in = reader_after_round(server, bytes, kSum, round);
  if (in.remaining() != 32 * Bits(count)) {
    throw comm::DecodeError(fmt::format("{} of round {} from {}: {} bits, {} values", kSum, round,
                                        server.name_of(worker), in.remaining().count(), count));
  }
  std::vector<float> sum(count);
  in.get_floats(sum);
  return sum;
}

ModelDigest digest_of(std::span<const float> theta, std::span<const compress::Index> mask) {
  return {.theta = sha256(theta), .mask = sha256(mask)};
}

void send_digest(comm::Transport& worker, const ModelDigest& digest) {
  BitWriter out;
  put_text(digest.theta, out);
  put_text(digest.mask, out);
  worker.send_control(worker.server(), kDigest, out.take());
}

void check_digests(comm::Transport& server, const ModelDigest& own) {
  for (std::uint32_t n = 0; n < server.workers(); ++n) {
    const auto bytes = server.receive_control(n, kDigest);
    BitReader in = reader_of(bytes);
    compare(n, "parameters are", get_text(in), own.theta);
    compare(n, "mask is", get_text(in), own.mask);
  }
}

std::vector<std::byte> encode_part(const WorkerState& state) {
  // With four lengths of two words and the threshold: one word less would take twice the memory.
  constexpr std::size_t kOthers = 9;
  BitWriter out;
  out.reserve(32 * Bits(state.e.size() + state.velocity.size() + state.buffers.size() +
                        state.vote.size() + kOthers));
  put_all(state.e, out);
  put_all(state.velocity, out);
  put_all(state.buffers, out);
  out.put(state.vote.size(), 64);
  for (const compress::Index i : state.vote) out.put(i, 32);
  out.put_floats({&state.threshold, 1});
  return out.take();
}

WorkerState decode_part(std::span<const std::byte> bytes, std::uint32_t worker, std::size_t d,
                        std::size_t errors) {
  BitReader in = reader_of(bytes);
  WorkerState state;
  state.e = get_floats(in);
  state.velocity = get_floats(in);
  state.buffers = get_floats(in);
  state.vote.resize(get_length(in));
  for (compress::Index& i : state.vote) i = static_cast<compress::Index>(in.get(32));
  in.get_floats({&state.threshold, 1});
  const bool increases =
      std::ranges::adjacent_find(state.vote, std::greater_equal()) == state.vote.end();
  const bool fits =
      state.e.size() == errors && (state.velocity.empty() || state.velocity.size() == errors);
  if (!fits || !increases || (!state.vote.empty() && state.vote.back() >= d) ||
      in.remaining() != Bits(0)) {
    throw comm::DecodeError(
        fmt::format("{}: worker {} is none of {} parameters", kPart, worker, d));
  }
  return state;
}

void send_part(comm::Transport& worker, const WorkerState& state) {
  worker.send_control(worker.server(), kPart, encode_part(state));
}

WorkerState receive_part(comm::Transport& server, std::uint32_t worker, std::size_t d) {
  return decode_part(server.receive_control(worker, kPart), worker, d, d);
}

}  // namespace mvsgd::sim
