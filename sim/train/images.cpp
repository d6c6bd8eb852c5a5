#include "sim/train/images.hpp"

#include "data/cifar10.hpp"
#include "data/synthetic.hpp"

namespace mvsgd::sim {

data::TrainTest load_images(const Settings& settings) {
  if (settings.data != "synthetic") return data::read_cifar10(settings.data);
  return data::synthesize({.train = settings.synthetic_train, .test = settings.synthetic_test});
}

}  // namespace mvsgd::sim
