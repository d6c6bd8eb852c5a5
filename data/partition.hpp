// The split of the training images over the workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mvsgd::data {

/// A random split of the images 0..n-1 over `workers` workers: disjoint, covering, and equal but
/// for one image, which the first n mod `workers` workers have more.
///
///   returns  [workers], worker w's images in random order
///
/// Throws std::invalid_argument unless 1 <= workers <= n < 2^32. O(n).
[[nodiscard]] std::vector<std::vector<std::uint32_t>> partition(std::size_t n, std::size_t workers,
                                                                std::uint64_t seed);

/// A split that gives every worker the same count of images of each class, but for one: the counts
/// of a class at two workers differ by one at the most, and so do the counts of all images, of
/// which the first n mod `workers` workers have one more. Which images of its class a worker has is
/// chance.
///
///   labels   [n], the classes
///   returns  [workers], worker w's images in random order: disjoint, covering
///
/// Throws std::invalid_argument unless 1 <= workers <= n < 2^32. O(n).
[[nodiscard]] std::vector<std::vector<std::uint32_t>> stratified_partition(
    std::span<const std::uint8_t> labels, std::size_t workers, std::uint64_t seed);

}  // namespace mvsgd::data
