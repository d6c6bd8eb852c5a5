#include "sim/train/images.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <span>
#include <stdexcept>

#include "data/checksum.hpp"
#include "data/cifar10.hpp"
#include "data/partition.hpp"
#include "data/skewed_partition.hpp"
#include "data/synthetic.hpp"
#include "sim/plan/keys.hpp"

namespace mvsgd::sim {

data::TrainTest load_images(const Settings& settings) {
  if (settings.data != "synthetic") return data::read_cifar10(settings.data);
  return data::synthesize({.train = settings.synthetic_train,
                           .test = settings.synthetic_test,
                           .noise = static_cast<float>(settings.synthetic_noise)});
}

std::string digest_of(const data::TrainTest& images) {
  data::Checksum checksum(data::Hash::sha256);
  for (const data::Dataset* set : {&images.train, &images.test}) {
    checksum.add(std::as_bytes(std::span(set->labels)));
    checksum.add(std::as_bytes(std::span(set->pixels)));
  }
  return checksum.hex();
}

std::string absolute_data(const Settings& settings) {
  if (settings.data == "synthetic") return settings.data;
  return std::filesystem::absolute(settings.data).lexically_normal().string();
}

namespace {

std::vector<std::vector<std::uint32_t>> drawn_split(const Settings& settings,
                                                    const data::Dataset& training) {
  const std::size_t workers = settings.workers;
  const std::uint64_t seed = settings.seed;
  constexpr std::uint64_t kParts = 1'000'000;
  const data::Concentration alpha{.numerator = settings.split_alpha.ceil_times(kParts),
                                  .denominator = kParts};
  switch (settings.split) {
    case Split::random:
      break;
    case Split::stratified:
      return data::stratified_partition(training.labels, workers, seed);
    case Split::dirichlet:
      return settings.split_sizes == SplitSizes::equal
                 ? data::equal_dirichlet_partition(training.labels, workers, alpha, seed)
                 : data::dirichlet_partition(training.labels, workers, alpha, seed);
    case Split::classes:
      return data::class_partition(training.labels, workers, settings.split_classes, seed);
  }
  return data::partition(training.size(), workers, seed);
}

}  // namespace

std::vector<std::vector<std::uint32_t>> split_images(const Settings& settings,
                                                     const data::Dataset& training) {
  try {
    return drawn_split(settings, training);
  } catch (const std::invalid_argument& e) {
    throw UsageError(fmt::format("split = {}: {}", find_key("split")->get(settings), e.what()));
  }
}

}  // namespace mvsgd::sim
