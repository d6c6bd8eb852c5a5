// Tier cuda_emulated: batches cut out of images on the emulated device.
#include "nn/cuda/image_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "nn/cuda/cuda_backend.hpp"
#include "tests/cuda_emulation/device.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn::cuda {
namespace {

using nn::testing::read;

constexpr std::int64_t kSide = 5;
constexpr std::int64_t kCount = 4;
constexpr std::int64_t kPlane = kSide * kSide;

class ImagesOnADevice : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  ImagesOnADevice() {
    cuda_emulation::set_schedule(GetParam());
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      pixels_[i] = static_cast<std::uint8_t>(7 * i + i / 50 + 1);
    }
    std::iota(levels_.begin(), levels_.end(), -300.0F);
  }

  std::vector<std::uint8_t> pixels_ = std::vector<std::uint8_t>(kCount * 3 * kPlane);
  std::vector<float> levels_ = std::vector<float>(3 * 256);
  CudaBackend backend_{{}};

  [[nodiscard]] std::unique_ptr<const ImageStore> hold() {
    return backend_.hold_images({.pixels = pixels_, .side = kSide, .levels = levels_});
  }

  // The definition of a view: row by row the image's bytes, 0 outside, read backwards if mirrored.
  [[nodiscard]] std::vector<float> by_definition(const Window& window) const {
    std::vector<float> view;
    for (std::int64_t c = 0; c < 3; ++c) {
      for (std::int64_t y = window.top; y < window.top + kSide; ++y) {
        std::vector<float> row;
        for (std::int64_t x = window.left; x < window.left + kSide; ++x) {
          const bool outside = y < 0 || y >= kSide || x < 0 || x >= kSide;
          const std::int64_t at = (window.image * 3 + c) * kPlane + y * kSide + x;
          const std::uint8_t byte = outside ? 0 : pixels_[static_cast<std::size_t>(at)];
          row.push_back(levels_[static_cast<std::size_t>(c * 256 + byte)]);
        }
        if (window.flip) std::reverse(row.begin(), row.end());
        view.insert(view.end(), row.begin(), row.end());
      }
    }
    return view;
  }
  [[nodiscard]] std::vector<float> by_definition(const std::vector<Window>& windows) const {
    std::vector<float> views;
    for (const Window& window : windows) {
      const std::vector<float> view = by_definition(window);
      views.insert(views.end(), view.begin(), view.end());
    }
    return views;
  }

  // Every corner from wholly outside to wholly outside, mirrored and not, with images in turn.
  [[nodiscard]] static std::vector<Window> all_windows() {
    std::vector<Window> windows;
    for (std::int16_t top = -kSide; top <= kSide; ++top) {
      for (std::int16_t left = -kSide; left <= kSide; ++left) {
        for (const bool flip : {false, true}) {
          const auto image = static_cast<std::uint32_t>(windows.size() % kCount);
          windows.push_back({.image = image, .top = top, .left = left, .flip = flip});
        }
      }
    }
    return windows;
  }
};

INSTANTIATE_TEST_SUITE_P(Schedules, ImagesOnADevice, ::testing::Values(1, 2, 3));

TEST_P(ImagesOnADevice, GiveEveryWindowOfThem) {
  const auto images = hold();
  const std::vector<Window> windows = all_windows();
  const Tensor batch = images->batch(backend_, windows);
  EXPECT_EQ(batch.shape, (Shape{std::ssize(windows), 3, kSide, kSide}));
  EXPECT_EQ(read(backend_, batch), by_definition(windows));
}

// Each slot has its own stream, which may be behind when the images are let go.
TEST_P(ImagesOnADevice, AreThereUntilTheLastBatchIsCut) {
  CudaBackend other({});
  const std::vector<Window> windows{{.image = 3, .top = 1, .left = -2, .flip = true}};
  const std::vector<float> want = by_definition(windows);
  for (int i = 0; i < 20; ++i) {
    auto images = hold();
    const Tensor batch = images->batch(other, windows);
    images.reset();
    const auto others = hold();  // in the same memory if that is free
    EXPECT_EQ(read(other, batch), want);
  }
}

TEST_P(ImagesOnADevice, RefuseAnImageThatIsNotThere) {
  const std::vector<Window> windows{{.image = 3}, {.image = 4}};
  EXPECT_THAT([&] { static_cast<void>(hold()->batch(backend_, windows)); },
              ::testing::ThrowsMessage<std::invalid_argument>("batch: image 4 of 4"));
}

TEST_P(ImagesOnADevice, OfSizesThatDoNotFitAreRefused) {
  pixels_.pop_back();
  EXPECT_THAT([&] { static_cast<void>(hold()); },
              ::testing::ThrowsMessage<std::invalid_argument>(
                  "hold_images: 299 bytes of side 5, 768 levels"));
  pixels_.push_back(0);
  levels_.pop_back();
  EXPECT_THROW(static_cast<void>(hold()), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(backend_.hold_images({})), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::nn::cuda
