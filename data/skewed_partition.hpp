// Splits of the training images in which a worker's classes are not everybody's: label skew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mvsgd::data {

/// The parameter alpha of a symmetric Dirichlet distribution, a fraction: draws are exact.
struct Concentration {
  std::uint64_t numerator = 1;    ///< 1 to 10^9
  std::uint64_t denominator = 1;  ///< 1 to 10^9
};

/// A split whose classes are drawn class by class: the shares of a class's images that the workers
/// have are Dirichlet(alpha, ..., alpha). Workers have as many images as it happens, but none has
/// no image: the split is drawn again until it is so.
///
/// The shares themselves are never drawn. Image i of a class, in random order, goes to any of the N
/// workers with probability N alpha / (N alpha + i), else to the worker of the image before it
/// (Feller's coupling). The counts then have the distribution of Polya's urn, in which it would go
/// to the worker of any image before it: that of counts under such shares. All draws are uniform
/// below whole numbers, and so the same on every machine.
///
///   labels   [n], the classes
///   returns  [workers], worker w's images, class by class: disjoint, covering
///
/// Throws std::invalid_argument unless 1 <= workers <= n < 2^32 and alpha is in its range, and if a
/// worker had no image in each of 100 splits. O(n) a split.
[[nodiscard]] std::vector<std::vector<std::uint32_t>> dirichlet_partition(
    std::span<const std::uint8_t> labels, std::size_t workers, Concentration alpha,
    std::uint64_t seed);

/// A split into parts of equal size, of which the first n mod `workers` have one image more: the
/// shares of a worker's images that the classes have are Dirichlet(alpha, ..., alpha), as long as
/// no class has run out. The workers take images in turn, so that what is left of the classes at
/// the end falls to all of them. An image's class is drawn from the worker's urn: class c with the
/// weight alpha + its images of c, if there is an image of c left.
///
///   labels   [n], the classes
///   returns  [workers], worker w's images: disjoint, covering
///
/// Throws std::invalid_argument unless 1 <= workers <= n < 2^32 and alpha is in its range. O(n C)
/// for C classes.
[[nodiscard]] std::vector<std::vector<std::uint32_t>> equal_dirichlet_partition(
    std::span<const std::uint8_t> labels, std::size_t workers, Concentration alpha,
    std::uint64_t seed);

/// A split that gives each worker images of `each` classes, drawn at random, and of no others.
/// Every class is at about as many workers, who share its images equally.
///
///   labels   [n], the classes
///   returns  [workers], worker w's images, class by class: disjoint, covering
///
/// Throws std::invalid_argument unless 1 <= workers <= n < 2^32, 1 <= each <= C of the C classes
/// that there are, workers * each >= C, and every class has an image for each of its workers.
/// O(n + workers * each * C).
[[nodiscard]] std::vector<std::vector<std::uint32_t>> class_partition(
    std::span<const std::uint8_t> labels, std::size_t workers, std::size_t each,
    std::uint64_t seed);

}  // namespace mvsgd::data
