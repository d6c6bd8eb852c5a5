// `verify DIR` on runs of every scheme, codec and size. It passes while they run, when they are
// interrupted, resumed and finished, and it fails if one number of a file is altered.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "compress/positions/position_codecs.hpp"
#include "sim/plan/effect.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/run/run_archive.hpp"
#include "sim/run/training_run.hpp"
#include "sim/train/backends.hpp"
#include "sim/verify/verify.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Sets the keys if they fit and each that changes has an effect; else sets none. Returns whether
/// it did.
bool try_set(Settings& settings, const GivenSettings& given) {
  Settings changed = settings;
  set(changed, given);
  std::vector<GivenKey> named;
  for (const Key& key : keys()) {
    if (key.get(changed) != key.get(settings)) named.push_back({std::string(key.name), ""});
  }
  try {
    validate(changed);
    refuse_without_effect(changed, named);
  } catch (const UsageError&) {
    return false;
  }
  settings = changed;
  return true;
}

/// Settings that take turns instead of being combined with everything.
const std::vector<GivenSettings>& values() {
  static const std::vector<GivenSettings> all{
      {{"value_bits", "32"}},
      {{"value_bits", "2"}},
      {{"value_bits", "1"}, {"quantizer", "scaled-sign"}},
      {{"value_bits", "8"}, {"quantization_error", "false"}},
      {{"value_bits", "4"}, {"aggregate_bits", "4"}, {"value_codec", "entropy"}},
      {{"value_bits", "32"}, {"aggregate_bits", "1"}, {"quantizer_block", "7"}},
      {{"value_bits", "16"}, {"quantizer", "bfloat16"}, {"aggregate_bits", "16"}},
      {{"value_bits", "1"}, {"quantizer", "scaled-sign"}, {"quantizer_block", "7"}},
  };
  return all;
}
const std::vector<GivenSettings>& others() {
  static const std::vector<GivenSettings> all{
      {{"warmup_epochs", "0"}, {"vote_codec", "delta"}},
      {{"local_steps", "2"}, {"block_size", "3"}},
      {{"bn_eval", "recompute"}, {"tie_break", "index"}, {"warmup_epochs", "0"}},
      {{"aggregation", "sum"}, {"block_size", "100000"}, {"warmup_epochs", "0"}},
      {{"practice", "authors"}},
      {{"local_steps", "3"}, {"warmup_epochs", "0"}},
      {{"check_votes", "true"}, {"ledger_rows", "round"}},
      {{"ledger_rows", "round"}, {"warmup_epochs", "0"}},
      {{"phi_warmup", "stairs"}, {"warmup_epochs", "1"}, {"ledger_rows", "round"}},
      {{"momentum", "0.9"}, {"learning_rate", "0.05"}, {"momentum_correction", "true"}},
      {{"phi_warmup", "stairs"}, {"warmup_epochs", "1"}},
      {{"participation", "1"}, {"warmup_epochs", "0"}, {"worker_metrics", "true"}},
      {{"worker_metrics", "true"}, {"warmup_epochs", "0"}},
      {{"mask_metrics", "true"}, {"error_memory", "false"}},
      {{"participation", "1"}, {"phi_warmup", "stairs"}, {"ledger_rows", "round"}},
      {{"selection", "layer"}, {"warmup_epochs", "0"}},
      {{"selection", "layer"}, {"dense_below", "20"}, {"ledger_rows", "round"}},
      {{"selection", "layer"}, {"dense_below", "70"}, {"participation", "1"}},
      {{"selection", "layer"}, {"phi_warmup", "stairs"}, {"worker_metrics", "true"}},
      {{"selection", "layer"}, {"dense_below", "1000000"}, {"warmup_epochs", "0"}},
      {{"aggregate", "reduce"}, {"worker_metrics", "true"}},
      {{"aggregate", "reduce"}, {"ledger_rows", "round"}, {"warmup_epochs", "0"}},
  };
  return all;
}

/// Every list of positions in a code, at one, some and all coordinates, alone and in a group, and
/// each of others() at least once.
std::vector<Settings> product(const std::string& preset_name, const std::string& codec) {
  Settings base = small_settings(preset_name);
  set(base, {{"backend", "lanes"},
             {"width", "1"},
             {"batch", "2"},
             {"local_steps", "1"},
             {"value_bits", "32"},
             {"synthetic_train", "48"},
             {"synthetic_test", "2"},
             {"epochs", "1"},
             {"rounds", "4"}});
  std::vector<Settings> all;
  for (const char* const mask : {"positions", "delta"}) {
    for (const char* const drop : {"positions", "rank"}) {
      for (const auto& [phi, phi_ad] : std::vector<std::pair<std::string, std::string>>{
               {"0.01", "0.001"}, {"0.0001", "0.0001"}, {"1", "1"}}) {
        for (const char* const workers : {"1", "2"}) {
          Settings settings = base;
          const GivenSettings given{{"workers", workers},      {"phi", phi},
                                    {"position_codec", codec}, {"mask_codec", mask},
                                    {"add_codec", drop},       {"drop_codec", drop}};
          const bool fits = std::ranges::all_of(
              given, [&](const auto& value) { return try_set(settings, {value}); });
          if (!fits) continue;
          (void)try_set(settings, {{"phi_ad", phi_ad}});
          all.push_back(settings);
        }
      }
    }
  }
  if (all.empty()) return all;
  const std::size_t lists = all.size();
  for (std::size_t i = lists; i < others().size(); ++i) all.push_back(all[i % lists]);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t turn = i + codec.size();  // differs between codes
    (void)try_set(all[i], values()[turn % values().size()]);
    for (const auto& other : others()[turn % others().size()]) (void)try_set(all[i], {other});
  }
  return all;
}

std::string described(const Settings& settings) {
  std::vector<std::string> differing;
  const Settings preset_settings = small_settings(settings.preset);
  for (const Key& key : keys()) {
    if (key.get(settings) == key.get(preset_settings)) continue;
    differing.push_back(fmt::format("{}={}", key.name, key.get(settings)));
  }
  return fmt::format("{} {}", settings.preset, fmt::join(differing, " "));
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// Whether verify must notice an alteration at `at` of a text.
using IsHeld = bool (*)(std::string_view text, std::size_t at);

std::string_view line_at(std::string_view text, std::size_t at) {
  const std::size_t begin = text.rfind('\n', at) + 1;  // 0 for the first line
  return text.substr(begin, text.find('\n', at) - begin);
}

bool is_in_a_row(std::string_view text, std::size_t at) { return at > text.find('\n'); }

/// In a line of sizes.csv but for its round, whose order makes it a sizes.csv.
bool is_a_size(std::string_view text, std::size_t at) {
  return is_in_a_row(text, at) && text[text.find_last_of(",\n", at)] == ',';
}

/// A number that is a value in metrics.jsonl and follows from another file or line. The seconds of
/// the end do not. `round` and `rounds` are left out, too: a line with others makes the file no
/// metrics.jsonl, which is exit code 3.
bool is_in_a_held_number(std::string_view text, std::size_t at) {
  const std::string_view line = line_at(text, at);
  const auto in_line = static_cast<std::size_t>(text.data() + at - line.data());
  const std::size_t begin = line.find_last_not_of("0123456789.+-e", in_line) + 1;
  for (const char* const key : {"\"round\":", "\"rounds\":"}) {
    if (line.substr(0, begin).ends_with(key)) return false;
  }
  if (std::string_view(":[,").find(line[begin - 1]) == std::string_view::npos) return false;
  if (!line.starts_with("{\"end\"")) return true;
  // Nothing repeats the end's line, and a change of the 17th digit can leave the number the same.
  const std::size_t end = line.find_first_not_of("0123456789.+-e", in_line);
  if (end - begin > 16 && in_line + 1 == end) return false;
  return in_line < line.find("\"seconds\"") || in_line > line.find("\"files\"");
}

/// Inside a value of a manifest, but neither in the environment, which may be another machine's,
/// nor in a setting that changes no bit.
bool is_in_a_held_value(std::string_view text, std::size_t at) {
  constexpr std::string_view kEnvironment = "\"environment\": {";
  const std::size_t object = text.rfind('{', at);
  if (text.substr(0, object + 1).ends_with(kEnvironment)) return false;
  const std::string_view line = line_at(text, at);
  if (line.data() + line.find(':') > text.data() + at) return false;
  const std::size_t name = line.find('"') + 1;
  const std::string_view key = line.substr(name, line.find('"', name) - name);
  return key != "rounds" && key != "threads_per_worker" && !changes_no_bit(key);
}

struct PresetAndCode {
  std::string preset;
  std::string codec;
};

class EveryRun : public testing::TestWithParam<PresetAndCode> {
 protected:
  [[nodiscard]] static Outcome verify(const fs::path& path) {
    return run({"verify", path.string()});
  }

  /// Trains until round `until` has ended, or to the end. With `watch`, verifies the run before
  /// each round's rows are written.
  void train(const Settings& settings, bool resume, std::optional<int> until, bool watch) {
    std::atomic<int> t = -1;
    TrainingSinks sinks;
    sinks.on_round = [&](const RoundRecord& record, double) {
      t = static_cast<int>(record.round.t);
      if (watch) holds(settings, fmt::format("in round {}", record.round.t));
    };
    sinks.interrupted = [&] { return until && t >= *until; };
    const TrainingEnd end = train_in(path_, settings, {.resume = resume}, sinks);
    EXPECT_EQ(end.result.finished, !until);
  }

  void holds(const Settings& settings, const std::string& when) {
    const Outcome outcome = verify(path_);
    EXPECT_EQ(outcome.code, Exit::good) << when << ": " << described(settings) << '\n'
                                        << outcome.out << outcome.err;
  }

  /// Changes a digit or a bit of the file. verify must fail and name the file.
  void alter(const Settings& settings, const fs::path& file, const std::string& altered,
             std::size_t at) {
    const std::string was = text_of(file);
    write(file, altered);
    const bool of_checkpoint = file.string().find("/checkpoint/") != std::string::npos;
    const Outcome outcome = verify(of_checkpoint ? path_ : file.parent_path());
    const std::string what =
        fmt::format("{}: byte {} of {}: {}...", described(settings), at, file.string(),
                    was.substr(at - std::min<std::size_t>(at, 40), 60));
    EXPECT_EQ(outcome.code, Exit::check_failed) << what << '\n' << outcome.out << outcome.err;
    // The line or two about the failure name the file.
    std::string wrong;
    for (std::size_t begin = outcome.out.find("WRONG"); begin != std::string::npos;
         begin = outcome.out.find("WRONG", begin + 1)) {
      const std::size_t end = outcome.out.find('\n', outcome.out.find('\n', begin) + 1);
      wrong += outcome.out.substr(begin, end - begin) + '\n';
    }
    EXPECT_THAT(wrong, HasSubstr(file.filename().string())) << what;
    write(file, was);
  }

  void alter_number(const Settings& settings, const fs::path& file, IsHeld is_held) {
    std::string altered = text_of(file);
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at < altered.size(); ++at) {
      if (is_digit(altered[at]) && is_held(altered, at)) places.push_back(at);
    }
    if (places.empty()) return;  // one machine sends nothing: its ledger has no row
    const std::size_t at = places[draw(places.size())];
    altered[at] = altered[at] == '9' ? '1' : static_cast<char>(altered[at] + 1);
    alter(settings, file, altered, at);
  }

  void alter_byte(const Settings& settings, const fs::path& file) {
    std::string altered = text_of(file);
    const std::size_t at = draw(altered.size());
    altered[at] = static_cast<char>(altered[at] ^ (1 << draw(8)));
    alter(settings, file, altered, at);
  }

  /// One alteration of each of two kinds, chosen by `turn`.
  void alter_something(const Settings& settings, std::size_t turn, bool finished) {
    const fs::path checkpoint = *fs::directory_iterator(path_ / "checkpoint");
    switch (turn % 3) {
      case 0:
        alter_number(settings, path_ / "ledger.csv", is_in_a_row);
        alter_byte(settings, checkpoint / "arrays.safetensors");
        break;
      case 1:
        alter_number(settings, path_ / "metrics.jsonl", is_in_a_held_number);
        alter_byte(settings, checkpoint / "progress.json");
        break;
      default:
        alter_number(settings, checkpoint / "manifest.json", is_in_a_held_value);
        if (finished) alter_byte(settings, path_ / "model.safetensors");
        break;
    }
    // Nothing but the file's digest, at the end, repeats a norm.
    if (finished && settings.worker_metrics) {
      alter_number(settings, path_ / "worker_metrics.jsonl",
                   [](std::string_view /*text*/, std::size_t /*at*/) { return true; });
    }
  }

  /// The archive of the run holds. If a number in a file of it is altered, the file is named.
  void archive_holds(const Settings& settings) {
    const fs::path archive = directory_.path() / "run.tar.xz";
    const fs::path unpacked = directory_.path() / "unpacked";
    write_run_archive(path_, archive);
    const Outcome outcome = verify(archive);
    EXPECT_EQ(outcome.code, Exit::good) << "archived: " << described(settings) << '\n'
                                        << outcome.out << outcome.err;
    fs::remove_all(unpacked);
    unpack_run_archive(archive, unpacked);
    alter_number(settings, unpacked / "ledger.csv", is_in_a_row);
    alter_number(settings, unpacked / "metrics.jsonl", is_in_a_held_number);
    alter_number(settings, unpacked / "sizes.csv", is_a_size);
  }

  std::size_t draw(std::size_t below) { return engine_() % below; }

  std::mt19937_64 engine_{20'201'117};
  TestDirectory directory_;
  fs::path path_ = directory_.path() / "run";
};

TEST_P(EveryRun, HoldsAtEveryStageAndAnAlteredFileIsNamed) {
  const auto& [preset_name, codec] = GetParam();
  std::size_t turn = 0;
  for (const Settings& settings : product(preset_name, codec)) {
    fs::remove_all(path_);
    switch (turn % 4) {
      case 0:
        train(settings, false, {}, false);
        break;
      case 1:
        train(settings, false, {}, true);
        break;
      default: {
        // After the initial model nothing is saved yet. One machine sends none.
        const int until = settings.scheme->sends() ? static_cast<int>(turn % 3) : 1;
        train(settings, false, until, false);
        holds(settings, fmt::format("interrupted after round {}", until));
        if (until > 0) alter_something(settings, turn / 4, false);
        train(settings, true, {}, turn % 4 == 3);
      }
    }
    holds(settings, "finished");
    alter_something(settings, turn, true);
    archive_holds(settings);
    if (HasFailure()) return;
    ++turn;
  }
  EXPECT_GE(turn, others().size());
}

std::vector<PresetAndCode> every_code_of_every_scheme() {
  std::vector<PresetAndCode> all;
  for (const char* const name :
       {"sm", "dense", "top-k", "ssgd-mv", "ssgd-mv-rs-l4", "ssgd-mv-ad", "rand-k-l4"}) {
    for (const compress::PositionCodecKind& codec : compress::position_codecs()) {
      const std::string code(codec.name);
      if (!product(name, code).empty()) all.push_back({name, code});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Of, EveryRun, testing::ValuesIn(every_code_of_every_scheme()),
                         [](const testing::TestParamInfo<PresetAndCode>& tested) {
                           std::string text = tested.param.preset + "_" + tested.param.codec;
                           std::ranges::replace(text, '-', '_');
                           return text;
                         });

}  // namespace
}  // namespace mvsgd::sim
