// A run's settings: the contents of config.toml. Together with the program's version they determine
// a run.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "data/batches.hpp"
#include "nn/backend_entry.hpp"
#include "sim/plan/choices.hpp"
#include "sim/plan/decimal.hpp"

namespace mvsgd::sim {

/// A setting, preset or command-line key that cannot be used. Exit code 2.
class UsageError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

class Scheme;

/// Scheme mv.
[[nodiscard]] const Scheme* default_scheme();

/// Whose practice a run follows where the paper is silent, or where its authors' research code
/// differs from it. It sets sampling, bn_eval and error_rescale_on_decay at once (README.md has the
/// values).
enum class Practice : std::uint8_t { text, authors };
enum class VoteCoding : std::uint8_t {
  positions,
  delta,  ///< the change of the worker's last vote, which the server then keeps
};
enum class AddCoding : std::uint8_t {
  positions,
  rank,  ///< ranks outside the worker's last vote, which the server then keeps
};
enum class DropCoding : std::uint8_t {
  positions,
  rank,  ///< ranks inside the worker's last vote, which the server then keeps
};
enum class ValueCoding : std::uint8_t {
  plain,    ///< q bits each
  entropy,  ///< by the frequency of each level, given the sender's own vote
};
enum class Selection : std::uint8_t { global, layer };  ///< K of all d, or K_l of each tensor
enum class MaskCoding : std::uint8_t {
  positions,
  delta,  ///< the change of the last mask, from the second sparse round on
};
using ConvAlgorithm = nn::ConvolutionChoice;
using nn::InstructionSet;
using nn::Precision;

/// The value of `init` that stands for the initial distributions, drawn with `seed`.
inline constexpr std::string_view kRandomInit = "random";

/// What a row of ledger.csv holds: one field of one worker's message in a round, or of a round's
/// message, summed over the workers.
enum class LedgerRows : std::uint8_t { worker, round };

/// When a run saves a checkpoint, besides on an interrupt and before the last round.
struct CheckpointEvery {
  std::uint32_t rounds = 0;
  std::uint32_t minutes = 10;  ///< of wall time since the last; rounds or minutes is 0, or both are
};

/// Every key, with the paper's values as defaults (shared letters in README.md).
struct Settings {
  std::string preset;  ///< the preset that these settings began with; "" for none
  const Scheme* scheme = default_scheme();  ///< of schemes(), never null
  std::uint32_t workers = 10;               ///< N
  std::uint32_t participation = 0;          ///< workers that take part in a round; 0: all
  std::uint32_t local_steps = 1;            ///< H
  Decimal phi{1, 2};                        ///< share of coordinates kept
  Decimal phi_ad{1, 3};  ///< share that a vote may add, and drop, in a round (scheme mv_ad)
  Selection selection = Selection::global;
  std::uint32_t dense_below = 0;  ///< tensors of fewer parameters are sent whole (Selection::layer)
  std::uint32_t value_bits = 32;  ///< q of a worker's sparse values; 32: float32, not quantised
  std::string quantizer = "fractional";  ///< a name of compress::quantizers()
  std::uint32_t quantizer_block = 0;     ///< values that share a scale (scaled sign); 0: all
  bool error_memory = true;        ///< false: a worker forgets what a sparse round does not send
  bool quantization_error = true;  ///< e = D - Q(M (x) D); false: e = D - M (x) D
  AggregatedBy aggregate = AggregatedBy::server;  ///< who sums the workers' values
  std::uint32_t aggregate_bits = 32;              ///< q of a sparse round's aggregate; 32: float32
  ValueCoding value_codec = ValueCoding::plain;   ///< of quantised values
  std::string position_codec = "block";  ///< of compress::position_codecs(); this is the paper's
  std::uint32_t block_size = 0;  ///< B of votes and masks if the code has blocks; 0: round(1 / phi)
  VoteCoding vote_codec = VoteCoding::positions;
  AddCoding add_codec = AddCoding::positions;
  DropCoding drop_codec = DropCoding::positions;
  MaskCoding mask_codec = MaskCoding::positions;
  bool check_votes = false;  ///< the server of mv_ad keeps every vote and checks the lists
  std::uint32_t width = 64;  ///< channels of the first stage
  std::uint32_t epochs = 300;
  std::uint32_t rounds = 0;                    ///< 0: all; else the run stops after this many
  std::optional<std::uint32_t> warmup_epochs;  ///< none: proportional, 5 of 300
  Warmup warmup = Warmup::stairs;
  PhiWarmup phi_warmup = PhiWarmup::dense;
  std::uint32_t batch = 64;  ///< images of a local step of one worker
  bool augment = true;
  double learning_rate = 0.5;  ///< eta
  double weight_decay = 1e-4;
  double momentum = 0;  ///< of a worker's velocity; 0: plain SGD, which has none
  bool nesterov = false;
  bool momentum_correction = false;  ///< clears the velocity where values were sent
  std::uint64_t seed = 1;
  std::string init{kRandomInit};   ///< a safetensors file with the initial model, or kRandomInit
  std::string data = "synthetic";  ///< a directory, or "synthetic"
  std::uint32_t synthetic_train = 10'000;  ///< images of the synthetic set
  std::uint32_t synthetic_test = 2'000;
  double synthetic_noise = 1;  ///< factor on the amplitude of their noise
  Split split = Split::random;
  Decimal split_alpha{5, 1};  ///< of the Dirichlet distributions, a multiple of 1e-6
  SplitSizes split_sizes = SplitSizes::equal;
  std::uint32_t split_classes = 2;  ///< that each worker has
  std::string backend = "lanes";
  ConvAlgorithm conv_algorithm = ConvAlgorithm::table;
  Precision precision = Precision::fp32;
  bool step_graph = false;
  std::uint32_t slots = 0;  ///< workers that compute at once; 0: the usable cores
  std::uint32_t threads_per_worker = 1;
  InstructionSet instruction_set = InstructionSet::best;  ///< of the lanes backend
  TieBreaking tie_break = TieBreaking::random;
  Aggregation aggregation = Aggregation::mean;
  std::uint32_t eval_every = 1;  ///< epochs between evaluations
  LedgerRows ledger_rows = LedgerRows::worker;
  bool mask_metrics = false;    ///< metrics of how long masks' coordinates have waited
  bool worker_metrics = false;  ///< a line of each worker's numbers for each evaluated round
  CheckpointEvery checkpoint_every;
  std::uint32_t deadline = 3600;  ///< seconds to wait for a peer in another process

  Practice practice = Practice::text;
  struct Overrides {
    std::optional<data::Sampling> sampling;
    std::optional<BatchNormEvaluation> bn_eval;
    std::optional<bool> error_rescale_on_decay;
  };
  Overrides overrides;  ///< of the values that `practice` sets

  /// Whether values of q bits are coded by their entropy. Signs alone are not.
  [[nodiscard]] bool codes_by_entropy(std::uint32_t q) const {
    return value_codec == ValueCoding::entropy && q > 1 && q <= 8;
  }
  [[nodiscard]] bool has_values_by_entropy() const { return codes_by_entropy(value_bits); }

  /// Whether the server keeps what quantisation of the aggregate loses, [d].
  [[nodiscard]] bool has_server_error() const { return aggregate_bits < 32 && quantization_error; }

  /// Whether the workers sum their values without the server (eq 8).
  [[nodiscard]] bool reduces() const { return aggregate == AggregatedBy::reduce; }

  /// Whether rounds leave workers out.
  [[nodiscard]] bool samples_workers() const {
    return participation > 0 && participation < workers;
  }

  /// Whether each worker keeps a velocity, [d].
  [[nodiscard]] bool has_velocity() const { return momentum > 0; }

  [[nodiscard]] data::Sampling sampling() const;
  [[nodiscard]] BatchNormEvaluation bn_eval() const;

  /// Whether the error memory, which is in units of weights, is scaled when the rate decays.
  [[nodiscard]] bool error_rescale_on_decay() const;
};

/// Checks the rules that involve more than one key (sm has one worker, q fits its quantiser).
/// check_backend() of sim/train/backends.hpp checks what a backend supports. Throws UsageError.
void validate(const Settings& settings);

}  // namespace mvsgd::sim
