#include "nn/resnet18.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace mvsgd::nn {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kSide = 32;

// Part of the Philox key, beside the seed, so that draws for another purpose are different: "nn.i".
constexpr std::uint64_t kInitialPurpose = 0x6e6e'2e69'0000'0000;

// A convolution and its batch norm, as the architecture defines them.
struct UnitPlan {
  std::string conv;
  std::string norm;
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  bool shortcut = false;
};

// All of the network except the linear layer, in PyTorch's order: the stem, then for each block its
// two units and, where the shape changes, its shortcut.
std::vector<UnitPlan> plan(const ResNet18Options& options) {
  if (options.width < 1 || options.classes < 1) {
    throw std::invalid_argument("ResNet18: width = " + std::to_string(options.width) +
                                ", classes = " + std::to_string(options.classes));
  }
  std::vector<UnitPlan> units;
  units.push_back({.conv = "conv1", .norm = "bn1", .in = kChannels, .out = options.width});
  std::int64_t in = options.width;
  for (std::int64_t stage = 0; stage < 4; ++stage) {
    const std::int64_t out = options.width << stage;
    for (std::int64_t block = 0; block < 2; ++block) {
      const std::string prefix =
          "layer" + std::to_string(stage + 1) + '.' + std::to_string(block) + '.';
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      units.push_back({.conv = prefix + "conv1",
                       .norm = prefix + "bn1",
                       .in = in,
                       .out = out,
                       .stride = stride});
      units.push_back({.conv = prefix + "conv2", .norm = prefix + "bn2", .in = out, .out = out});
      if (stride != 1 || in != out) {
        units.push_back({.conv = prefix + "shortcut.0",
                         .norm = prefix + "shortcut.1",
                         .in = in,
                         .out = out,
                         .kernel = 1,
                         .stride = stride,
                         .shortcut = true});
      }
      in = out;
    }
  }
  return units;
}

// Goes through the entries of a layout, one after another.
class Cursor {
 public:
  explicit Cursor(const Layout& layout) : next_(layout.entries().begin()) {}
  const LayoutEntry& next() { return *next_++; }

 private:
  std::vector<LayoutEntry>::const_iterator next_;
};

}  // namespace

Layout resnet18_parameters(const ResNet18Options& options) {
  Layout layout;
  const std::vector<UnitPlan> units = plan(options);
  for (const UnitPlan& unit : units) {
    layout.append(unit.conv + ".weight", {unit.out, unit.in, unit.kernel, unit.kernel});
    layout.append(unit.norm + ".weight", {unit.out});
    layout.append(unit.norm + ".bias", {unit.out});
  }
  layout.append("linear.weight", {options.classes, units.back().out});
  layout.append("linear.bias", {options.classes});
  return layout;
}

Layout resnet18_buffers(const ResNet18Options& options) {
  Layout layout;
  for (const UnitPlan& unit : plan(options)) {
    layout.append(unit.norm + ".running_mean", {unit.out});
    layout.append(unit.norm + ".running_var", {unit.out});
  }
  return layout;
}

std::vector<float> initial_parameters(const Layout& parameters, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(parameters.size()));
  r123::Philox4x64 philox;
  std::int64_t fan_in = 0;  // that of the last weight; 0 for batch norm
  for (const LayoutEntry& entry : parameters.entries()) {
    const bool is_bias = entry.name.ends_with(".bias");
    if (!is_bias) {
      fan_in = entry.shape.size() < 2 ? 0 : elements(entry.shape) / entry.shape.front();
    }
    const auto begin = static_cast<std::size_t>(entry.offset);
    const std::size_t end = begin + static_cast<std::size_t>(elements(entry.shape));
    if (fan_in == 0) {
      std::fill(values.begin() + entry.offset, values.begin() + static_cast<std::ptrdiff_t>(end),
                is_bias ? 0.0F : 1.0F);
      continue;
    }
    // The middles of 2^24 equal parts of (-1, 1) are exact in double. So two roundings (of the
    // product, and to float) give the same value on every machine.
    const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t bits = philox({{0, 0, i, 0}}, {{seed, kInitialPurpose}})[0] >> 40U;
      const double unit = (2.0 * static_cast<double>(bits) + 1.0) * 0x1p-24 - 1.0;
      values[i] = static_cast<float>(bound * unit);
    }
  }
  return values;
}

std::vector<float> initial_buffers(const Layout& buffers) {
  std::vector<float> values(static_cast<std::size_t>(buffers.size()), 0.0F);
  for (const LayoutEntry& entry : buffers.entries()) {
    if (!entry.name.ends_with(".running_var")) continue;
    const auto begin = values.begin() + entry.offset;
    std::fill(begin, begin + elements(entry.shape), 1.0F);
  }
  return values;
}

ResNet18::ResNet18(Backend& backend, const ResNet18Options& options)
    : backend_(&backend), options_(options), repeated_(backend.repeated_step()) {
  const std::vector<UnitPlan> units = plan(options);
  const Layout parameter_layout = resnet18_parameters(options);
  const Layout buffer_layout = resnet18_buffers(options);
  parameters_ = backend.allocate({parameter_layout.size()});
  gradients_ = backend.allocate({parameter_layout.size()});
  buffers_ = backend.allocate({buffer_layout.size()});

  Cursor parameters(parameter_layout);
  Cursor buffers(buffer_layout);
  const auto buffer = [&](const LayoutEntry& entry) {
    return backend.view(buffers_, entry.offset, entry.shape);
  };
  const auto make_unit = [&](const UnitPlan& unit) {
    // Designated initialisers are evaluated in the order written, which is that of the layouts.
    return Unit{
        .weight = parameter(parameters.next(), Into::overwrite),
        .norm = {.gamma = parameter(parameters.next()),
                 .beta = parameter(parameters.next()),
                 .running = {.mean = buffer(buffers.next()), .variance = buffer(buffers.next())}},
        .options = {.stride = unit.stride, .padding = unit.kernel / 2}};
  };
  stem_ = make_unit(units.front());
  for (auto unit = std::next(units.begin()); unit != units.end();) {
    Block block{.first = make_unit(*unit), .second = make_unit(*std::next(unit)), .shortcut = {}};
    unit += 2;
    if (unit != units.end() && unit->shortcut) block.shortcut = make_unit(*unit++);
    blocks_.push_back(std::move(block));
  }
  linear_weight_ = parameter(parameters.next());
  linear_bias_ = parameter(parameters.next());
}

Parameter ResNet18::parameter(const LayoutEntry& entry, Into into) {
  Tensor gradient = backend_->view(gradients_, entry.offset, entry.shape);
  if (into == Into::add) sums_.push_back(gradient);
  return {.value = backend_->view(parameters_, entry.offset, entry.shape),
          .gradient = std::move(gradient),
          .into = into};
}

BatchResult ResNet18::train(std::span<const float> images, std::span<const std::uint8_t> labels) {
  return train(on_backend(images, labels.size()), labels);
}

BatchResult ResNet18::train(const Tensor& images, std::span<const std::uint8_t> labels,
                            const std::function<void()>& between) {
  check_batch(images, labels);
  const auto step = [&](const Tensor& x, std::span<const std::uint8_t> y) {
    for (const Tensor& gradient : sums_) backend_->fill_zero(gradient);
    Tape tape(*backend_, Recording::on, repeated_ ? std::function<void()>() : between);
    const Loss loss = forward(tape, x, y, {});
    backward(tape, loss);
    return BatchResult{.loss = loss.value, .correct = loss.correct};
  };
  return repeated_ ? repeated_->run(images, labels, step) : step(images, labels);
}

BatchResult ResNet18::evaluate(std::span<const float> images, std::span<const std::uint8_t> labels,
                               BatchNormMode mode, float momentum) {
  return evaluate(on_backend(images, labels.size()), labels, mode, momentum);
}

BatchResult ResNet18::evaluate(const Tensor& images, std::span<const std::uint8_t> labels,
                               BatchNormMode mode, float momentum,
                               const std::function<void()>& between) {
  check_batch(images, labels);
  Tape tape(*backend_, Recording::off, between);
  const Loss loss = forward(tape, images, labels, {.mode = mode, .momentum = momentum});
  return {.loss = loss.value, .correct = loss.correct};
}

std::vector<float> ResNet18::logits(std::span<const float> images, BatchNormMode mode) {
  // Labels affect only the loss.
  const std::vector<std::uint8_t> labels(images.size() /
                                         static_cast<std::size_t>(kChannels * kSide * kSide));
  const Tensor batch = on_backend(images, labels.size());
  check_batch(batch, labels);
  Tape tape(*backend_, Recording::off);
  const Loss loss = forward(tape, batch, labels, {.mode = mode});
  std::vector<float> values(labels.size() * static_cast<std::size_t>(options_.classes));
  backend_->read(loss.logits.value(), values);
  return values;
}

void ResNet18::check_batch(const Tensor& images, std::span<const std::uint8_t> labels) const {
  const Shape wanted{static_cast<std::int64_t>(labels.size()), kChannels, kSide, kSide};
  if (labels.empty() || images.shape != wanted) {
    throw std::invalid_argument("ResNet18: images " + to_string(images.shape) + " for " +
                                std::to_string(labels.size()) + " labels");
  }
  const std::uint8_t largest = *std::max_element(labels.begin(), labels.end());
  if (largest >= options_.classes) {
    throw std::invalid_argument("ResNet18: label " + std::to_string(largest) + " of " +
                                std::to_string(options_.classes) + " classes");
  }
}

Tensor ResNet18::on_backend(std::span<const float> images, std::size_t count) const {
  if (count == 0 || images.size() != count * static_cast<std::size_t>(kChannels * kSide * kSide)) {
    throw std::invalid_argument("ResNet18: " + std::to_string(images.size()) + " values for " +
                                std::to_string(count) + " images of 3x32x32");
  }
  Tensor batch = backend_->allocate({static_cast<std::int64_t>(count), kChannels, kSide, kSide});
  backend_->write(batch, images);
  return batch;
}

Loss ResNet18::forward(Tape& tape, const Tensor& images, std::span<const std::uint8_t> labels,
                       BatchNormUse use) const {
  const auto apply = [&](const Unit& unit, const Variable& x, bool relu) {
    return batch_norm(tape, conv2d(tape, x, unit.weight, unit.options), unit.norm, use.mode,
                      {.momentum = use.momentum, .relu = relu});
  };
  const auto apply_and_add = [&](const Unit& unit, const Variable& x, const Variable& residual) {
    return batch_norm(tape, conv2d(tape, x, unit.weight, unit.options), residual, unit.norm,
                      use.mode, {.momentum = use.momentum, .relu = true});
  };
  Variable x = apply(stem_, Variable(images), true);
  for (const Block& block : blocks_) {
    const Variable shortcut = block.shortcut ? apply(*block.shortcut, x, false) : x;
    x = apply(block.first, x, true);
    x = apply_and_add(block.second, x, shortcut);
  }
  const Variable logits = linear(tape, global_average_pool(tape, x), linear_weight_, linear_bias_);
  return softmax_cross_entropy(tape, logits, labels);
}

}  // namespace mvsgd::nn
