// All-reduce in a ring: how workers sum their values without the server, which the linearity of eq
// 8 allows once all of them have the same mask.
#pragma once

#include <cstdint>
#include <span>

#include "comm/transport.hpp"
#include "sim/round/protocol.hpp"

namespace mvsgd::sim {

/// Replaces a worker's `values` [n] by their sum over the workers of `ring`, which are increasing.
/// Each of these calls it, with as many values; all get the same bits.
///
/// The n values are cut into P = ring.size() blocks: block b = 0, ..., P - 1 is those from
/// floor(b n / P) up to floor((b + 1) n / P), which may be none. In the first pass block b starts
/// at the worker at place b of the ring and goes P - 1 workers on; each adds its own values. In the
/// second pass the sum of block b goes P - 1 workers on from the last of these, at place b - 1
/// modulo P. So each coordinate is summed in one order, that of the places b, b + 1, ..., P - 1, 0,
/// ..., b - 1, wherever the workers run and whoever is late.
///
/// A worker sends and receives 2 (P - 1) messages (sim/law/law.hpp, ring_law()). Each waits for the
/// one before; a ring of one worker sends nothing. Throws as Transport and receive_values() do.
///
/// Cost: O(n) and the waits; n / P floats of scratch.
void all_reduce(const Protocol& protocol, comm::Transport& transport,
                std::span<const std::uint32_t> ring, std::uint32_t round, std::span<float> values);

}  // namespace mvsgd::sim
