// A short run beside the definition. Private to verify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "comm/bits.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// What one run showed. Each bool holds for every round and worker.
struct ComparedRun {
  std::string what;  ///< d, N, K and rounds
  bool dense = true;
  bool votes = true;
  bool vote_size = true;
  bool counts = true;
  bool mask = true;
  bool mask_size = true;
  bool sparse = true;  ///< no message has more than K values
  bool updates = true;
  bool aggregate = true;
  bool linear = true;  ///< the aggregate is the masked mean of the whole vectors
  bool memory = true;
  bool server_memory = true;
  bool velocity = true;
  bool theta = true;
  bool absent = true;       ///< an absent worker sends nothing, and gets mask and aggregate
  bool lawful = true;       ///< of a run by layer: every ledger row is the law's
  bool scheduled = true;    ///< the rounds are the intended ones, with two decays
  bool identical = true;    ///< each message, decoded and encoded again, has the same bytes
  bool counted = true;      ///< bits sent = bits decoded = bits moved, by field
  bool rescales = false;    ///< `error_rescale_on_decay`
  bool returns = false;     ///< some worker takes part after a round from which it was absent
  std::size_t away = 0;     ///< workers that are absent, summed over rounds
  std::string stairs{};     ///< those of its rounds that are on one, in order
  comm::Bits first_vote{};  ///< of a run by layer: worker 0's first list of positions
  std::size_t cleared = 0;  ///< coordinates at which a worker's velocity is 0 in the end
  std::size_t messages = 0;
  std::size_t non_zeros = 0;    ///< the most in any update
  std::size_t drawn_masks = 0;  ///< masks with more ties for the last places than places
};

/// By hand, for the nine layers of a run with `selection = layer` and these settings:
/// 1 + 27 + 120 + 2 + 371 + 90 + 15 + 2 + 10.
inline constexpr std::size_t kShortKByLayer = 638;
inline constexpr std::uint32_t kShortDenseBelow = 64;
/// Of these, B = 33: 600 (1 + 6) and 122 + 2 + 375 + 91 + 16 + 2 blocks.
inline constexpr comm::Bits kShortVoteByLayer(4'808);

/// Runs workers and a server (ShortRun), then the definition, and compares them.
[[nodiscard]] ComparedRun compare_run(const Settings& settings);

}  // namespace mvsgd::sim
