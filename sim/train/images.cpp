#include "sim/train/images.hpp"

#include <filesystem>
#include <span>

#include "data/checksum.hpp"
#include "data/cifar10.hpp"
#include "data/partition.hpp"
#include "data/synthetic.hpp"

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

std::vector<std::vector<std::uint32_t>> split_images(const Settings& settings,
                                                     const data::Dataset& training) {
  return settings.split == Split::stratified
             ? data::stratified_partition(training.labels, settings.workers, settings.seed)
             : data::partition(training.size(), settings.workers, settings.seed);
}

}  // namespace mvsgd::sim
