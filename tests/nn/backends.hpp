// The backends that this build has, for tests that hold for each of them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "nn/backend.hpp"
#include "nn/reference/reference_backend.hpp"
#if defined(MVSGD_WITH_ONEDNN)
#include "nn/onednn/onednn_backend.hpp"
#endif

namespace mvsgd::nn::testing {

struct BackendCase {
  std::string name;
  std::unique_ptr<Backend> (*make)();
};

inline std::vector<BackendCase> backends() {
  return {
    {"reference", make_reference_backend},
#if defined(MVSGD_WITH_ONEDNN)
        {"onednn", [] { return make_onednn_backend(); }},
#endif
  };
}

#if defined(MVSGD_WITH_ONEDNN)
/// The onednn backend with Winograd convolutions, where the library has them.
inline std::vector<BackendCase> winograd() {
  if (!onednn_has_winograd()) return {};
  return {
      {"onednn", [] { return make_onednn_backend({.convolution = ConvolutionChoice::winograd}); }}};
}
#endif

/// A test of one backend, ready for one thread.
class EveryBackend : public ::testing::TestWithParam<BackendCase> {
 protected:
  void SetUp() override { backend_->enter(1); }

  [[nodiscard]] Backend& backend() const { return *backend_; }
  [[nodiscard]] std::unique_ptr<Backend> another() const {
    std::unique_ptr<Backend> made = GetParam().make();
    made->enter(1);
    return made;
  }

 private:
  std::unique_ptr<Backend> backend_ = GetParam().make();
};

/// For INSTANTIATE_TEST_SUITE_P.
inline std::string case_name(const ::testing::TestParamInfo<BackendCase>& info) {
  return info.param.name;
}

}  // namespace mvsgd::nn::testing
