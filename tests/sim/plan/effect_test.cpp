// Every key: its range, the error beyond it, and the settings under which it has no effect.
#include "sim/plan/effect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/presets.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/train/backends.hpp"
#include "tests/sim/idle_cases.hpp"
#include "tests/sim/key_cases.hpp"

namespace mvsgd::sim {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

template <typename Work>
std::string refusal_of(const Work& work) {
  try {
    work();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

Settings settings_of(const GivenSettings& given) {
  Settings settings;
  set(settings, given);
  return settings;
}

std::string toml_of(const Settings& settings) {
  std::ostringstream text;
  write_toml(settings, text);
  return text.str();
}

/// The error for `key`, given by name under these settings.
std::string judged(const Settings& settings, std::string_view key, Ranks ranks = Ranks::threads) {
  const std::vector<GivenKey> named{{.key = std::string(key), .where = ""}};
  return refusal_of([&] { refuse_without_effect(settings, named, ranks); });
}

bool has_effect_always(const Effect& effect) {
  const Effect& scheme = effect_of("scheme");
  return effect.held == scheme.held && effect.why_not == scheme.why_not && !effect.of_backend &&
         !effect.of_processes;
}

/// Whether only the cuda backend, which a build may lack, takes the value.
bool is_of_cuda(std::string_view key, const std::string& value) {
  return value == "tf32" || key == "step_graph";
}

class RangeOfKey : public testing::TestWithParam<std::string_view> {
 protected:
  [[nodiscard]] static KeyCase own() {
    for (KeyCase& one : all()) {
      if (one.key == GetParam()) return std::move(one);
    }
    ADD_FAILURE() << "tests/sim/key_cases.hpp has nothing of this key";
    return {};
  }

 private:
  static std::vector<KeyCase>& all() {
    static std::vector<KeyCase> cases;
    cases = key_cases();
    return cases;
  }
};

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const Key& key : keys()) all.push_back(key.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(, RangeOfKey, testing::ValuesIn(names()),
                         [](const auto& key) { return std::string(key.param); });

TEST_P(RangeOfKey, IsToldWithKeyAndValueOfWhateverLiesBelowOrAboveOrIsNone) {
  const KeyCase own = RangeOfKey::own();
  EXPECT_FALSE(own.refused.empty());
  for (const std::string& value : own.refused) {
    Settings settings = settings_of(own.beside);
    const std::string before = toml_of(settings);
    EXPECT_EQ(refusal_of([&] { set(settings, own.key, value); }),
              std::string(own.key) + " = " + value + ": " + own.told);
    EXPECT_EQ(toml_of(settings), before) << "a value that is refused has changed something";
  }
}

TEST_P(RangeOfKey, IsTakenToItsEndsWhichAreValidAndHaveAnEffect) {
  const KeyCase own = RangeOfKey::own();
  EXPECT_FALSE(own.ends.empty());
  for (const std::string& value : own.ends) {
    SCOPED_TRACE(value);
    GivenSettings given = own.beside;
    // The settings beside it have one worker, for sm alone.
    if (own.key == "scheme" && value != "sm") given.clear();
    Settings settings = settings_of(given);
    set(settings, own.key, value);
    const Key& key = *find_key(own.key);
    EXPECT_EQ(key.get(settings), value);
    Settings again = preset("ssgd-mv-ad-l8-q").settings;
    set(again, own.key, key.get(settings));
    EXPECT_EQ(key.get(again), value);
    EXPECT_NO_THROW(validate(settings));
    const bool has_so_many_epochs = own.key != "warmup_epochs" || value != "1000000000";
    if (is_of_cuda(own.key, value) || !has_so_many_epochs) continue;
    EXPECT_NO_THROW(check_backend(settings));
    EXPECT_EQ(judged(settings, own.key, Ranks::processes), "");
    EXPECT_EQ(judged(settings, own.key).empty(), !effect_of(own.key).of_processes);
  }
}

class EffectOfKey : public RangeOfKey {};

INSTANTIATE_TEST_SUITE_P(, EffectOfKey, testing::ValuesIn(names()),
                         [](const auto& key) { return std::string(key.param); });

TEST_P(EffectOfKey, StandsInTheTableAndWhereItHasNoneTheKeyIsRefusedByName) {
  const Effect& effect = effect_of(GetParam());
  std::vector<IdleCase> own = idle_cases();
  std::erase_if(own, [](const IdleCase& one) { return one.key != GetParam(); });
  EXPECT_EQ(own.empty(), has_effect_always(effect)) << "tests/sim/idle_cases.hpp";
  for (const IdleCase& one : own) {
    SCOPED_TRACE(one.told);
    for (const std::string& value : RangeOfKey::own().ends) {
      if (!one.value.empty() && one.value != value) continue;
      GivenSettings given = one.beside;
      given.emplace_back(one.key, value);
      EXPECT_THAT(judged(settings_of(given), one.key),
                  AllOf(StartsWith(std::string(one.key) + " = " + value + ": "),
                        HasSubstr(one.told), testing::EndsWith(", so it has no effect")));
    }
  }
}

TEST(Effect, OfWhatIsNoKeyIsNotAsked) {
  EXPECT_THROW((void)effect_of("none-such"), std::logic_error);
}

TEST(Effect, OfAWarmupOfAllEpochsIsNoneWhereTheSchemeIsSparse) {
  Settings settings = settings_of({{"epochs", "3"}, {"warmup_epochs", "3"}});
  EXPECT_THAT(judged(settings, "warmup_epochs"),
              HasSubstr("warmup_epochs = 3: of epochs = 3 none is left for scheme = mv"));
  set(settings, "scheme", "dense");
  EXPECT_EQ(judged(settings, "warmup_epochs"), "");
  set(settings, "warmup_epochs", "2");
  set(settings, "scheme", "mv");
  EXPECT_EQ(judged(settings, "warmup_epochs"), "");
}

TEST(Effect, OfKeysOfQuantisationIsThereForTheServersValuesToo) {
  EXPECT_THAT(judged(settings_of({}), "quantizer"),
              HasSubstr("value_bits = 2 to 8 is wanted, not 32, which is not quantised; or such "
                        "aggregate_bits"));
  for (const std::string_view key : {"quantization_error", "quantizer_block"}) {
    EXPECT_EQ(judged(settings_of({{"aggregate_bits", "1"}}), key), "") << key;
  }
  EXPECT_THAT(
      judged(settings_of({}), "quantization_error"),
      HasSubstr("value_bits or aggregate_bits below 32 is wanted, not 32, which is not quantised"));
  EXPECT_EQ(judged(settings_of({{"aggregate_bits", "16"}}), "quantization_error"), "");
}

TEST(Effect, OfSparseKeysIsThereInAWarmupThatIsSparse) {
  const Settings settings =
      settings_of({{"epochs", "3"}, {"warmup_epochs", "3"}, {"phi_warmup", "stairs"}});
  for (const std::string_view key : {"phi", "position_codec", "warmup_epochs", "phi_warmup"}) {
    EXPECT_EQ(judged(settings, key), "") << key;
  }
  EXPECT_THAT(judged(settings, "local_steps"), HasSubstr("no step follows"));
}

TEST(Effect, OfRoundsThatEndARunInItsWarmupIsNotThatOthersHaveNone) {
  const Settings settings = settings_of({{"rounds", "1"}});
  EXPECT_EQ(judged(settings, "phi"), "") << "the run may go on to more rounds";
}

TEST(Effect, AScheduleHasAsManyStepsAsAreReckoned) {
  for (const GivenSettings& given :
       {GivenSettings{}, GivenSettings{{"local_steps", "7"}},
        GivenSettings{{"warmup_epochs", "9"}, {"epochs", "2"}},
        GivenSettings{{"warmup_epochs", "0"}, {"epochs", "2"}, {"local_steps", "1000"}}}) {
    const Settings settings = settings_of(given);
    StepCounts counted;
    for (const Round& round : schedule(settings, 1000)) {
      counted.total += round.steps;
      if (round.dense) counted.warmup += round.steps;
    }
    EXPECT_EQ(step_counts(settings, 1000).total, counted.total);
    EXPECT_EQ(step_counts(settings, 1000).warmup, counted.warmup);
  }
}

TEST(GivenByName, IsEveryKeyButOneThatTakesAValueBackToTheDefault) {
  const auto named = [](const Settings& before, const GivenSettings& given) {
    std::vector<std::string> keys;
    for (const GivenKey& one : given_by_name(before, given)) keys.push_back(one.key);
    return keys;
  };
  const Settings demo = preset("demo").settings;  // phi_ad = 0.02
  EXPECT_THAT(named(demo, {{"phi_ad", "0.001"}}), testing::IsEmpty());
  EXPECT_THAT(named(demo, {{"phi_ad", "0.02"}}), testing::ElementsAre("phi_ad"));
  EXPECT_THAT(named(Settings(), {{"phi_ad", "0.001"}}), testing::ElementsAre("phi_ad"));
  EXPECT_THAT(named(Settings(), {{"seed", "1"}, {"phi", "0.1"}, {"seed", "2"}}),
              testing::ElementsAre("phi", "seed"));
}

TEST(GivenByName, IsALineOfAFileThatHasNeitherTheDefaultNorThePresetsValue) {
  const auto named = [](std::string_view text) {
    std::vector<std::string> keys;
    for (const GivenKey& one : parse_file_settings(text, "f", std::nullopt).named) {
      keys.push_back(one.where + " " + one.key);
    }
    return keys;
  };
  EXPECT_THAT(named("phi_ad = 0.001\n"), testing::IsEmpty());
  EXPECT_THAT(named("\nphi_ad = 0.02\n"), testing::ElementsAre("f:2 phi_ad"));
  EXPECT_THAT(named("preset = \"demo\"\nphi_ad = 0.02\n"), testing::IsEmpty());
  EXPECT_THAT(named("preset = \"demo\"\nphi_ad = 0.03\n"), testing::ElementsAre("f:2 phi_ad"));
  EXPECT_THAT(named("phi_ad = 0.03\n[environment]\nversion = \"1\"\n"), testing::IsEmpty())
      << "a run's own";
  for (const Preset& one : presets()) {
    EXPECT_THAT(named(toml_of(one.settings)), testing::IsEmpty()) << one.name;
  }
}

}  // namespace
}  // namespace mvsgd::sim
