#include "sim/train/backends.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "nn/backend_error.hpp"
#include "nn/lanes/isa.hpp"
#include "sim/files/environment.hpp"
#include "sim/plan/keys.hpp"

namespace mvsgd::sim {
namespace {

using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;

using Values = std::vector<std::pair<std::string, std::string>>;

std::string refusal(const Values& values) {
  Settings settings;
  set(settings, values);
  try {
    check_backend(settings);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "nothing was thrown";
}

bool is_built(std::string_view name) { return testing::Value(backends_built(), Contains(name)); }

TEST(Backends, TheReferenceIsInEveryBuildAndTheFirst) {
  EXPECT_EQ(backends_built().front(), "reference");
}

TEST(Backends, WhatABackendCannotTakeIsRefusedByName) {
  const std::string none = "nothing was thrown";
  EXPECT_THAT(refusal({{"backend", "reference"}, {"conv_algorithm", "winograd"}}),
              HasSubstr("conv_algorithm = winograd: backend = reference"));
  EXPECT_THAT(refusal({{"backend", "reference"}, {"precision", "bf16"}}),
              HasSubstr("precision = bf16: backend = reference"));
  EXPECT_THAT(refusal({{"backend", "reference"}, {"precision", "tf32"}}),
              HasSubstr("precision = tf32: backend = reference"));
  EXPECT_THAT(refusal({{"backend", "reference"}, {"step_graph", "true"}}),
              HasSubstr("step_graph = true: backend = reference has no graphs"));
  EXPECT_EQ(refusal({{"backend", "reference"}, {"conv_algorithm", "direct"}}), none);
  EXPECT_EQ(refusal({{"backend", "reference"}, {"instruction_set", "avx2"}}),
            "instruction_set: backend = reference has one path alone; backend = lanes takes it");
  EXPECT_EQ(refusal({{"backend", "lanes"}, {"precision", "bf16"}}), none);
  EXPECT_THAT(refusal({{"backend", "lanes"}, {"precision", "tf32"}}),
              HasSubstr("precision = tf32: backend = lanes has fp32 and bf16"));
  EXPECT_THAT(refusal({{"backend", "lanes"}, {"step_graph", "true"}}),
              HasSubstr("step_graph = true: backend = lanes has no graphs"));
  for (const char* const algorithm : {"table", "direct", "winograd"}) {
    EXPECT_EQ(refusal({{"backend", "lanes"}, {"conv_algorithm", algorithm}}), none);
    EXPECT_EQ(refusal({{"backend", "lanes"}, {"precision", "bf16"}, {"conv_algorithm", algorithm}}),
              none);
  }
  if (is_built("onednn")) {
    EXPECT_THAT(refusal({{"backend", "onednn"}, {"step_graph", "true"}}),
                HasSubstr("step_graph = true: backend = onednn"));
    EXPECT_THAT(refusal({{"backend", "onednn"}, {"precision", "tf32"}}),
                HasSubstr("precision = tf32: backend = onednn"));
    EXPECT_THAT(
        refusal({{"backend", "onednn"}, {"precision", "bf16"}, {"conv_algorithm", "winograd"}}),
        HasSubstr("with precision = bf16 convolutions are direct"));
    EXPECT_EQ(refusal({{"backend", "onednn"}, {"precision", "bf16"}}), none);
    EXPECT_THAT(refusal({{"backend", "onednn"}, {"instruction_set", "portable"}}),
                HasSubstr("instruction_set: backend = onednn"));
    // The error names the backends that take what this one does not.
    EXPECT_THAT(
        refusal({{"backend", "reference"}, {"precision", "bf16"}}),
        ContainsRegex("^precision = bf16: backend = reference .*; backend = lanes.*onednn.* take"));
  }
  if (is_built("cuda")) {
    EXPECT_THAT(refusal({{"backend", "cuda"}, {"conv_algorithm", "direct"}}),
                HasSubstr("conv_algorithm: backend = cuda"));
    EXPECT_EQ(refusal({{"backend", "cuda"}, {"precision", "tf32"}, {"step_graph", "true"}}), none);
  }
}

TEST(Backends, AnInstructionSetThatTheProcessorHasNotIsRefusedWithThoseThatItHas) {
  for (const auto isa : {nn::lanes::Isa::portable, nn::lanes::Isa::avx2, nn::lanes::Isa::avx512}) {
    Settings settings;
    set(settings, "instruction_set", name(isa));
    if (supports(isa)) {
      EXPECT_NE(make_backend(settings), nullptr);
      continue;
    }
    try {
      (void)make_backend(settings);
      FAIL() << "nothing was thrown: " << name(isa);
    } catch (const nn::UnavailableError& e) {
      EXPECT_THAT(e.what(), testing::StartsWith("instruction_set = " + std::string(name(isa)) +
                                                ": this processor has portable"));
    }
  }
}

TEST(Backends, BitsArePortableOrOfAProcessorALibraryAndThreads) {
  Settings settings;
  settings.threads_per_worker = 2;
  for (const char* const backend : {"lanes", "reference"}) {
    settings.backend = backend;
    EXPECT_EQ(bits_of(settings), "portable");
    EXPECT_TRUE(changes_no_bit(settings, "threads_per_worker"));
  }
  settings.backend = "abacus";
  EXPECT_FALSE(changes_no_bit(settings, "threads_per_worker"));
  EXPECT_TRUE(changes_no_bit(settings, "slots"));
  EXPECT_FALSE(changes_no_bit(settings, "batch"));
  if (is_built("onednn")) {
    settings.backend = "onednn";
    EXPECT_EQ(bits_of(settings), processor_model() + ", " + make_backend(settings)->version() +
                                     ", threads_per_worker = 2");
    EXPECT_FALSE(changes_no_bit(settings, "threads_per_worker"));
  }
}

TEST(Backends, OneThatThisBuildHasNotIsRefusedWithThoseThatItHas) {
  EXPECT_THAT(refusal({{"backend", "abacus"}}),
              HasSubstr("backend = abacus: this build has reference"));
}

TEST(Backends, TheProcessorHasNoOperatorsOfADevice) {
  Settings settings;
  settings.backend = "reference";
  settings.workers = 3;
  EXPECT_EQ(device_count(settings), 1U);
  EXPECT_EQ(make_operators(settings, 0), nullptr);
  EXPECT_EQ(device_array(settings, make_backend(settings)->allocate({2})).memory, nullptr);
  EXPECT_EQ(engines_of(settings), "");
}

}  // namespace
}  // namespace mvsgd::sim
