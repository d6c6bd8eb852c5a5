#include "data/skewed_partition.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>

#include "data/random.hpp"

namespace mvsgd::data {
namespace {

constexpr std::uint64_t kMost = 1'000'000'000;  // so that no weight below exceeds 64 bits

void check(std::size_t n, std::size_t workers) {
  if (workers == 0 || workers > n || n > std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("partition: " + std::to_string(n) + " images over " +
                                std::to_string(workers) + " workers");
  }
}

void check(Concentration alpha) {
  for (const std::uint64_t part : {alpha.numerator, alpha.denominator}) {
    if (part == 0 || part > kMost) {
      throw std::invalid_argument("partition: a concentration of " +
                                  std::to_string(alpha.numerator) + " / " +
                                  std::to_string(alpha.denominator));
    }
  }
}

/// The images of each class that there is, in random order.
std::map<std::uint8_t, std::vector<std::uint32_t>> images_by_class(
    std::span<const std::uint8_t> labels, std::uint64_t seed, Purpose purpose) {
  std::map<std::uint8_t, std::vector<std::uint32_t>> classes;
  const auto n = static_cast<std::uint32_t>(labels.size());
  for (const std::uint32_t image : shuffled(n, seed, purpose, {})) {
    classes[labels[image]].push_back(image);
  }
  return classes;
}

}  // namespace

std::vector<std::vector<std::uint32_t>> dirichlet_partition(std::span<const std::uint8_t> labels,
                                                            std::size_t workers,
                                                            Concentration alpha,
                                                            std::uint64_t seed) {
  check(labels.size(), workers);
  check(alpha);
  const auto classes = images_by_class(labels, seed, Purpose::kDirichletOrder);
  constexpr std::uint64_t kTries = 100;
  for (std::uint64_t attempt = 0; attempt < kTries; ++attempt) {
    std::vector<std::vector<std::uint32_t>> parts(workers);
    for (const auto& [label, images] : classes) {
      Draws draws(seed, Purpose::kDirichlet, {.round = attempt, .worker = label});
      const std::uint64_t anew = workers * alpha.numerator;
      std::uint64_t worker = 0;
      for (std::uint64_t i = 0; i < images.size(); ++i) {
        const std::uint64_t drawn = draws.below(anew + i * alpha.denominator);
        if (drawn < anew) worker = drawn / alpha.numerator;
        parts[worker].push_back(images[i]);
      }
    }
    if (std::ranges::none_of(parts, &std::vector<std::uint32_t>::empty)) return parts;
  }
  throw std::invalid_argument("partition: a worker has no image in each of " +
                              std::to_string(kTries) +
                              " splits: take a larger concentration, or parts of equal size");
}

std::vector<std::vector<std::uint32_t>> equal_dirichlet_partition(
    std::span<const std::uint8_t> labels, std::size_t workers, Concentration alpha,
    std::uint64_t seed) {
  check(labels.size(), workers);
  check(alpha);
  auto classes = images_by_class(labels, seed, Purpose::kDirichletOrder);
  std::vector<std::vector<std::uint32_t>> parts(workers);
  std::vector<std::map<std::uint8_t, std::uint64_t>> counts(workers);
  std::vector<Draws> draws;
  for (std::size_t w = 0; w < workers; ++w) {
    draws.emplace_back(seed, Purpose::kEqualDirichlet, Place{.worker = w});
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::size_t w = i % workers;
    const auto weight = [&](std::uint8_t label) {
      return alpha.numerator + counts[w][label] * alpha.denominator;
    };
    std::uint64_t sum = 0;
    for (const auto& [label, left] : classes) sum += weight(label);
    std::uint64_t drawn = draws[w].below(sum);
    auto of = classes.begin();
    for (; drawn >= weight(of->first); ++of) drawn -= weight(of->first);
    parts[w].push_back(of->second.back());
    ++counts[w][of->first];
    of->second.pop_back();
    if (of->second.empty()) classes.erase(of);
  }
  return parts;
}

std::vector<std::vector<std::uint32_t>> class_partition(std::span<const std::uint8_t> labels,
                                                        std::size_t workers, std::size_t each,
                                                        std::uint64_t seed) {
  check(labels.size(), workers);
  const auto classes = images_by_class(labels, seed, Purpose::kClassOrder);
  std::vector<std::uint8_t> names;
  names.reserve(classes.size());
  for (const auto& [label, images] : classes) names.push_back(label);
  if (each == 0 || each > names.size() || workers * each < names.size()) {
    throw std::invalid_argument(
        "partition: " + std::to_string(each) + (each == 1 ? " class" : " classes") + " of " +
        std::to_string(names.size()) + " for each of " + std::to_string(workers) + " workers" +
        (each > names.size() ? ": there are not so many" : ": some would have no worker"));
  }
  // Every worker takes the first classes of a pack that it has not yet; packs follow each other.
  std::map<std::uint8_t, std::vector<std::size_t>> holders;
  std::deque<std::uint8_t> pack;
  std::uint64_t packs = 0;
  for (std::size_t w = 0; w < workers; ++w) {
    std::vector<std::uint8_t> own;
    while (own.size() < each) {
      const auto is_new = [&](std::uint8_t label) {
        return std::ranges::find(own, label) == own.end();
      };
      const auto next = std::ranges::find_if(pack, is_new);
      if (next != pack.end()) {
        own.push_back(*next);
        holders[*next].push_back(w);
        pack.erase(next);
        continue;
      }
      const auto count = static_cast<std::uint32_t>(names.size());
      for (const std::uint32_t place :
           shuffled(count, seed, Purpose::kClassesOfWorkers, {.round = packs++})) {
        pack.push_back(names[place]);
      }
    }
  }
  std::vector<std::vector<std::uint32_t>> parts(workers);
  for (const auto& [label, images] : classes) {
    const std::vector<std::size_t>& of = holders[label];
    if (of.size() > images.size()) {
      throw std::invalid_argument("partition: class " + std::to_string(label) + " has " +
                                  std::to_string(images.size()) + " images for " +
                                  std::to_string(of.size()) + " workers");
    }
    for (std::size_t i = 0; i < images.size(); ++i) {
      parts[of[i % of.size()]].push_back(images[i]);
    }
  }
  return parts;
}

}  // namespace mvsgd::data
