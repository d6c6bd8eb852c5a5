// What a run depends on beside its settings.
#include "sim/files/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace mvsgd::sim {
namespace {

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = std::ranges::find(environment, name, &Environment::value_type::first);
  return found == environment.end() ? "none" : found->second;
}

TEST(EnvironmentTest, NamesTheCompilerThatBuiltTheProgram) {
  const std::string compiler = value_of(environment("library 1.2"), "compiler");
#ifdef __clang__
  EXPECT_EQ(compiler, __VERSION__);
  EXPECT_THAT(compiler, testing::HasSubstr("Clang"));
#else
  EXPECT_EQ(compiler, "g++ " __VERSION__);
#endif
}

TEST(EnvironmentTest, HasTheBackendsVersion) {
  EXPECT_EQ(value_of(environment("library 1.2"), "backend_version"), "library 1.2");
}

}  // namespace
}  // namespace mvsgd::sim
