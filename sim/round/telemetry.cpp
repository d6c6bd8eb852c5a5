#include "sim/round/telemetry.hpp"

#include <bit>

#include "comm/bit_stream.hpp"

namespace mvsgd::sim {
namespace {

void put(double value, comm::BitWriter& out) { out.put(std::bit_cast<std::uint64_t>(value), 64); }

double get(comm::BitReader& in) { return std::bit_cast<double>(in.get(64)); }

}  // namespace

WorkerReport& WorkerReport::operator+=(const WorkerReport& other) {
  loss += other.loss;
  steps += other.steps;
  images += other.images;
  vote_overlap += other.vote_overlap;
  overlaps += other.overlaps;
  vote_agreement += other.vote_agreement;
  votes += other.votes;
  error_square += other.error_square;
  phases += other.phases;
  return *this;
}

std::vector<std::byte> encode_report(const WorkerReport& report) {
  comm::BitWriter out;
  put(report.loss, out);
  out.put(report.steps, 64);
  out.put(report.images, 64);
  put(report.vote_overlap, out);
  out.put(report.overlaps, 32);
  put(report.vote_agreement, out);
  out.put(report.votes, 32);
  put(report.error_square, out);
  for (const Phase& phase : kPhases) put(report.phases.*phase.seconds, out);
  return out.take();
}

WorkerReport decode_report(std::span<const std::byte> bytes) {
  comm::BitReader in(bytes, comm::Bits::of_bytes(bytes.size()));
  WorkerReport report;
  report.loss = get(in);
  report.steps = in.get(64);
  report.images = in.get(64);
  report.vote_overlap = get(in);
  report.overlaps = static_cast<std::uint32_t>(in.get(32));
  report.vote_agreement = get(in);
  report.votes = static_cast<std::uint32_t>(in.get(32));
  report.error_square = get(in);
  for (const Phase& phase : kPhases) report.phases.*phase.seconds = get(in);
  if (in.remaining() != comm::Bits(0)) throw comm::DecodeError("a worker's report is too long");
  return report;
}

}  // namespace mvsgd::sim
