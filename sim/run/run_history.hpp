// A run as its directory tells it, finished or still going: what reports are made of.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "comm/message.hpp"
#include "sim/law/account.hpp"
#include "sim/plan/settings.hpp"
#include "sim/run/layer_share.hpp"

namespace mvsgd::sim {

/// A line of metrics.jsonl (sim/README.md has the fields).
struct RoundMetrics {
  std::uint32_t round = 0;
  double epoch = 0;
  bool dense = false;  ///< model differences went whole, or nowhere
  double learning_rate = 0;
  double loss = 0;
  comm::Bits bits;    ///< both ways, of this round and all before it, the initial model too
  comm::Bits uplink;  ///< what the workers have sent till then in rounds that are the scheme's own:
                      ///< the dense rounds of a sparse scheme's warm-up are not
  double seconds = 0;
  std::optional<double> mask_overlap;
  std::optional<double> vote_overlap;
  std::optional<double> vote_agreement;
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
  std::vector<LayerShare> kept;  ///< of an evaluated sparse round; else empty
};

/// The last line of a finished run.
struct RunEnd {
  std::string digest;
  double test_accuracy = 0;
  Rates rates;
};

struct RunHistory {
  std::filesystem::path path;
  Settings settings;
  std::uint32_t planned_rounds = 0;
  std::vector<RoundMetrics> rounds;            ///< those that have ended
  std::array<comm::FieldBits, 2> bits;         ///< of these rounds and round 0, by direction
  std::array<comm::FieldBits, 2> sparse_bits;  ///< of rounds that are not dense
  std::uint64_t sparse_steps = 0;              ///< local steps of a worker in these
  std::optional<RunEnd> end;                   ///< none: the run goes on, or has been cut off
};

/// Reads config.toml, metrics.jsonl and ledger.csv. A last line without its end, as a running
/// program may have written it, is passed over, and so are ledger rows of rounds that metrics.jsonl
/// does not have yet. Throws InputError naming file and line if anything else is not what a run
/// writes.
[[nodiscard]] RunHistory read_run_history(const std::filesystem::path& path);

}  // namespace mvsgd::sim
