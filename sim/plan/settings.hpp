// A run's settings: what config.toml holds, and with the program's version all that a run depends
// on.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/batches.hpp"
#include "sim/plan/decimal.hpp"

namespace mvsgd::sim {

/// A setting, preset or key on the command line that cannot be used. Exit code 2.
class UsageError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

class Scheme;

/// Scheme mv.
[[nodiscard]] const Scheme* default_scheme();

/// Whose practice to follow where the paper is silent, or its authors' research code differs from
/// it: it sets sampling, bn_eval and error_rescale_on_decay at once (sim/README.md has the values).
enum class Practice : std::uint8_t { text, authors };
enum class DropCoding : std::uint8_t {
  positions,
  rank,  ///< ranks inside the worker's last vote, which the server then keeps
};
enum class MaskCoding : std::uint8_t {
  positions,
  delta,  ///< against the last mask, from the second sparse round on
};
enum class ConvAlgorithm : std::uint8_t { table, direct, winograd };
enum class Precision : std::uint8_t {
  fp32,
  tf32,  ///< tensor cores round factors to 10 bits (cuda)
  bf16,  ///< convolutions take their arguments rounded to bfloat16
};
enum class Aggregation : std::uint8_t { mean, sum };
enum class TieBreaking : std::uint8_t { random, index };
enum class BatchNormEvaluation : std::uint8_t {
  average,    ///< the mean of the workers' running statistics, sent for each evaluation
  recompute,  ///< statistics of the training images under the evaluated parameters
  batch,      ///< those of each test batch: the authors' practice
};

/// The value of `init` that stands for the initial distributions, drawn by `seed`.
inline constexpr std::string_view kRandomInit = "random";

/// When a run saves a checkpoint of itself, beside an interrupt and the last round's beginning.
struct CheckpointEvery {
  std::uint32_t rounds = 0;
  std::uint32_t minutes = 10;  ///< of wall time since the last; one of the two is 0, or both
};

/// Every key, with the paper's values as defaults (shared letters in README.md).
struct Settings {
  std::string preset;                       ///< the name these settings began with; "" for none
  const Scheme* scheme = default_scheme();  ///< of schemes(), never null
  std::uint32_t workers = 10;               ///< N
  std::uint32_t local_steps = 1;            ///< H
  Decimal phi{1, 2};                        ///< share of coordinates kept
  Decimal phi_ad{1, 3};           ///< share that a vote may add, and drop, a round (scheme mv_ad)
  std::uint32_t value_bits = 32;  ///< q of a worker's sparse values; 32: float32, not quantised
  std::string quantizer = "fractional";  ///< a name of compress::quantizers()
  std::uint32_t quantizer_block = 0;     ///< values that share a scale (scaled sign); 0: all
  bool quantization_error = true;        ///< e = D - Q(M (x) D); false: e = D - M (x) D
  std::string position_codec = "block";  ///< a name of compress::position_codecs(): the paper's
  std::uint32_t block_size =
      0;  ///< B of votes and masks where the code has blocks; 0: round(1 / phi)
  DropCoding drop_codec = DropCoding::positions;
  MaskCoding mask_codec = MaskCoding::positions;
  bool check_votes = false;  ///< the server of mv_ad keeps every vote and checks the lists
  std::uint32_t width = 64;  ///< channels of the first stage
  std::uint32_t epochs = 300;
  std::uint32_t rounds = 0;                    ///< 0: all; else stop after so many
  std::optional<std::uint32_t> warmup_epochs;  ///< none: in proportion, 5 of 300
  std::uint32_t batch = 64;                    ///< images a local step and worker
  bool augment = true;
  double learning_rate = 0.5;  ///< eta
  double weight_decay = 1e-4;
  std::uint64_t seed = 1;
  std::string init{kRandomInit};           ///< a safetensors file to begin with, or kRandomInit
  std::string data = "synthetic";          ///< a directory, or "synthetic"
  std::uint32_t synthetic_train = 10'000;  ///< images of the synthetic set
  std::uint32_t synthetic_test = 2'000;
  std::string backend = "onednn";
  ConvAlgorithm conv_algorithm = ConvAlgorithm::table;  ///< of the onednn backend
  Precision precision = Precision::fp32;
  bool step_graph = false;
  std::uint32_t slots = 0;  ///< workers that compute at once; 0: the cores
  std::uint32_t threads_per_worker = 1;
  TieBreaking tie_break = TieBreaking::random;
  Aggregation aggregation = Aggregation::mean;
  std::uint32_t eval_every = 1;  ///< epochs between evaluations
  CheckpointEvery checkpoint_every;
  std::uint32_t deadline = 3600;  ///< seconds a worker or the server waits for a peer

  Practice practice = Practice::text;
  struct Overrides {
    std::optional<data::Sampling> sampling;
    std::optional<BatchNormEvaluation> bn_eval;
    std::optional<bool> error_rescale_on_decay;
  };
  Overrides overrides;  ///< of what `practice` sets

  [[nodiscard]] data::Sampling sampling() const;
  [[nodiscard]] BatchNormEvaluation bn_eval() const;

  /// Whether the error memory, which is in units of weights, is scaled when the rate decays.
  [[nodiscard]] bool error_rescale_on_decay() const;
};

/// One key: its name, what it means and takes, and how it is read and written as text.
struct Key {
  std::string_view name;
  std::string_view help;
  /// Throws std::invalid_argument, without the key's name, if the text is no value of this key.
  std::function<void(Settings&, std::string_view)> set;
  std::function<std::string(const Settings&)> get;
  bool quoted;  ///< a string in TOML
};

/// Every key in the order of config.toml, in which keys also take effect, whatever their order in a
/// file or on the command line: `practice` comes before what it sets.
[[nodiscard]] std::span<const Key> keys();

/// Whether no bit of a run depends on the key: slots, checkpoint_every, deadline.
[[nodiscard]] bool changes_no_bit(std::string_view key);

/// Sets one key. Throws UsageError naming key and value if either is unknown or out of range.
void set(Settings& settings, std::string_view key, std::string_view value);

/// Sets many, in the order of keys(); of two values of one key the later counts. Throws as set().
void set(Settings& settings, std::span<const std::pair<std::string, std::string>> values);

/// Checks what no key alone can show (sm has one worker, q fits its quantiser). Throws UsageError.
void validate(const Settings& settings);

/// The keys as TOML, one a line.
void write_toml(const Settings& settings, std::ostream& out);

/// Reads TOML such as write_toml's. A `preset` in it is applied before the other keys, unless
/// `preset` is given, which is then applied in its place; a table [environment] is passed over.
/// Throws InputError with the line behind `name` if it is not TOML, or has an unknown or duplicate
/// key or a bad value.
[[nodiscard]] Settings parse_toml(std::string_view text, const std::string& name,
                                  std::optional<std::string> preset);

/// The same from a file or pipe. Throws InputError naming it also if it cannot be read, or has more
/// than 1 MiB.
[[nodiscard]] Settings read_toml(const std::string& path, std::optional<std::string> preset);

/// The name in `candidates` nearest to `name` in edit distance, for "did you mean"; "" if none is
/// near.
[[nodiscard]] std::string nearest(std::string_view name, std::span<const std::string> candidates);

}  // namespace mvsgd::sim
