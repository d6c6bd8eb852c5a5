// Settings: keys, presets and TOML.
#include "sim/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "sim/presets.hpp"

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
  ~SettingsFile() override { std::filesystem::remove(path_); }

 private:
  std::string path_ = testing::TempDir() + "mvsgd_settings_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
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

TEST_F(SettingsFile, ALaterKeyOverridesItsPreset) {
  const std::string path = write("preset = \"sm\"\nepochs = 7\nphi = 0.07\n");
  const Settings settings = read_toml(path, std::nullopt);
  EXPECT_EQ(settings.scheme, Scheme::sm);
  EXPECT_EQ(settings.epochs, 7U);
  EXPECT_EQ(settings.phi.ceil_times(100), 7U);  // the digits that were written
  EXPECT_EQ(read_toml(path, "dense").scheme, Scheme::dense);
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
  EXPECT_THAT(message_of<InputError>([] { (void)read_toml("/no/such/file", std::nullopt); }),
              HasSubstr("/no/such/file"));
}

TEST(Settings, ValuesOutOfRangeAreRefusedByName) {
  Settings settings;
  const std::pair<const char*, const char*> bad[] = {
      {"workers", "0"},  {"workers", "-1"},  {"local_steps", "0"}, {"phi", "0"},
      {"phi", "1.01"},   {"phi", "x"},       {"width", "0"},       {"epochs", "0"},
      {"batch", "1"},    {"scheme", "mvx"},  {"augment", "yes"},   {"learning_rate", "nan"},
      {"seed", "1.5"},   {"tie_break", ""},  {"data", ""},         {"warmup_epochs", "few"},
      {"deadline", "0"}, {"eval_every", "0"}};
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

TEST(Settings, KeysAreNamedOnce) {
  std::set<std::string_view> names;
  for (const Key& key : keys()) EXPECT_TRUE(names.insert(key.name).second) << key.name;
}

TEST(Settings, NearestNameIsWithinReachOrNone) {
  const std::vector<std::string> names{"ssgd-mv", "ssgd-mv-l4", "dense"};
  EXPECT_EQ(nearest("sgd-mv-l4", names), "ssgd-mv-l4");
  EXPECT_EQ(nearest("dnese", names), "dense");
  EXPECT_EQ(nearest("something-else", names), "");
}

TEST(Presets, MvRowsHaveThePapersSettings) {
  for (const auto& [name, h] :
       {std::pair{"ssgd-mv", 1U}, {"ssgd-mv-l2", 2U}, {"ssgd-mv-l4", 4U}, {"ssgd-mv-l8", 8U}}) {
    const Settings& s = preset(name).settings;
    EXPECT_EQ(s.local_steps, h);
    EXPECT_EQ(s.workers, 10U);
    EXPECT_EQ(s.phi, Decimal(1, 2));
    EXPECT_EQ(s.width, 64U);
    EXPECT_EQ(s.epochs, 300U);
    EXPECT_EQ(s.batch, 64U);
    EXPECT_EQ(s.learning_rate, 0.5);
    EXPECT_EQ(s.weight_decay, 1e-4);
    EXPECT_TRUE(s.error_rescale_on_decay());
  }
  EXPECT_EQ(preset("sm").settings.learning_rate, 0.1);
}

}  // namespace
}  // namespace mvsgd::sim
