#include "sim/files/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "nn/resnet18.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/safetensors.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kStem = "conv1.weight";  // [width, 3, 3, 3]
constexpr std::string_view kVariance = ".running_var";
constexpr std::string_view kBatches = ".num_batches_tracked";

TensorShape shape_of(const nn::LayoutEntry& entry) {
  return {entry.shape.begin(), entry.shape.end()};
}

/// The entries of `layout` as arrays over `flat`.
void append(std::vector<NamedTensor>& tensors, const nn::Layout& layout,
            std::span<const float> flat) {
  if (flat.size() != static_cast<std::size_t>(layout.size())) {
    throw std::invalid_argument(
        fmt::format("write_model: {} values, {} are wanted", flat.size(), layout.size()));
  }
  for (const nn::LayoutEntry& entry : layout.entries()) {
    const auto count = static_cast<std::size_t>(nn::elements(entry.shape));
    tensors.push_back(named_tensor(entry.name, shape_of(entry),
                                   flat.subspan(static_cast<std::size_t>(entry.offset), count)));
  }
}

std::vector<float> read_flat(SafetensorsFile& file, const nn::Layout& layout) {
  std::vector<float> flat;
  flat.reserve(static_cast<std::size_t>(layout.size()));
  for (const nn::LayoutEntry& entry : layout.entries()) {
    const std::vector<float> values = file.floats(entry.name, shape_of(entry));
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

}  // namespace

void write_model(const std::filesystem::path& path, const ModelView& model) {
  const nn::Layout parameters = nn::resnet18_parameters({.width = model.width});
  const nn::Layout buffers = nn::resnet18_buffers({.width = model.width});
  const std::array<std::int64_t, 1> count{static_cast<std::int64_t>(model.batches)};
  std::vector<NamedTensor> tensors;
  append(tensors, parameters, model.theta);
  append(tensors, buffers, model.statistics);
  for (const nn::LayoutEntry& entry : buffers.entries()) {
    const std::string_view name = entry.name;
    if (!name.ends_with(kVariance)) continue;
    const std::string_view norm = name.substr(0, name.size() - kVariance.size());
    tensors.push_back(named_tensor(fmt::format("{}{}", norm, kBatches), {},
                                   std::span<const std::int64_t>(count)));
  }
  replace_file(path, [&](DurableFile& file) {
    write_safetensors(file, {{"format", "pt"}}, std::move(tensors));
  });
}

Model read_model(const std::filesystem::path& path) {
  SafetensorsFile file(path);
  constexpr std::uint64_t kMostWidth = 512;  // of the key `width`
  const TensorShape& stem = file.header().at(kStem, path.string()).shape;
  if (stem.empty() || stem[0] < 1 || stem[0] > kMostWidth) {
    throw InputError(fmt::format("{}: {} has no width from 1 to {} as its first extent",
                                 path.string(), kStem, kMostWidth));
  }
  Model model{.width = static_cast<std::int64_t>(stem[0]), .theta = {}, .statistics = {}};
  const nn::Layout parameters = nn::resnet18_parameters({.width = model.width});
  const nn::Layout buffers = nn::resnet18_buffers({.width = model.width});
  model.theta = read_flat(file, parameters);
  model.statistics = read_flat(file, buffers);

  std::set<std::string_view> known;
  for (const nn::Layout* layout : {&parameters, &buffers}) {
    for (const nn::LayoutEntry& entry : layout->entries()) known.insert(entry.name);
  }
  for (const TensorEntry& tensor : file.header().tensors) {
    if (!known.contains(tensor.name) && !tensor.name.ends_with(kBatches)) {
      throw InputError(fmt::format("{}: the network has no array {}", path.string(), tensor.name));
    }
  }
  return model;
}

}  // namespace mvsgd::sim
