// Reads tests/golden/nn/resnet18_width2.bin; the README beside it has the format.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mvsgd::nn::testing {

struct GoldenStep {
  std::vector<float> images;
  std::vector<std::uint8_t> labels;
  std::vector<float> theta;    ///< before the step
  std::vector<float> buffers;  ///< before the step
  double loss = 0;
  std::int64_t correct = 0;
  std::vector<float> gradient;
  std::vector<double> deviation;  ///< of PyTorch's float32, relative, by parameter tensor
};

struct Golden {
  std::int32_t width = 0;
  float learning_rate = 0;
  float weight_decay = 0;
  std::vector<GoldenStep> steps;
  std::vector<float> final_theta;
  std::vector<float> final_buffers;
  std::vector<double> free_losses;                  ///< in double, by step
  std::vector<std::vector<double>> float32_losses;  ///< by variant, then by step
};

/// Values from bytes, little-endian.
class GoldenReader {
 public:
  explicit GoldenReader(const std::string& path) {
    static_assert(std::endian::native == std::endian::little);
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }

  template <typename T>
  std::vector<T> next(std::int64_t count) {
    const std::size_t size = static_cast<std::size_t>(count) * sizeof(T);
    if (size > bytes_.size() - at_) throw std::runtime_error("the golden file is too short");
    std::vector<T> values(static_cast<std::size_t>(count));
    std::memcpy(values.data(), bytes_.data() + at_, size);
    at_ += size;
    return values;
  }
  template <typename T>
  T next() {
    return next<T>(1)[0];
  }
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

inline Golden read_golden() {
  GoldenReader in(MVSGD_TESTS_DIR "/golden/nn/resnet18_width2.bin");
  const std::vector<char> magic = in.next<char>(8);
  if (std::string_view(magic.data(), 8) != "mvsgd-nn") throw std::runtime_error("no golden file");
  Golden golden;
  golden.width = in.next<std::int32_t>();
  in.next<std::int32_t>();  // classes
  const auto batch = in.next<std::int32_t>();
  const auto steps = in.next<std::int32_t>();
  const auto d = in.next<std::int32_t>();
  const auto buffers = in.next<std::int32_t>();
  const auto tensors = in.next<std::int32_t>();
  const auto variants = in.next<std::int32_t>();
  golden.learning_rate = static_cast<float>(in.next<double>());
  golden.weight_decay = static_cast<float>(in.next<double>());
  for (int step = 0; step < steps; ++step) {
    GoldenStep& s = golden.steps.emplace_back();
    for (const std::uint8_t byte : in.next<std::uint8_t>(std::int64_t{batch} * 3 * 32 * 32)) {
      s.images.push_back(static_cast<float>(byte) / 64 - 2);
    }
    s.labels = in.next<std::uint8_t>(batch);
    s.theta = in.next<float>(d);
    s.buffers = in.next<float>(buffers);
    s.loss = in.next<double>();
    s.correct = in.next<std::int64_t>();
    s.gradient = in.next<float>(d);
    s.deviation = in.next<double>(tensors);
  }
  golden.final_theta = in.next<float>(d);
  golden.final_buffers = in.next<float>(buffers);
  golden.free_losses = in.next<double>(steps);
  for (int variant = 0; variant < variants; ++variant) {
    golden.float32_losses.push_back(in.next<double>(steps));
  }
  if (!in.at_end()) throw std::runtime_error("the golden file is too long");
  return golden;
}

}  // namespace mvsgd::nn::testing
