// The synthetic images are neither trivial nor hopeless for a classifier without a hidden layer.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/batches.hpp"
#include "data/partition.hpp"
#include "data/synthetic.hpp"

namespace mvsgd::data {
namespace {

/// Softmax regression on the normalised pixels, trained by plain SGD.
class LinearClassifier {
 public:
  [[nodiscard]] std::array<float, kClasses> logits(std::span<const float> image) const {
    std::array<float, kClasses> z = bias_;
    for (std::size_t p = 0; p < kImageBytes; ++p) {
      for (std::size_t c = 0; c < kClasses; ++c) z[c] += image[p] * weights_[p * kClasses + c];
    }
    return z;
  }

  [[nodiscard]] std::size_t guess(std::span<const float> image) const {
    const auto z = logits(image);
    return static_cast<std::size_t>(std::ranges::max_element(z) - z.begin());
  }

  /// One step down the cross-entropy of one image.
  void learn(std::span<const float> image, std::uint8_t label, float learning_rate) {
    auto z = logits(image);
    const float highest = std::ranges::max(z);
    float sum = 0;
    for (float& value : z) sum += value = std::exp(value - highest);
    for (std::size_t c = 0; c < kClasses; ++c) {
      z[c] = learning_rate * (z[c] / sum - (c == label ? 1.0F : 0.0F));
      bias_[c] -= z[c];
    }
    for (std::size_t p = 0; p < kImageBytes; ++p) {
      for (std::size_t c = 0; c < kClasses; ++c) weights_[p * kClasses + c] -= image[p] * z[c];
    }
  }

 private:
  std::vector<float> weights_ = std::vector<float>(kImageBytes * kClasses);  // [3 * 32 * 32, 10]
  std::array<float, kClasses> bias_{};
};

double share_right(const LinearClassifier& classifier, const Dataset& dataset) {
  std::vector<float> image(kImageBytes);
  std::array<std::uint8_t, 1> label{};
  std::size_t right = 0;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    load_plain(dataset, i, 1, image, label);
    right += classifier.guess(image) == label[0];
  }
  return static_cast<double>(right) / static_cast<double>(dataset.size());
}

TEST(Synthesize, GivesALinearClassifierBetween12And60Percent) {
  const TrainTest data = synthesize({.train = 10000, .test = 2000, .seed = 0});
  // With augmentation and without, the best accuracy at the end of any epoch counts, so that a poor
  // choice of epochs is no excuse.
  for (const bool augment : {false, true}) {
    SCOPED_TRACE(augment ? "augmented" : "as they are");
    BatchSource source(data.train, partition(data.train.size(), 1, 0)[0],
                       {.batch = 100, .augment = augment});
    LinearClassifier classifier;
    std::vector<float> images(100 * kImageBytes);
    std::vector<std::uint8_t> labels(100);
    double best = 0;
    std::uint64_t step = 0;
    for (int epoch = 0; epoch < 12; ++epoch) {
      // Later a tenth of it. Rates from 2e-5 to 3e-4 over thirty epochs end between 34 and 41
      // percent.
      const float learning_rate = epoch < 8 ? 4e-5F : 4e-6F;
      for (int k = 0; k < 100; ++k) {
        source.load(step++, images, labels);
        for (std::size_t i = 0; i < labels.size(); ++i) {
          classifier.learn(std::span(images).subspan(i * kImageBytes, kImageBytes), labels[i],
                           learning_rate);
        }
      }
      best = std::max(best, share_right(classifier, data.test));
    }
    RecordProperty(augment ? "augmented" : "plain", std::to_string(best));
    EXPECT_LT(best, 0.60);
    EXPECT_GT(best, 0.12);
  }
}

}  // namespace
}  // namespace mvsgd::data
