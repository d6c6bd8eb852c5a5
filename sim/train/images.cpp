#include "sim/train/images.hpp"

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

std::vector<std::vector<std::uint32_t>> split_images(const Settings& settings,
                                                     const data::Dataset& training) {
  return settings.split == Split::stratified
             ? data::stratified_partition(training.labels, settings.workers, settings.seed)
             : data::partition(training.size(), settings.workers, settings.seed);
}

}  // namespace mvsgd::sim
