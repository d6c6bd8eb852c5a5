#include "sim/files/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "nn/resnet18.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/plain_file.hpp"
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

// The prefix that PyTorch's wrappers (DataParallel and the like, compile) add to every name.
constexpr std::array<std::string_view, 3> kWrappers{"module.", "_orig_mod.",
                                                    "_fsdp_wrapped_module."};
// What torch.optim.swa_utils.AveragedModel has beside the module: how many models it averages.
constexpr std::string_view kAveraged = "n_averaged";

struct Renamed {
  std::string_view theirs;
  std::string_view ours;
};
// torchvision's names for the same layers.
constexpr std::array<Renamed, 2> kTorchvision{{{"downsample.", "shortcut."}, {"fc.", "linear."}}};

/// Maps this program's array names to those of a file.
class Names {
 public:
  explicit Names(const std::vector<TensorEntry>& tensors) {
    for (const TensorEntry& tensor : tensors) {
      if (tensor.name != kAveraged) theirs_.emplace(tensor.name, tensor.name);
    }
    for (bool found = true; found && !theirs_.empty();) {
      found = std::ranges::any_of(kWrappers,
                                  [this](std::string_view wrapper) { return strip(wrapper); });
    }
    for (const auto& [theirs, ours] : kTorchvision) rename(theirs, ours);
  }

  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const {
    return theirs_;
  }
  [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }

  /// `ours` itself if the file has none of that name.
  [[nodiscard]] std::string_view theirs(std::string_view ours) const {
    const auto found = theirs_.find(ours);
    return found == theirs_.end() ? ours : std::string_view(found->second);
  }

 private:
  bool strip(std::string_view wrapper) {
    const auto begins = [wrapper](const auto& name) { return name.first.starts_with(wrapper); };
    if (!std::ranges::all_of(theirs_, begins)) return false;
    std::map<std::string, std::string, std::less<>> stripped;
    for (const auto& [name, theirs] : theirs_) stripped[name.substr(wrapper.size())] = theirs;
    theirs_ = std::move(stripped);
    remarks_.push_back(fmt::format("every name begins with '{}', which is left out", wrapper));
    return true;
  }

  /// Renames arrays that have `theirs` in their name, unless an array has the new name already.
  void rename(std::string_view theirs, std::string_view ours) {
    std::map<std::string, std::string, std::less<>> renamed;
    bool any = false;
    for (const auto& [name, of_file] : theirs_) {
      const std::size_t at = name.find(theirs);
      const bool whole_part = at == 0 || (at != std::string::npos && name[at - 1] == '.');
      std::string made = name;
      if (whole_part) made.replace(at, theirs.size(), ours);
      const bool taken = whole_part && theirs_.contains(made);
      any = any || (whole_part && !taken);
      renamed[taken ? name : made] = of_file;
    }
    theirs_ = std::move(renamed);
    if (any) remarks_.push_back(fmt::format("'{}' is read as '{}'", theirs, ours));
  }

  std::map<std::string, std::string, std::less<>> theirs_;  // by ours
  std::vector<std::string> remarks_;
};

std::vector<float> read_flat(SafetensorsFile& file, const Names& names, const nn::Layout& layout,
                             std::string_view path) {
  std::vector<float> flat;
  flat.reserve(static_cast<std::size_t>(layout.size()));
  for (const nn::LayoutEntry& entry : layout.entries()) {
    const std::string_view name = names.theirs(entry.name);
    const std::vector<float> values = file.floats(name, shape_of(entry));
    const bool variance = entry.name.ends_with(kVariance);
    const auto bad = std::ranges::find_if(
        values, [variance](float x) { return !std::isfinite(x) || (variance && x < 0); });
    if (bad != values.end()) {
      throw InputError(
          fmt::format("{}: {}: element {} is {}", path, name, bad - values.begin(), *bad));
    }
    flat.insert(flat.end(), values.begin(), values.end());
  }
  return flat;
}

constexpr std::string_view kOfACheckpoint =
    ", of a checkpoint: --resume with the run's directory goes on from it, and the run's end "
    "leaves the weights in model.safetensors there";

/// What a directory given in place of a weights file is, and what to do about it.
std::string_view kind_of(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory / "config.toml", error)) {
    return ", of a run: its weights are in model.safetensors there";
  }
  const bool checkpoint = std::filesystem::exists(directory / "manifest.json", error);
  return checkpoint ? kOfACheckpoint : ", where a safetensors file is wanted";
}

/// Throws InputError for anything that users commonly mistake for a weights file.
void refuse_other_kinds(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw InputError(fmt::format("{}: a directory{}", path.string(), kind_of(path)));
  }
  if (path.filename() == "arrays.safetensors" &&
      std::filesystem::exists(path.parent_path() / "manifest.json", error)) {
    throw InputError(fmt::format("{}: arrays{}", path.string(), kOfACheckpoint));
  }
  std::array<char, 4> first{};
  open_plain(path).read(first.data(), first.size());
  const std::string_view magic(first.data(), first.size());
  if (magic == "PK\x03\x04" || magic.starts_with("\x80\x02")) {
    throw InputError(
        fmt::format("{}: a pickle of PyTorch's (.pt, .pth), which is not read: write the "
                    "state_dict with safetensors.torch.save_file",
                    path.string()));
  }
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
  refuse_other_kinds(path);
  SafetensorsFile file(path);
  const Names names(file.header().tensors);
  constexpr std::uint64_t kMostWidth = 512;  // of the key `width`
  const TensorShape& stem = file.header().at(names.theirs(kStem), path.string()).shape;
  if (stem.empty() || stem[0] < 1 || stem[0] > kMostWidth) {
    throw InputError(fmt::format("{}: {} has no width from 1 to {} as its first extent",
                                 path.string(), kStem, kMostWidth));
  }
  Model model{.width = static_cast<std::int64_t>(stem[0]), .theta = {}, .statistics = {}};
  const nn::Layout parameters = nn::resnet18_parameters({.width = model.width});
  const nn::Layout buffers = nn::resnet18_buffers({.width = model.width});
  model.theta = read_flat(file, names, parameters, path.string());
  model.statistics = read_flat(file, names, buffers, path.string());

  std::set<std::string_view> known;
  for (const nn::Layout* layout : {&parameters, &buffers}) {
    for (const nn::LayoutEntry& entry : layout->entries()) known.insert(entry.name);
  }
  for (const auto& [ours, theirs] : names.all()) {
    if (!known.contains(ours) && !ours.ends_with(kBatches)) {
      throw InputError(fmt::format("{}: the network has no array {}", path.string(), theirs));
    }
  }
  return model;
}

std::vector<std::string> remarks_on_model(const std::filesystem::path& path) {
  refuse_other_kinds(path);
  const SafetensorsFile file(path);
  std::vector<std::string> remarks = Names(file.header().tensors).remarks();
  std::set<DType> made_f32;
  for (const TensorEntry& tensor : file.header().tensors) {
    const bool counter = tensor.name.ends_with(kBatches) || tensor.name == kAveraged;
    if (!counter && tensor.dtype != DType::f32) made_f32.insert(tensor.dtype);
  }
  for (const DType dtype : made_f32) remarks.push_back(fmt::format("{} is made F32", name(dtype)));
  return remarks;
}

}  // namespace mvsgd::sim
