// Settings: keys, presets and TOML.
#include "sim/plan/settings.hpp"
#include "sim/plan/scheme.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"
#include "sim/plan/settings_file.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

using testing::HasSubstr;

template <typename Error, typename Work>
std::string message_of(const Work& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

class SettingsFile : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }

 private:
  TestDirectory directory_;
  std::string path_ = directory_.path() / "settings.toml";
};

TEST_F(SettingsFile, EveryPresetReadsBackAsItWasWritten) {
  for (const Preset& p : presets()) {
    std::ostringstream text;
    write_toml(p.settings, text);
    std::ostringstream again;
    write_toml(read_toml(write(text.str()), std::nullopt), again);
    EXPECT_EQ(again.str(), text.str()) << p.name;
  }
}

TEST_F(SettingsFile, AnyTextReadsBackAsItWasWritten) {
  Settings settings;
  settings.data = "a \"b\" \\ c\nd\x7f\x01 caf\xc3\xa9";
  std::ostringstream text;
  write_toml(settings, text);
  EXPECT_EQ(read_toml(write(text.str()), std::nullopt).data, settings.data);
}

TEST_F(SettingsFile, ALaterKeyOverridesItsPreset) {
  const std::string path = write("preset = \"sm\"\nepochs = 7\nphi = 0.07\n");
  const Settings settings = read_toml(path, std::nullopt);
  EXPECT_EQ(settings.scheme, &scheme_named("sm"));
  EXPECT_EQ(settings.epochs, 7U);
  EXPECT_EQ(settings.phi.ceil_times(100), 7U);  // the digits as written
  EXPECT_EQ(read_toml(path, "dense").scheme, &scheme_named("dense"));
}

TEST_F(SettingsFile, AFileWithoutAKeyHasItsDefault) {
  const Settings settings = read_toml(write("epochs = 7\n"), std::nullopt);
  EXPECT_EQ(settings.warmup, Warmup::stairs);
  EXPECT_EQ(settings.split, Split::random);
}

TEST_F(SettingsFile, QuotesWhatTomlHasNoNumberFor) {
  Settings settings;
  settings.phi = Decimal::parse("0.123456789012345678");  // more digits than a double has
  settings.data = "5";
  std::ostringstream text;
  write_toml(settings, text);
  EXPECT_THAT(text.str(), HasSubstr("\nphi = \"0.123456789012345678\"\n"));
  EXPECT_THAT(text.str(), HasSubstr("\nphi_ad = 0.001\n"));
  EXPECT_THAT(text.str(), HasSubstr("\nwarmup_epochs = \"proportional\"\n"));
  EXPECT_THAT(text.str(), HasSubstr("\ndata = \"5\"\n"));
  EXPECT_THAT(text.str(), HasSubstr("\ncheckpoint_every = \"10m\"\n"));
  settings.warmup_epochs = 3;
  settings.checkpoint_every = {.rounds = 50, .minutes = 0};
  std::ostringstream other;
  write_toml(settings, other);
  EXPECT_THAT(other.str(), HasSubstr("\nwarmup_epochs = 3\n"));
  EXPECT_THAT(other.str(), HasSubstr("\ncheckpoint_every = 50\n"));
}

TEST_F(SettingsFile, ANumberHasTheDigitsThatTheFileHas) {
  const auto phi = [&](const std::string& text) {
    return read_toml(write(text), std::nullopt).phi.to_string();
  };
  EXPECT_EQ(phi("phi = 0.050000000000000001\n"), "0.050000000000000001");
  EXPECT_EQ(phi("\xef\xbb\xbfphi=0.050000000000000001# more than a double has\r\n"),
            "0.050000000000000001");
  EXPECT_EQ(phi("data = \"\"\"a\n\nb\"\"\"\n\t\"phi\" =\t +0.05_0000_0000_00000001\t\nepochs = 1"),
            "0.050000000000000001");
  EXPECT_EQ(phi("phi = 5e-2"), "0.05");
  EXPECT_EQ(phi("phi = 1"), "1");
  EXPECT_EQ(read_toml(write("learning_rate = +1_0.5\n"), std::nullopt).learning_rate, 10.5);
  EXPECT_THAT(message_of<InputError>([&] { (void)phi("\nphi = 1.0000000000000001\n"); }),
              HasSubstr(".toml:2: phi = 1.0000000000000001: a share from 0.000000001 to 1"));
  EXPECT_THAT(message_of<InputError>([&] { (void)phi("phi = inf\n"); }),
              HasSubstr(".toml:1: phi = inf: a share"));
}

TEST_F(SettingsFile, AnyEnvironmentIsPassedOver) {
  std::ostringstream text;
  write_toml(Settings(), {{"processor", "\"quoted\" \\ and\nmore"}, {"version", "1"}}, text);
  EXPECT_THAT(text.str(), testing::EndsWith("\n\n[environment]\n"
                                            "processor = \"\\\"quoted\\\" \\\\ and\\u000amore\"\n"
                                            "version = \"1\"\n"));
  std::ostringstream again;
  write_toml(read_toml(write(text.str()), std::nullopt), again);
  EXPECT_TRUE(text.str().starts_with(again.str()));
}

TEST_F(SettingsFile, ItsEnvironmentIsReadBackInTextsAlone) {
  const Environment environment{{"bits", "\"quoted\" \\ and\nmore"}, {"version", "1"}};
  std::ostringstream text;
  write_toml(Settings(), environment, text);
  EXPECT_EQ(read_run_settings(write(text.str())).environment, environment);
  EXPECT_EQ(read_run_settings(write(text.str() + "cores = 2\n")).environment, environment);
  EXPECT_EQ(read_run_settings(write("epochs = 3\n")).environment, Environment());
}

TEST_F(SettingsFile, BadFilesAreRefusedWithFileAndLine) {
  const auto refused = [&](const std::string& text) {
    return message_of<InputError>([&] { (void)read_toml(write(text), std::nullopt); });
  };
  EXPECT_THAT(refused("epochs = 3\nepoch = 4\n"),
              HasSubstr(".toml:2: unknown key 'epoch': did you mean"));
  EXPECT_THAT(refused("epochs = 3\nepochs = 4\n"), HasSubstr(".toml:2"));
  EXPECT_THAT(refused("\nworkers = 0\n"), HasSubstr(".toml:2: workers = 0: a whole number from 1"));
  EXPECT_THAT(refused("workers = [1]\n"), HasSubstr(".toml:1"));
  EXPECT_THAT(refused("workers = \n"), HasSubstr(".toml:1"));
  EXPECT_THAT(refused("preset = \"ssgd\"\n"), HasSubstr("unknown preset 'ssgd'"));
  EXPECT_THAT(refused("[train]\nepochs = 3\n"), HasSubstr(".toml:1: unknown key 'train'"));
  EXPECT_THAT(refused("epoch = [3]\n"), HasSubstr(".toml:1: unknown key 'epoch': did you mean"));
  EXPECT_THAT(refused("data = \"cifar\\u0000-10\"\n"),
              HasSubstr(".toml:1: data: a text without a NUL"));
  EXPECT_THAT(message_of<InputError>([] { (void)read_toml("/no/such/file", std::nullopt); }),
              HasSubstr("/no/such/file"));
}

TEST(Settings, AFileThatNeverEndsOrIsTooLongIsRefusedAndAPipeIsRead) {
  EXPECT_THAT(message_of<InputError>([] { (void)read_toml("/dev/zero", std::nullopt); }),
              HasSubstr("/dev/zero: more than 1048576 bytes"));
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const std::string_view text = "epochs = 7\n";
  ASSERT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(ends[1]);
  EXPECT_EQ(read_toml("/dev/fd/" + std::to_string(ends[0]), std::nullopt).epochs, 7U);
  close(ends[0]);
}

TEST(Settings, ValuesOutOfRangeAreRefusedByName) {
  Settings settings;
  const std::pair<const char*, const char*> bad[] = {{"workers", "0"},
                                                     {"workers", "-1"},
                                                     {"local_steps", "0"},
                                                     {"phi", "0"},
                                                     {"phi", "1.01"},
                                                     {"phi", "x"},
                                                     {"width", "0"},
                                                     {"epochs", "0"},
                                                     {"batch", "1"},
                                                     {"scheme", "mvx"},
                                                     {"augment", "yes"},
                                                     {"learning_rate", "nan"},
                                                     {"seed", "1.5"},
                                                     {"tie_break", ""},
                                                     {"data", ""},
                                                     {"data", "caf\xe9"},
                                                     {"warmup_epochs", "few"},
                                                     {"deadline", "0"},
                                                     {"eval_every", "0"},
                                                     {"phi_ad", "0"},
                                                     {"phi_ad", "2"},
                                                     {"practice", "paper"},
                                                     {"sampling", "none"},
                                                     {"bn_eval", "eval"},
                                                     {"error_rescale_on_decay", "yes"},
                                                     {"quantizer", "sign"},
                                                     {"quantizer_block", "-1"},
                                                     {"quantization_error", "1"},
                                                     {"check_votes", "no"}};
  std::ostringstream before;
  write_toml(settings, before);
  for (const auto& [key, value] : bad) {
    EXPECT_THAT(message_of<UsageError>([&, k = key, v = value] { set(settings, k, v); }),
                HasSubstr(std::string(key) + " = " + value))
        << key;
  }
  std::ostringstream after;
  write_toml(settings, after);
  EXPECT_EQ(after.str(), before.str());
}

TEST(Settings, SmHasOneWorkerAndSingleSteps) {
  Settings settings = preset("sm").settings;
  EXPECT_NO_THROW(validate(settings));
  settings.workers = 2;
  EXPECT_THROW(validate(settings), UsageError);
  settings.workers = 1;
  settings.local_steps = 4;
  EXPECT_THROW(validate(settings), UsageError);
}

struct Row {
  const char* name;
  std::string_view scheme;
  std::uint32_t h;
  std::uint32_t q = 32;
};

/// The rows of Table 1 without the first, sm.
constexpr Row kSparseRows[] = {{"top-k", "top-k", 1},         {"ssgd-mv", "mv", 1},
                               {"ssgd-mv-l2", "mv", 2},       {"ssgd-mv-l4", "mv", 4},
                               {"ssgd-mv-l8", "mv", 8},       {"ssgd-mv-l8-q", "mv", 8, 4},
                               {"ssgd-mv-rs-l4", "mv-rs", 4}, {"ssgd-mv-rs-l8", "mv-rs", 8},
                               {"ssgd-mv-ad", "mv-ad", 1},    {"ssgd-mv-ad-l2", "mv-ad", 2},
                               {"ssgd-mv-ad-l4", "mv-ad", 4}, {"ssgd-mv-ad-l4-q", "mv-ad", 4, 4},
                               {"ssgd-mv-ad-l8", "mv-ad", 8}, {"ssgd-mv-ad-l8-q", "mv-ad", 8, 4}};

TEST(Presets, SparseRowsOfTable1HaveThePapersSettings) {
  for (const Row& row : kSparseRows) {
    const Settings& s = preset(row.name).settings;
    EXPECT_EQ(s.preset, row.name);
    EXPECT_EQ(s.scheme->name(), row.scheme) << row.name;
    EXPECT_EQ(s.local_steps, row.h) << row.name;
    EXPECT_EQ(s.value_bits, row.q) << row.name;
    EXPECT_EQ(s.quantizer, "fractional") << row.name;
    EXPECT_TRUE(s.quantization_error) << row.name;
    EXPECT_EQ(s.workers, 10U) << row.name;
    EXPECT_EQ(s.learning_rate, 0.5) << row.name;
    EXPECT_EQ(s.tie_break, TieBreaking::random) << row.name;
  }
}

TEST(Presets, EveryRowOfTable1AndDenseShareThePapersSettings) {
  std::vector<const char*> names{"sm", "dense"};
  for (const Row& row : kSparseRows) names.push_back(row.name);
  for (const char* name : names) {
    const Settings& s = preset(name).settings;
    EXPECT_NO_THROW(validate(s)) << name;
    EXPECT_EQ(s.phi, Decimal(1, 2)) << name;
    EXPECT_EQ(s.phi_ad, Decimal(1, 3)) << name;
    EXPECT_EQ(s.width, 64U) << name;
    EXPECT_EQ(s.epochs, 300U) << name;
    EXPECT_EQ(s.rounds, 0U) << name;
    EXPECT_FALSE(s.warmup_epochs.has_value()) << name;
    EXPECT_EQ(s.batch, 64U) << name;
    EXPECT_TRUE(s.augment) << name;
    EXPECT_EQ(s.weight_decay, 1e-4) << name;
    EXPECT_EQ(s.aggregation, Aggregation::mean) << name;
    EXPECT_EQ(s.seed, 1U) << name;
    EXPECT_EQ(s.practice, Practice::text) << name;
  }
  EXPECT_EQ(presets().size(),
            names.size() + 15);  // demo's, in fewer bits, without votes or memory, modern
}

TEST(Presets, TheDemosAreRowsOfTable1AtOneScale) {
  const std::map<std::string_view, std::string> every = {
      {"width", "4"}, {"epochs", "20"}, {"eval_every", "2"}, {"synthetic_noise", "5"}};
  const std::map<std::string_view, std::string> of_workers = {{"workers", "4"},
                                                              {"batch", "16"},
                                                              {"phi", "0.05"},
                                                              {"phi_ad", "0.02"},
                                                              {"warmup_epochs", "2"},
                                                              {"learning_rate", "0.2"},
                                                              {"error_rescale_on_decay", "true"}};
  for (const auto& [name, row] :
       {std::pair{"demo-sm", "sm"}, {"demo", "ssgd-mv-l4"}, {"demo-ad", "ssgd-mv-ad-l4-q"}}) {
    const Settings& demo = preset(name).settings;
    EXPECT_NO_THROW(validate(demo)) << name;
    const bool has_workers = std::string_view(name) != "demo-sm";
    for (const Key& key : keys()) {
      std::string want = key.get(preset(row).settings);
      if (every.contains(key.name)) want = every.at(key.name);
      if (has_workers && of_workers.contains(key.name)) want = of_workers.at(key.name);
      EXPECT_EQ(key.get(demo), want) << name << ' ' << key.name;
    }
  }
}

TEST(Presets, TheModernAreRowsOfTable1WithMomentumItsCorrectionAndStairs) {
  const std::map<std::string_view, std::string> own = {{"momentum", "0.9"},
                                                       {"momentum_correction", "true"},
                                                       {"phi_warmup", "stairs"},
                                                       {"learning_rate", "0.05"}};
  for (const auto& [name, row] : {std::pair{"modern-top-k", "top-k"},
                                  {"modern-mv-l4", "ssgd-mv-l4"},
                                  {"modern-mv-ad-l4-q", "ssgd-mv-ad-l4-q"}}) {
    const Settings& modern = preset(name).settings;
    EXPECT_NO_THROW(validate(modern)) << name;
    for (const Key& key : keys()) {
      const std::string want =
          own.contains(key.name) ? own.at(key.name) : key.get(preset(row).settings);
      EXPECT_EQ(key.get(modern), want) << name << ' ' << key.name;
    }
  }
}

TEST(Presets, ThoseOfBothWaysAreInFewerBitsModernAndHave4BitAggregates) {
  for (const auto& [name, steps] :
       {std::pair{"modern-mv-ad-l8-q-both", "8"}, {"modern-mv-ad-l4-q-both", "4"}}) {
    const std::map<std::string_view, std::string> own = {
        {"momentum", "0.9"},       {"momentum_correction", "true"}, {"phi_warmup", "stairs"},
        {"learning_rate", "0.05"}, {"aggregate_bits", "4"},         {"local_steps", steps}};
    const Settings& both = preset(name).settings;
    EXPECT_NO_THROW(validate(both));
    for (const Key& key : keys()) {
      const std::string want = own.contains(key.name)
                                   ? own.at(key.name)
                                   : key.get(preset("ssgd-mv-ad-l8-q-min").settings);
      EXPECT_EQ(key.get(both), want) << name << ' ' << key.name;
    }
  }
}

TEST(Presets, ThatOfTheModernBenchmarkIsSmWithMomentumAtATenthOfItsRate) {
  const std::map<std::string_view, std::string> own = {{"momentum", "0.9"},
                                                       {"learning_rate", "0.01"}};
  const Settings& modern = preset("modern-sm").settings;
  EXPECT_NO_THROW(validate(modern));
  for (const Key& key : keys()) {
    const std::string want =
        own.contains(key.name) ? own.at(key.name) : key.get(preset("sm").settings);
    EXPECT_EQ(key.get(modern), want) << key.name;
  }
}

TEST(Presets, ThoseWithoutMemoryAreRowsOfTable1ThatForget) {
  for (const std::string row : {"ssgd-mv-l4", "ssgd-mv-ad-l4"}) {
    const Settings& forgets = preset(row + "-no-memory").settings;
    EXPECT_NO_THROW(validate(forgets));
    for (const Key& key : keys()) {
      EXPECT_EQ(key.get(forgets),
                key.name == "error_memory" ? "false" : key.get(preset(row).settings))
          << row << ' ' << key.name;
    }
  }
}

TEST(Presets, TheOneByLayerIsModernAndLeavesSmallTensorsDense) {
  const Settings& by_layer = preset("modern-mv-ad-l4-q-layer").settings;
  EXPECT_NO_THROW(validate(by_layer));
  const std::map<std::string_view, std::string> own = {{"selection", "layer"},
                                                       {"dense_below", "1024"}};
  for (const Key& key : keys()) {
    const std::string want =
        own.contains(key.name) ? own.at(key.name) : key.get(preset("modern-mv-ad-l4-q").settings);
    EXPECT_EQ(key.get(by_layer), want) << key.name;
  }
}

TEST(Presets, SmIsOneWorkerAtRate01) {
  const Settings& s = preset("sm").settings;
  EXPECT_EQ(s.scheme, &scheme_named("sm"));
  EXPECT_EQ(s.workers, 1U);
  EXPECT_EQ(s.local_steps, 1U);
  EXPECT_EQ(s.learning_rate, 0.1);
}

TEST(Presets, TextRescalesTheErrorOfMvAndRsAlone) {
  for (const Row& row : kSparseRows) {
    EXPECT_EQ(preset(row.name).settings.error_rescale_on_decay(),
              row.scheme == "mv" || row.scheme == "mv-rs")
        << row.name;
  }
}

TEST(Presets, AuthorsRescaleTheErrorOfAdTooWithSingleSteps) {
  for (const Row& row : kSparseRows) {
    Settings s = preset(row.name).settings;
    set(s, "practice", "authors");
    const bool rescales =
        row.scheme == "mv" || row.scheme == "mv-rs" || row.name == std::string("ssgd-mv-ad");
    EXPECT_EQ(s.error_rescale_on_decay(), rescales) << row.name;
  }
}

TEST(Practice, AuthorsShuffleAnewAndEvaluateByTheTestBatchsStatistics) {
  Settings settings;
  EXPECT_EQ(settings.sampling(), data::Sampling::permutation);
  EXPECT_EQ(settings.bn_eval(), BatchNormEvaluation::average);
  set(settings, "practice", "authors");
  EXPECT_EQ(settings.sampling(), data::Sampling::fresh);
  EXPECT_EQ(settings.bn_eval(), BatchNormEvaluation::batch);
}

TEST(Practice, ForgetsEarlierOverridesAndYieldsToLaterOnes) {
  Settings settings;
  set(settings, "sampling", "fresh");
  set(settings, "bn_eval", "recompute");
  set(settings, "error_rescale_on_decay", "false");
  EXPECT_EQ(settings.bn_eval(), BatchNormEvaluation::recompute);
  set(settings, "practice", "text");
  EXPECT_EQ(settings.sampling(), data::Sampling::permutation);
  EXPECT_EQ(settings.bn_eval(), BatchNormEvaluation::average);
  EXPECT_TRUE(settings.error_rescale_on_decay());
  set(settings, "practice", "authors");
  set(settings, "bn_eval", "recompute");
  EXPECT_EQ(settings.bn_eval(), BatchNormEvaluation::recompute);
  EXPECT_EQ(settings.sampling(), data::Sampling::fresh);
}

TEST(Practice, ComesBeforeWhatItSetsWhateverTheOrderInAList) {
  using Values = std::vector<std::pair<std::string, std::string>>;
  for (const Values& values : {Values{{"bn_eval", "recompute"}, {"practice", "authors"}},
                               Values{{"practice", "authors"}, {"bn_eval", "recompute"}}}) {
    Settings settings;
    set(settings, values);
    EXPECT_EQ(settings.bn_eval(), BatchNormEvaluation::recompute);
    EXPECT_EQ(settings.sampling(), data::Sampling::fresh);
  }
}

TEST_F(SettingsFile, PracticeComesBeforeWhatItSetsWhateverTheOrderInAFile) {
  const Settings settings =
      read_toml(write("bn_eval = \"recompute\"\npractice = \"authors\"\n"), std::nullopt);
  EXPECT_EQ(settings.bn_eval(), BatchNormEvaluation::recompute);
  EXPECT_EQ(settings.sampling(), data::Sampling::fresh);
}

TEST_F(SettingsFile, OverridesReadBackAsTheyWereWritten) {
  Settings settings = preset("ssgd-mv-ad-l4-q").settings;
  const std::vector<std::pair<std::string, std::string>> values{
      {"practice", "authors"},         {"bn_eval", "recompute"}, {"error_rescale_on_decay", "true"},
      {"quantizer", "scaled-sign"},    {"value_bits", "1"},      {"quantizer_block", "100"},
      {"quantization_error", "false"}, {"check_votes", "true"},  {"phi_ad", "0.005"}};
  set(settings, values);
  std::ostringstream text;
  write_toml(settings, text);
  const Settings again = read_toml(write(text.str()), std::nullopt);
  std::ostringstream written_again;
  write_toml(again, written_again);
  EXPECT_EQ(written_again.str(), text.str());
  EXPECT_EQ(again.sampling(), data::Sampling::fresh);
  EXPECT_EQ(again.bn_eval(), BatchNormEvaluation::recompute);
  EXPECT_TRUE(again.error_rescale_on_decay());
  EXPECT_EQ(again.quantizer, "scaled-sign");
  EXPECT_EQ(again.value_bits, 1U);
  EXPECT_EQ(again.quantizer_block, 100U);
  EXPECT_FALSE(again.quantization_error);
  EXPECT_TRUE(again.check_votes);
  EXPECT_EQ(again.phi_ad, Decimal(5, 3));
}

TEST(Settings, OfTwoValuesOfOneKeyTheLaterCounts) {
  Settings settings;
  const std::vector<std::pair<std::string, std::string>> values{{"seed", "2"}, {"seed", "3"}};
  set(settings, values);
  EXPECT_EQ(settings.seed, 3U);
}

TEST(Settings, AListWithAnUnknownKeyIsRefusedByName) {
  Settings settings;
  const std::vector<std::pair<std::string, std::string>> values{{"phi_add", "0.1"}};
  EXPECT_THAT(message_of<UsageError>([&] { set(settings, values); }),
              HasSubstr("unknown key 'phi_add': did you mean 'phi_ad'?"));
}

TEST(Settings, ChoosingAdAloneTurnsTheRescalingOff) {
  Settings settings = preset("ssgd-mv").settings;
  EXPECT_TRUE(settings.error_rescale_on_decay());
  set(settings, "scheme", "mv-ad");
  EXPECT_FALSE(settings.error_rescale_on_decay());
}

TEST(Settings, ValueBitsAre1To8Or16Or32) {
  Settings settings;
  for (unsigned q = 0; q <= 33; ++q) {
    settings.value_bits = 7;
    if ((q >= 1 && q <= 8) || q == 16 || q == 32) {
      set(settings, "value_bits", std::to_string(q));
      EXPECT_EQ(settings.value_bits, q);
    } else {
      EXPECT_THAT(message_of<UsageError>([&] { set(settings, "value_bits", std::to_string(q)); }),
                  HasSubstr("value_bits = " + std::to_string(q)));
      EXPECT_EQ(settings.value_bits, 7U) << q;
    }
  }
}

TEST(Settings, WhatDoesNotGoTogetherIsRefusedByName) {
  using Values = std::vector<std::pair<std::string, std::string>>;
  const auto refusal = [](const Values& values) {
    Settings settings;
    set(settings, values);
    return message_of<UsageError>([&] { validate(settings); });
  };
  EXPECT_THAT(
      refusal({{"scheme", "sm"}, {"workers", "1"}, {"value_bits", "4"}}),
      HasSubstr(
          "value_bits = 4: only a sparse scheme (top-k, mv, mv-rs, mv-ad, rand-k) quantises"));
  EXPECT_THAT(
      refusal({{"scheme", "dense"}, {"value_bits", "8"}}),
      HasSubstr(
          "value_bits = 8: only a sparse scheme (top-k, mv, mv-rs, mv-ad, rand-k) quantises"));
  EXPECT_THAT(refusal({{"quantizer", "scaled-sign"}}), HasSubstr("not 32"));
  EXPECT_THAT(refusal({{"quantizer", "scaled-sign"}, {"value_bits", "2"}}), HasSubstr("not 2"));
  EXPECT_THAT(refusal({{"value_bits", "1"}}), HasSubstr("value_bits = 1"));
  EXPECT_THAT(refusal({{"value_bits", "4"}, {"quantizer_block", "7"}}),
              HasSubstr("quantizer_block = 7"));
  EXPECT_THAT(refusal({{"quantizer", "float16"}}),
              HasSubstr("value_bits = 16 is wanted, not 32; or such aggregate_bits"));
  EXPECT_THAT(refusal({{"check_votes", "true"}}), HasSubstr("check_votes = true"));
  EXPECT_THAT(refusal({{"nesterov", "true"}}), HasSubstr("nesterov = true: momentum = 0"));
  EXPECT_THAT(refusal({{"participation", "11"}}),
              HasSubstr("participation = 11: there are but workers = 10"));
  EXPECT_THAT(refusal({{"scheme", "sm"}, {"workers", "1"}, {"participation", "1"}}),
              HasSubstr("participation = 1: scheme = sm sends nothing"));
  const std::pair<std::string, std::string> reduce("aggregate", "reduce");
  EXPECT_THAT(
      refusal({reduce, {"scheme", "top-k"}}),
      HasSubstr("aggregate = reduce: only scheme dense, mv, mv-rs, mv-ad, rand-k sums where "
                "all workers' values are, and scheme = top-k"));
  EXPECT_THAT(refusal({reduce, {"scheme", "sm"}, {"workers", "1"}}),
              HasSubstr("aggregate = reduce: scheme = sm sends nothing"));
  EXPECT_THAT(
      refusal({reduce, {"aggregate_bits", "4"}}),
      HasSubstr("aggregate = reduce: the server sends no sum that aggregate_bits = 4 could"));
  EXPECT_THAT(refusal({reduce, {"value_bits", "4"}, {"value_codec", "entropy"}}),
              HasSubstr("aggregate = reduce: workers send sums in float32, and nothing that "
                        "value_codec = entropy could code"));
  EXPECT_THAT(refusal({{"momentum_correction", "true"}}), HasSubstr("momentum = 0"));
  EXPECT_THAT(refusal({{"scheme", "dense"}, {"momentum", "0.9"}, {"momentum_correction", "true"}}),
              HasSubstr("only a sparse scheme (top-k, mv, mv-rs, mv-ad, rand-k) sends a part"));
  const std::string none = "nothing was thrown";
  EXPECT_EQ(refusal({reduce, {"value_bits", "4"}, {"participation", "3"}}), none);
  EXPECT_EQ(refusal({reduce, {"scheme", "dense"}}), none);
  EXPECT_EQ(refusal({{"scheme", "mv-ad"}, {"check_votes", "true"}}), none);
  EXPECT_EQ(refusal({{"quantizer", "scaled-sign"}, {"value_bits", "1"}, {"quantizer_block", "7"}}),
            none);
  EXPECT_EQ(refusal({{"scheme", "top-k"}, {"value_bits", "2"}}), none);
  EXPECT_EQ(refusal({{"quantizer", "float16"}, {"aggregate_bits", "16"}}), none);
}

}  // namespace
}  // namespace mvsgd::sim
