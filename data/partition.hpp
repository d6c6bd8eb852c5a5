// The split of the training images over the workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mvsgd::data {

/// A random split of the images 0..n-1 over `workers` workers. The parts are disjoint and cover all
/// images. Their sizes are equal, except that the first n mod `workers` workers have one image
/// more.
///
///   returns  [workers], worker w's images in random order
///
/// Throws std::invalid_argument unless 1 <= workers <= n < 2^32. O(n).
[[nodiscard]] std::vector<std::vector<std::uint32_t>> partition(std::size_t n, std::size_t workers,
                                                                std::uint64_t seed);

/// A split that gives every worker equally many images of each class, up to one. The numbers of a
/// class's images at two workers differ by one at most. So do the numbers of all images: the first
/// n mod `workers` workers have one more. The images of a class are assigned at random.
///
///   labels   [n], the classes
///   returns  [workers], worker w's images in random order: disjoint, covering
///
/// Throws std::invalid_argument unless 1 <= workers <= n < 2^32. O(n).
[[nodiscard]] std::vector<std::vector<std::uint32_t>> stratified_partition(
    std::span<const std::uint8_t> labels, std::size_t workers, std::uint64_t seed);

}  // namespace mvsgd::data
