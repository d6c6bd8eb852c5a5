// What the ranks of a group tell each other besides the protocol: where to pause, whether they hold
// the same model in the end, each worker's part of a checkpoint, and the server what workers have
// summed without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/transport.hpp"
#include "compress/select/top_k.hpp"

namespace mvsgd::sim {

struct WorkerState;

/// Server to each worker, every round: whether all stop after it. It is sent before the aggregate,
/// so a worker that has the aggregate has it, too. All ranks stop after the same round, with every
/// message of that round decoded.
void send_pause(comm::Transport& server, std::uint32_t round, bool pauses);
/// Throws comm::DecodeError if the message names another round.
[[nodiscard]] bool receive_pause(comm::Transport& worker, std::uint32_t round);

/// Absent worker to server, in every round from which it is absent: it has begun the round. The
/// server waits for all of them before it sends the aggregate, so that no rank is a round ahead of
/// another.
void send_begun(comm::Transport& worker, std::uint32_t round);
/// Throws comm::DecodeError if the worker has begun another round.
void receive_begun(comm::Transport& server, std::uint32_t worker, std::uint32_t round);

/// First worker of a ring to server: the values' sum over the ring. What the server holds of the
/// model follows from it: for evaluations, checkpoints, and workers that are absent.
void send_sum(comm::Transport& worker, std::uint32_t round, std::span<const float> sum);
/// Throws comm::DecodeError if the message is of another round or has not `count` values.
[[nodiscard]] std::vector<float> receive_sum(comm::Transport& server, std::uint32_t worker,
                                             std::uint32_t round, std::size_t count);

/// SHA-256 of what all ranks must hold alike when they stop.
struct ModelDigest {
  std::string theta;
  std::string mask;
};
/// theta [d]; mask: supp M_t.
[[nodiscard]] ModelDigest digest_of(std::span<const float> theta,
                                    std::span<const compress::Index> mask);

/// Worker to server, when the worker stops.
void send_digest(comm::Transport& worker, const ModelDigest& digest);
/// Receives every worker's digest in turn. Throws CheckFailed naming the first worker whose
/// parameters or mask differ from the server's, and both digests.
void check_digests(comm::Transport& server, const ModelDigest& own);

/// A worker's part of a checkpoint: what its next round needs and the server lacks, so all but
/// theta and mask. O(d), copied once.
[[nodiscard]] std::vector<std::byte> encode_part(const WorkerState& state);
/// Throws comm::DecodeError naming the worker if the bytes are no part of one with `d` parameters
/// whose e, and velocity if it has one, are of `errors` values: d, or 0 before round 1.
[[nodiscard]] WorkerState decode_part(std::span<const std::byte> bytes, std::uint32_t worker,
                                      std::size_t d, std::size_t errors);
/// The same in a control message.
void send_part(comm::Transport& worker, const WorkerState& state);
/// The part of `worker`, without theta and mask. Throws comm::DecodeError if the bytes are not the
/// part of a worker with `d` parameters.
[[nodiscard]] WorkerState receive_part(comm::Transport& server, std::uint32_t worker,
                                       std::size_t d);

}  // namespace mvsgd::sim
