// The backends of this build, for tests that hold for each of them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "nn/backend.hpp"
#include "nn/lanes/make_lanes.hpp"
#include "nn/reference/make_reference.hpp"
#if defined(MVSGD_EMULATED_CUDA)
#include "nn/cuda/make_cuda.hpp"
#include "tests/cuda_emulation/device.hpp"
#endif
#if defined(MVSGD_REAL_CUDA)
#include "nn/cuda/make_cuda.hpp"
#endif
#if defined(MVSGD_WITH_ONEDNN)
#include "nn/onednn/make_onednn.hpp"
#endif

namespace mvsgd::nn::testing {

struct BackendCase {
  std::string name;
  std::unique_ptr<Backend> (*make)();
};

#if defined(MVSGD_EMULATED_CUDA)
/// The cuda backend on an emulated device. Seed decides the order of its threads and streams.
template <std::uint64_t Seed>
std::unique_ptr<Backend> make_emulated_cuda_backend() {
  cuda_emulation::set_schedule(Seed);
  return make_cuda_backend();
}

inline std::vector<BackendCase> backends() {
  return {{"cuda_schedule1", make_emulated_cuda_backend<1>},
          {"cuda_schedule2", make_emulated_cuda_backend<2>},
          {"cuda_schedule3", make_emulated_cuda_backend<3>}};
}
inline std::vector<BackendCase> winograd() { return {}; }
#elif defined(MVSGD_REAL_CUDA)
inline std::vector<BackendCase> backends() {
  return {{"cuda", [] { return make_cuda_backend(); }}};
}
inline std::vector<BackendCase> winograd() { return {}; }
#else
inline std::vector<BackendCase> backends() {
  return {
    {"reference", make_reference_backend},
        {"lanes", [] { return make_lanes_backend({.convolution = ConvolutionChoice::direct}); }},
#if defined(MVSGD_WITH_ONEDNN)
        {"onednn", [] { return make_onednn_backend(); }},
#endif
  };
}

/// The backends with Winograd convolutions; onednn only if the processor is suitable.
inline std::vector<BackendCase> winograd() {
  std::vector<BackendCase> cases{
      {"lanes", [] { return make_lanes_backend({.convolution = ConvolutionChoice::winograd}); }}};
#if defined(MVSGD_WITH_ONEDNN)
  if (onednn_has_winograd()) {
    cases.push_back({"onednn", [] {
                       return make_onednn_backend({.convolution = ConvolutionChoice::winograd});
                     }});
  }
#endif
  return cases;
}
#endif

/// A test of one backend, ready for one thread. Skipped if there is no device for it.
class EveryBackend : public ::testing::TestWithParam<BackendCase> {
 protected:
  void SetUp() override {
    try {
      backend_ = another();
    } catch (const UnavailableError& error) {
      GTEST_SKIP() << error.what();
    }
  }

  [[nodiscard]] Backend& backend() const { return *backend_; }
  [[nodiscard]] std::unique_ptr<Backend> another() const {
    std::unique_ptr<Backend> made = GetParam().make();
    made->enter(1);
    return made;
  }

 private:
  std::unique_ptr<Backend> backend_;
};

/// For INSTANTIATE_TEST_SUITE_P.
inline std::string case_name(const ::testing::TestParamInfo<BackendCase>& info) {
  return info.param.name;
}

}  // namespace mvsgd::nn::testing
