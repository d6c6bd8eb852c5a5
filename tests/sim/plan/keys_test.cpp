// Every key: set takes what get returns, and config.toml has it.
#include "sim/plan/keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/files/input_error.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/plan/settings_file.hpp"

namespace mvsgd::sim {
namespace {

/// Values of every key. The first one is the default in Settings.
const std::map<std::string_view, std::vector<std::string>>& values() {
  static const std::map<std::string_view, std::vector<std::string>> all{
      {"scheme", {"mv", "sm", "dense", "top-k", "mv-rs", "mv-ad", "rand-k"}},
      {"workers", {"10", "1", "65535"}},
      {"participation", {"0", "1", "65535"}},
      {"local_steps", {"1", "8"}},
      {"phi", {"0.01", "1", "0.123456789012345678"}},
      {"phi_ad", {"0.001", "0.5", "0.000000001", "0.100000000000000001"}},
      {"selection", {"global", "layer"}},
      {"dense_below", {"0", "1000000000"}},
      {"value_bits", {"32", "1", "8", "16"}},
      {"quantizer", {"fractional", "scaled-sign", "float16", "bfloat16"}},
      {"quantizer_block", {"0", "1000000000"}},
      {"error_memory", {"true", "false"}},
      {"quantization_error", {"true", "false"}},
      {"aggregate", {"server", "reduce"}},
      {"aggregate_bits", {"32", "1", "8", "16"}},
      {"value_codec", {"plain", "entropy"}},
      {"position_codec", {"block", "elias-fano", "rice", "radix", "entropy", "rans"}},
      {"block_size", {"0", "7"}},
      {"vote_codec", {"positions", "delta"}},
      {"add_codec", {"positions", "rank"}},
      {"drop_codec", {"positions", "rank"}},
      {"mask_codec", {"positions", "delta"}},
      {"width", {"64", "512"}},
      {"epochs", {"300", "1"}},
      {"rounds", {"0", "17"}},
      {"warmup_epochs", {"proportional", "0", "5"}},
      {"warmup", {"stairs", "ramp"}},
      {"phi_warmup", {"dense", "stairs"}},
      {"batch", {"64", "2"}},
      {"augment", {"true", "false"}},
      {"learning_rate", {"0.5", "0", "1000000", "1e-07", "0.1234567890123456"}},
      {"weight_decay", {"0.0001", "0", "12.5"}},
      {"momentum", {"0", "0.9", "1"}},
      {"nesterov", {"false", "true"}},
      {"momentum_correction", {"false", "true"}},
      {"seed", {"1", "0", "9223372036854775807"}},
      {"init", {"random", "a \"b\" \\ c\nd", "5", "true"}},
      {"data", {"synthetic", "caf\xc3\xa9", "\"quoted\"", "0.10"}},
      {"synthetic_train", {"10000", "1"}},
      {"synthetic_test", {"2000", "1"}},
      {"synthetic_noise", {"1", "0", "2.5"}},
      {"split", {"random", "stratified", "dirichlet", "classes"}},
      {"split_alpha", {"0.5", "0.000001", "1000"}},
      {"split_sizes", {"equal", "free"}},
      {"split_classes", {"2", "256"}},
      {"backend", {"lanes", "reference", "onednn"}},
      {"conv_algorithm", {"table", "direct", "winograd"}},
      {"precision", {"fp32", "tf32", "bf16"}},
      {"step_graph", {"false", "true"}},
      {"slots", {"0", "4096"}},
      {"threads_per_worker", {"1", "1024"}},
      {"instruction_set", {"best", "portable", "avx2", "avx512"}},
      {"tie_break", {"random", "index"}},
      {"check_votes", {"false", "true"}},
      {"aggregation", {"mean", "sum"}},
      {"practice", {"text", "authors"}},
      {"sampling", {"permutation", "fresh"}},
      {"bn_eval", {"average", "recompute", "batch"}},
      {"error_rescale_on_decay", {"true", "false"}},
      {"eval_every", {"1", "1000000000"}},
      {"ledger_rows", {"worker", "round"}},
      {"mask_metrics", {"false", "true"}},
      {"worker_metrics", {"false", "true"}},
      {"checkpoint_every", {"10m", "0", "50", "1m", "1000000m", "1000000000"}},
      {"deadline", {"3600", "1"}}};
  return all;
}

std::string toml_of(const Settings& settings) {
  std::ostringstream text;
  write_toml(settings, text);
  return text.str();
}

/// The rows of the table of keys, in order.
std::vector<std::string> rows_of_readme() {
  std::ifstream readme(MVSGD_TESTS_DIR "/../sim/plan/README.md");
  std::vector<std::string> rows;
  bool in_table = false;
  for (std::string line; std::getline(readme, line);) {
    in_table = line == "| key | default | |" || (in_table && line.starts_with('|'));
    if (in_table && line.starts_with("| `")) rows.push_back(line);
  }
  return rows;
}

class OfEveryKey : public testing::TestWithParam<std::string_view> {
 protected:
  const Key& key_ = *find_key(GetParam());
};
std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const Key& key : keys()) all.push_back(key.name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(, OfEveryKey, testing::ValuesIn(names()),
                         [](const auto& key) { return std::string(key.param); });

TEST_P(OfEveryKey, IsFoundByItsWholeName) {
  EXPECT_EQ(find_key(GetParam()), &key_);
  EXPECT_EQ(key_.name, GetParam());
  EXPECT_EQ(find_key(std::string(GetParam()) + "s"), nullptr);
}

TEST_P(OfEveryKey, SetTakesWhatGetReturns) {
  ASSERT_TRUE(values().contains(GetParam())) << "no values of this key above";
  for (const std::string& value : values().at(GetParam())) {
    Settings settings;
    key_.set(settings, value);
    EXPECT_EQ(key_.get(settings), value);
    Settings again = preset("ssgd-mv-ad-l8-q").settings;
    key_.set(again, key_.get(settings));
    EXPECT_EQ(key_.get(again), value);
  }
}

TEST_P(OfEveryKey, WordsAreTakenAndOfAChoiceAreAll) {
  ASSERT_TRUE(values().contains(GetParam()));
  for (const std::string_view word : key_.words) {
    Settings settings;
    EXPECT_NO_THROW(key_.set(settings, word)) << word;
    EXPECT_EQ(key_.get(settings), word);
  }
  const bool only_words = key_.is_text && key_.operand == "VALUE" && key_.name != "backend";
  for (const std::string& value : values().at(GetParam())) {
    if (only_words) {
      EXPECT_THAT(key_.words, testing::Contains(value));
    }
  }
}

TEST_P(OfEveryKey, FileHasEveryValueOfIt) {
  ASSERT_TRUE(values().contains(GetParam()));
  for (const std::string& value : values().at(GetParam())) {
    Settings settings;
    key_.set(settings, value);
    const Settings read = parse_toml(toml_of(settings), "file", std::nullopt);
    EXPECT_EQ(key_.get(read), value);
    EXPECT_EQ(toml_of(read), toml_of(settings));
  }
}

TEST_P(OfEveryKey, IsNamedWhereAFileHasAListOrATableOfIt) {
  const std::string key(GetParam());
  const std::string wanted = "file:1: " + key + ": a string, number, true or false is wanted, not ";
  EXPECT_THAT([&] { (void)parse_toml(key + " = [1]", "file", std::nullopt); },
              testing::ThrowsMessage<InputError>(wanted + "a list"));
  EXPECT_THAT([&] { (void)parse_toml("[" + key + "]", "file", std::nullopt); },
              testing::ThrowsMessage<InputError>(wanted + "a table"));
}

TEST_P(OfEveryKey, StandsInTheTableOfTheReadmeWithItsDefault) {
  ASSERT_TRUE(values().contains(GetParam()));
  const std::string standard = key_.get(Settings());
  EXPECT_EQ(standard, values().at(GetParam()).front());
  const std::string row = "| `" + std::string(GetParam()) + "` | " + standard + " |";
  EXPECT_THAT(rows_of_readme(), testing::Contains(testing::StartsWith(row)).Times(1));
}

TEST(Keys, TheReadmesRowOfSchemeSaysWhatEachIs) {
  const auto rows = rows_of_readme();
  const auto row = std::ranges::find_if(
      rows, [](const std::string& one) { return one.starts_with("| `scheme` |"); });
  ASSERT_NE(row, rows.end());
  for (const Scheme* scheme : schemes()) {
    EXPECT_THAT(*row, testing::HasSubstr("`" + std::string(scheme->name()) + "`: "));
  }
}

TEST(Keys, AreNamedOnce) {
  std::set<std::string_view> seen;
  for (const Key& key : keys()) EXPECT_TRUE(seen.insert(key.name).second) << key.name;
}

TEST(Keys, StandInTheTableOfTheReadmeInTheirOrder) {
  const std::vector<std::string> rows = rows_of_readme();
  EXPECT_EQ(rows.size(), keys().size());
  for (std::size_t i = 0; i < rows.size() && i < keys().size(); ++i) {
    EXPECT_THAT(rows[i], testing::StartsWith("| `" + std::string(keys()[i].name) + "` |"));
  }
}

}  // namespace
}  // namespace mvsgd::sim
