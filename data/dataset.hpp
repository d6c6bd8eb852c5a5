// Labelled images in memory, in the shape of CIFAR-10.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

namespace mvsgd::data {

/// A file does not hold images as it should. what() names the file, and the record or the size.
class FormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::size_t kChannels = 3;  ///< red, green, blue
inline constexpr std::size_t kSide = 32;     ///< height and width, in pixels
inline constexpr std::size_t kImageBytes = kChannels * kSide * kSide;
inline constexpr std::size_t kClasses = 10;

/// n images and their classes.
struct Dataset {
  std::vector<std::uint8_t> pixels;  ///< [n, 3, 32, 32]
  std::vector<std::uint8_t> labels;  ///< [n], each below kClasses

  [[nodiscard]] std::size_t size() const { return labels.size(); }

  /// Image i < size() as [3, 32, 32].
  [[nodiscard]] std::span<const std::uint8_t> image(std::size_t i) const;
};

/// Images to learn from, and others on which to evaluate.
struct TrainTest {
  Dataset train;
  Dataset test;
};

}  // namespace mvsgd::data
