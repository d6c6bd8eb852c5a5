#include "sim/plan/keys.hpp"
#include "compress/positions/position_codecs.hpp"
#include "compress/values/quantizers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "sim/plan/scheme.hpp"
#include "sim/text/nearest.hpp"
#include "sim/text/numbers.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::uint32_t kMany = 1'000'000'000;
constexpr std::uint32_t kMostMinutes = 1'000'000;   // two years
constexpr std::uint32_t kMostSeconds = 31'536'000;  // a year, a transport's longest wait

template <typename Number>
Number parse_number(std::string_view text, Number low, Number high) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() ||
      !(value >= low && value <= high)) {
    throw std::invalid_argument(fmt::format("a {} from {} to {} is wanted",
                                            std::is_integral_v<Number> ? "whole number" : "number",
                                            low, high));
  }
  return value;
}

/// Returns parse(). If it throws std::invalid_argument, throws one that says `words` instead.
template <typename Parse>
auto or_refused(std::string_view words, const Parse& parse) {
  try {
    return parse();
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument(std::string(words));
  }
}

template <typename Number>
Key number_key(std::string_view name, std::string_view help, Number Settings::*member, Number low,
               Number high) {
  return {name, help,
          [=](Settings& s, std::string_view text) { s.*member = parse_number(text, low, high); },
          [=](const Settings& s) { return fmt::format("{}", s.*member); }, false};
}

template <std::size_t Count>
std::size_t index_of(const std::array<std::string_view, Count>& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    throw std::invalid_argument(fmt::format("one of {} is wanted", fmt::join(names, ", ")));
  }
  return static_cast<std::size_t>(found - names.begin());
}

Key flag_key(std::string_view name, std::string_view help, bool Settings::*member) {
  return {name,
          help,
          [=](Settings& s, std::string_view text) {
            if (text != "true" && text != "false") {
              throw std::invalid_argument("true or false is wanted");
            }
            s.*member = text == "true";
          },
          [=](const Settings& s) { return s.*member ? "true" : "false"; },
          false,
          {"true", "false"}};
}

/// `names[i]` stands for the enumerator of value i.
template <typename Enum, std::size_t Count>
Key choice_key(std::string_view name, std::string_view help, Enum Settings::*member,
               std::array<std::string_view, Count> names) {
  return {
      name,
      help,
      [=](Settings& s, std::string_view text) {
        s.*member = static_cast<Enum>(index_of(names, text));
      },
      [=](const Settings& s) { return std::string(names[static_cast<std::size_t>(s.*member)]); },
      true,
      {names.begin(), names.end()}};
}

/// Whether the text can be written to TOML and JSON, which allow UTF-8 only.
bool is_utf8(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

Key text_key(std::string_view name, std::string_view help, std::string Settings::*member,
             std::vector<std::string_view> words = {}, std::string_view operand = "VALUE") {
  return {name,
          help,
          [=](Settings& s, std::string_view text) {
            const std::string value(text);
            if (value.empty()) throw std::invalid_argument("it may not be empty");
            if (!is_utf8(value)) throw std::invalid_argument("UTF-8 is wanted");
            s.*member = value;
          },
          [=](const Settings& s) { return s.*member; },
          true,
          std::move(words),
          operand};
}

Key share_key(std::string_view name, std::string_view help, Decimal Settings::*member) {
  return {name, help,
          [=](Settings& s, std::string_view text) {
            constexpr std::string_view kWanted =
                "a share from 0.000000001 to 1 is wanted, as 0.01 or 1e-2, of at most 18 digits";
            const Decimal share = or_refused(kWanted, [&] { return Decimal::parse(text); });
            // Every position code supports the block size of the least share.
            if (share < Decimal(1, 9) || Decimal(1, 0) < share) {
              throw std::invalid_argument(std::string(kWanted));
            }
            s.*member = share;
          },
          [=](const Settings& s) { return (s.*member).to_string(); }, false};
}

Key split_alpha_key() {
  return {"split_alpha",
          "of split = dirichlet: the smaller, the more a worker's classes are its own",
          [](Settings& s, std::string_view text) {
            constexpr std::string_view kWanted =
                "a number from 0.000001 to 1000 is wanted, of at most 6 decimals";
            const Decimal alpha = or_refused(kWanted, [&] { return Decimal::parse(text); });
            if (alpha < Decimal(1, 6) || Decimal(1000, 0) < alpha ||
                !(Decimal(alpha.ceil_times(1'000'000), 6) == alpha)) {
              throw std::invalid_argument(std::string(kWanted));
            }
            s.split_alpha = alpha;
          },
          [](const Settings& s) { return s.split_alpha.to_string(); }, false};
}

Key value_bits_key(std::string_view name, std::string_view help, std::uint32_t Settings::*member) {
  Key key = number_key(name, help, member, 1U, 32U);
  key.words = {"1", "2", "3", "4", "5", "6", "7", "8", "16", "32"};
  key.set = [member](Settings& s, std::string_view text) {
    constexpr std::string_view kWanted = "1 to 8, 16 or 32 is wanted";
    const auto q = or_refused(kWanted, [&] { return parse_number(text, 1U, 32U); });
    if (q > 8 && q != 16 && q != 32) throw std::invalid_argument(std::string(kWanted));
    s.*member = q;
  };
  return key;
}

Key practice_key() {
  Key key =
      choice_key("practice", "text or authors: whose sampling, bn_eval and error_rescale_on_decay",
                 &Settings::practice, std::to_array<std::string_view>({"text", "authors"}));
  key.set = [choose = key.set](Settings& s, std::string_view text) {
    choose(s, text);
    s.overrides = {};
  };
  return key;
}

/// A key that `practice` sets unless the user does. `member` is the user's value, `effective` the
/// value in effect.
template <typename Enum, std::size_t Count>
Key practised_key(std::string_view name, std::string_view help,
                  std::optional<Enum> Settings::Overrides::*member,
                  Enum (Settings::*effective)() const, std::array<std::string_view, Count> names,
                  bool is_text = true) {
  return {name,
          help,
          [=](Settings& s, std::string_view text) {
            const auto find = [&] { return index_of(names, text); };
            s.overrides.*member =
                static_cast<Enum>(is_text ? find() : or_refused("true or false is wanted", find));
          },
          [=](const Settings& s) {
            return std::string(names[static_cast<std::size_t>((s.*effective)())]);
          },
          is_text,
          {names.begin(), names.end()}};
}

Key warmup_epochs_key() {
  constexpr std::string_view kProportional = "proportional";
  return {"warmup_epochs",
          "dense epochs at the start, or \"proportional\": 5 of every 300, at least one step",
          [=](Settings& s, std::string_view text) {
            s.warmup_epochs.reset();
            if (text == kProportional) return;
            s.warmup_epochs = or_refused(
                fmt::format("proportional, or a whole number from 0 to {}, is wanted", kMany),
                [&] { return parse_number<std::uint32_t>(text, 0, kMany); });
          },
          [=](const Settings& s) {
            return s.warmup_epochs ? std::to_string(*s.warmup_epochs) : std::string(kProportional);
          },
          false,
          {kProportional}};
}

Key checkpoint_key() {
  return {
      "checkpoint_every",
      "rounds between checkpoints, or minutes as \"10m\"; 0: only when interrupted and before "
      "the last round",
      [](Settings& s, std::string_view text) {
        const bool minutes = text.ends_with('m');
        const auto number = or_refused(
            fmt::format("a whole number of rounds from 0 to {}, or of minutes from 1m to {}m, is "
                        "wanted",
                        kMany, kMostMinutes),
            [&] {
              return parse_number<std::uint32_t>(text.substr(0, text.size() - (minutes ? 1 : 0)),
                                                 minutes ? 1 : 0, minutes ? kMostMinutes : kMany);
            });
        s.checkpoint_every = {.rounds = minutes ? 0 : number, .minutes = minutes ? number : 0};
      },
      [](const Settings& s) {
        const CheckpointEvery& every = s.checkpoint_every;
        return every.minutes > 0 ? fmt::format("{}m", every.minutes) : std::to_string(every.rounds);
      },
      false};
}

template <typename Kinds, typename Name>
std::vector<std::string_view> names_in(const Kinds& kinds, Name name) {
  std::vector<std::string_view> names;
  for (const auto& kind : kinds) names.push_back(std::invoke(name, kind));
  return names;
}

Key quantizer_key() {
  static const std::string help = [] {
    std::vector<std::string> names;
    for (const compress::QuantizerKind& kind : compress::quantizers()) {
      names.push_back(fmt::format("{} ({})", kind.name, kind.equation));
    }
    return "of value_bits < 32: " + listed(names, "or");
  }();
  return {"quantizer",
          help,
          [](Settings& s, std::string_view text) {
            s.quantizer = compress::quantizer_named(text).name;
          },
          [](const Settings& s) { return s.quantizer; },
          true,
          names_in(compress::quantizers(), &compress::QuantizerKind::name)};
}

Key position_codec_key() {
  static const std::string help = [] {
    std::vector<std::string> names;
    for (const compress::PositionCodecKind& kind : compress::position_codecs()) {
      names.push_back(fmt::format("{}{}", kind.name, names.empty() ? " (the paper's)" : ""));
    }
    return listed(names, "or");
  }();
  return {"position_codec",
          help,
          [](Settings& s, std::string_view text) {
            s.position_codec = compress::position_codec_named(text).name;
          },
          [](const Settings& s) { return s.position_codec; },
          true,
          names_in(compress::position_codecs(), &compress::PositionCodecKind::name)};
}

Key scheme_key() {
  // Key::help is a view, so its text must live as long as the program.
  static const std::string help = [] {
    std::vector<std::string> all;
    for (const Scheme* const scheme : schemes()) {
      all.push_back(fmt::format("{} ({})", scheme->name(), scheme->summary()));
    }
    return listed(all, "or");
  }();
  return {"scheme",
          help,
          [](Settings& s, std::string_view text) { s.scheme = &scheme_named(text); },
          [](const Settings& s) { return std::string(s.scheme->name()); },
          true,
          names_in(schemes(), &Scheme::name)};
}

std::vector<Key> make_keys() {
  using S = Settings;
  constexpr std::uint32_t kOne = 1;
  return {
      scheme_key(),
      number_key("workers", "N", &S::workers, kOne, 65'535U),
      number_key("participation", "m of the N workers, drawn anew, take part in a round; 0: all",
                 &S::participation, 0U, 65'535U),
      number_key("local_steps", "H, local SGD steps a round", &S::local_steps, kOne, kMany),
      share_key("phi", "share of coordinates kept, 0.000000001 to 1", &S::phi),
      share_key("phi_ad", "share that a vote may add, and drop, a round (mv-ad)", &S::phi_ad),
      choice_key("selection",
                 "the K coordinates: of all (global), or ceil(phi d_l) of each parameter tensor "
                 "(layer)",
                 &S::selection, std::to_array<std::string_view>({"global", "layer"})),
      number_key("dense_below", "selection = layer: tensors of fewer parameters are sent whole",
                 &S::dense_below, 0U, kMany),
      value_bits_key("value_bits",
                     "q, bits of a worker's sparse value: 32 (float32), 16 (quantizer = float16 "
                     "or bfloat16), 2 to 8 (fractional) or 1 (scaled-sign)",
                     &S::value_bits),
      quantizer_key(),
      number_key("quantizer_block", "values that share a scale of scaled-sign; 0: all",
                 &S::quantizer_block, 0U, kMany),
      flag_key("error_memory",
               "a worker keeps what a sparse round does not send (Algorithm 1 line 22)",
               &S::error_memory),
      flag_key("quantization_error", "feed what quantisation loses back through the error memory",
               &S::quantization_error),
      choice_key("aggregate",
                 "who sums the workers' values: the server, or they themselves in a ring (reduce)",
                 &S::aggregate, std::to_array<std::string_view>({"server", "reduce"})),
      value_bits_key("aggregate_bits",
                     "q, bits of a value that the server sends in a sparse round, as value_bits",
                     &S::aggregate_bits),
      choice_key("value_codec", "quantised values: plain, or entropy given the own vote",
                 &S::value_codec, std::to_array<std::string_view>({"plain", "entropy"})),
      position_codec_key(),
      number_key("block_size", "B of votes and masks (block, radix); 0: round(1 / phi)",
                 &S::block_size, 0U, std::uint32_t{1} << 31),
      choice_key("vote_codec", "whole votes: positions, or delta against the worker's last one",
                 &S::vote_codec, std::to_array<std::string_view>({"positions", "delta"})),
      choice_key("add_codec", "mv-ad's adds: positions, or rank outside the last vote",
                 &S::add_codec, std::to_array<std::string_view>({"positions", "rank"})),
      choice_key("drop_codec", "mv-ad's drops: positions, or rank inside the last vote",
                 &S::drop_codec, std::to_array<std::string_view>({"positions", "rank"})),
      choice_key("mask_codec", "masks: positions, or delta against the last one", &S::mask_codec,
                 std::to_array<std::string_view>({"positions", "delta"})),
      number_key("width", "channels of the first stage; 64 is the paper's", &S::width, kOne, 512U),
      number_key("epochs", "passes over the training images", &S::epochs, kOne, 10'000U),
      number_key("rounds", "stop after so many rounds; 0: all", &S::rounds, 0U, kMany),
      warmup_epochs_key(),
      choice_key("warmup", "how the rate rises over the warm-up: stairs or ramp", &S::warmup,
                 std::to_array<std::string_view>({"stairs", "ramp"})),
      choice_key("phi_warmup",
                 "what the warm-up of a sparse scheme sends: all (dense), or shares of 1/4, 1/16, "
                 "... down to phi (stairs)",
                 &S::phi_warmup, std::to_array<std::string_view>({"dense", "stairs"})),
      number_key("batch", "images a local step and worker", &S::batch, 2U, 65'536U),
      flag_key("augment", "random crop and flip of training images", &S::augment),
      number_key("learning_rate", "eta", &S::learning_rate, 0.0, 1e6),
      number_key("weight_decay", "L2 regularisation in every local step", &S::weight_decay, 0.0,
                 1e6),
      number_key("momentum", "of SGD with momentum in the local steps; 0: plain SGD", &S::momentum,
                 0.0, 1.0),
      flag_key("nesterov", "Nesterov's momentum", &S::nesterov),
      flag_key("momentum_correction",
               "DGC's: a worker's velocity is cleared where its values were sent",
               &S::momentum_correction),
      number_key<std::uint64_t>("seed", "all randomness is a function of it", &S::seed, 0,
                                std::numeric_limits<std::int64_t>::max()),
      text_key("init", "a safetensors file of weights to begin with, or random", &S::init,
               {"random"}, "FILE"),
      text_key("data", "directory of CIFAR-10's binary files, or synthetic", &S::data,
               {"synthetic"}, "DIR"),
      number_key("synthetic_train", "training images of the synthetic set", &S::synthetic_train,
                 kOne, 10'000'000U),
      number_key("synthetic_test", "test images of the synthetic set", &S::synthetic_test, kOne,
                 10'000'000U),
      number_key("synthetic_noise", "factor of the synthetic images' noise; 1: as they are known",
                 &S::synthetic_noise, 0.0, 100.0),
      choice_key(
          "split",
          "the images over the workers: random; each class stratified; or skewed: classes by "
          "dirichlet distributions, or a few classes each",
          &S::split,
          std::to_array<std::string_view>({"random", "stratified", "dirichlet", "classes"})),
      split_alpha_key(),
      choice_key("split_sizes", "images a worker of split = dirichlet: equal or free",
                 &S::split_sizes, std::to_array<std::string_view>({"equal", "free"})),
      number_key("split_classes", "classes a worker of split = classes", &S::split_classes, kOne,
                 256U),
      text_key("backend", "what computes a local step; mvsgd info lists those of this build",
               &S::backend),
      choice_key(
          "conv_algorithm",
          "convolutions of lanes and onednn: table (the fastest, by shape), direct or winograd",
          &S::conv_algorithm, std::to_array<std::string_view>({"table", "direct", "winograd"})),
      choice_key("precision", "of convolutions' arguments: fp32, tf32 (cuda) or bf16",
                 &S::precision, std::to_array<std::string_view>({"fp32", "tf32", "bf16"})),
      flag_key("step_graph", "cuda: a local step is one CUDA graph, where it can be recorded",
               &S::step_graph),
      number_key("slots", "workers that compute at once; 0: one a usable core", &S::slots, 0U,
                 4096U),
      number_key("threads_per_worker",
                 "threads of one training step; with onednn it changes the bits of a run",
                 &S::threads_per_worker, kOne, 1024U),
      choice_key("instruction_set", "of lanes' loops: best, portable, avx2 or avx512",
                 &S::instruction_set,
                 std::to_array<std::string_view>({"best", "portable", "avx2", "avx512"})),
      choice_key("tie_break", "which of equally voted coordinates win: random or index",
                 &S::tie_break, std::to_array<std::string_view>({"random", "index"})),
      flag_key("check_votes",
               "the server of mv-ad keeps every vote and checks each list against it",
               &S::check_votes),
      choice_key("aggregation", "mean (eq 4) or sum (Algorithm 1 line 26) over the workers",
                 &S::aggregation, std::to_array<std::string_view>({"mean", "sum"})),
      practice_key(),
      practised_key("sampling", "a worker's batches: permutation or fresh", &S::Overrides::sampling,
                    &S::sampling, std::to_array<std::string_view>({"permutation", "fresh"})),
      practised_key("bn_eval", "batch-norm statistics in evaluation: average, recompute or batch",
                    &S::Overrides::bn_eval, &S::bn_eval,
                    std::to_array<std::string_view>({"average", "recompute", "batch"})),
      practised_key("error_rescale_on_decay",
                    "scale the error memory when the learning rate decays",
                    &S::Overrides::error_rescale_on_decay, &S::error_rescale_on_decay,
                    std::to_array<std::string_view>({"false", "true"}), false),
      number_key("eval_every", "epochs between evaluations", &S::eval_every, kOne, kMany),
      choice_key("ledger_rows", "ledger.csv has rows of each worker, or of a round: their sums",
                 &S::ledger_rows, std::to_array<std::string_view>({"worker", "round"})),
      flag_key("mask_metrics", "metrics.jsonl has how long coordinates wait for a mask, and where",
               &S::mask_metrics),
      flag_key("worker_metrics", "worker_metrics.jsonl has each worker's numbers at evaluations",
               &S::worker_metrics),
      checkpoint_key(),
      number_key("deadline", "seconds to wait for a peer in another process", &S::deadline, kOne,
                 kMostSeconds),
  };
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> all = make_keys();
  return all;
}

const Key* find_key(std::string_view name) {
  const auto found = std::ranges::find(keys(), name, &Key::name);
  return found == keys().end() ? nullptr : &*found;
}

bool changes_no_bit(std::string_view key) {
  return key == "slots" || key == "instruction_set" || key == "checkpoint_every" ||
         key == "deadline";
}

void set(Settings& settings, std::string_view key, std::string_view value) {
  const Key* const found = find_key(key);
  if (found == nullptr) {
    std::vector<std::string> names;
    for (const Key& known : keys()) names.emplace_back(known.name);
    throw UsageError(fmt::format("unknown key '{}'{}", key, did_you_mean(key, names)));
  }
  try {
    found->set(settings, value);
  } catch (const std::invalid_argument& e) {
    throw UsageError(fmt::format("{} = {}: {}", key, value, e.what()));
  }
}

void set(Settings& settings, const GivenSettings& values) {
  for (const Key& key : keys()) {
    for (const auto& [name, value] : values) {
      if (name == key.name) set(settings, name, value);
    }
  }
  for (const auto& [name, value] : values) {
    if (find_key(name) == nullptr) set(settings, name, value);  // throws: no such key
  }
}

}  // namespace mvsgd::sim
