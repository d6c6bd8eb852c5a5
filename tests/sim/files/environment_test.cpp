// What a run depends on besides its settings.
#include "sim/files/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
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

std::string model_in(const std::string& cpuinfo) {
  std::istringstream text(cpuinfo);
  return processor_model(text);
}

TEST(ProcessorModel, IsTheModelNameOfTheFirstProcessor) {
  EXPECT_EQ(
      model_in("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nmodel name\t: other\n"),
      "AMD EPYC");
}

TEST(ProcessorModel, TellsGenerationsOfOneNameApart) {
  const auto epyc = [](const std::string& family, const std::string& model) {
    return model_in("vendor_id\t: AuthenticAMD\ncpu family\t: " + family + "\nmodel\t\t: " + model +
                    "\nmodel name\t: AMD EPYC\n");
  };
  EXPECT_EQ(epyc("25", "17"), "AMD EPYC (family 25, model 17)");
  EXPECT_EQ(epyc("26", "2"), "AMD EPYC (family 26, model 2)");
}

TEST(ProcessorModel, IsImplementerAndPartOnArmWhichHasNoName) {
  EXPECT_EQ(model_in("processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\n"
                     "CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n"),
            "ARM implementer 0x41, part 0xd0c");
}

TEST(ProcessorModel, IsEmptyWhereTheSystemDoesNotTellIt) {
  EXPECT_EQ(model_in("processor\t: 0\n"), "");
  EXPECT_EQ(model_in(""), "");
}

}  // namespace
}  // namespace mvsgd::sim
