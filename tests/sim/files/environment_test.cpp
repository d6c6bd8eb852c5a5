// What a run depends on besides its settings.
#include "sim/files/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace mvsgd::sim {
namespace {

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
  EXPECT_EQ(value_of(environment("library 1.2"), "processor"), processor_model());
  EXPECT_EQ(value_of(environment("library 1.2"), "backend"), "");
}

}  // namespace
}  // namespace mvsgd::sim
