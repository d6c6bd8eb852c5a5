// model.safetensors: weights and batch-norm statistics under PyTorch's names.
//
// It has exactly the entries of the state_dict() of PyTorch's network: the parameters, running_mean
// and running_var of every batch norm, and num_batches_tracked, which counts the batches that a
// worker has trained on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace mvsgd::sim {

struct Model {
  std::int64_t width = 0;         ///< channels of the first stage
  std::vector<float> theta;       ///< [d], in the fixed parameter order
  std::vector<float> statistics;  ///< batch-norm running means and variances, in their order
};

/// A model to be written, as views of arrays that must outlive it.
struct ModelView {
  std::int64_t width = 0;
  std::span<const float> theta;
  std::span<const float> statistics;
  std::uint64_t batches = 0;  ///< num_batches_tracked
};

/// Writes the file, whole or not at all; an existing file is replaced. Throws std::runtime_error
/// with the system's reason if it cannot be written, std::invalid_argument if the sizes do not
/// agree with the width.
void write_model(const std::filesystem::path& path, const ModelView& model);

/// Reads a file that this program wrote, or one that PyTorch's users made of the same network. In
/// such a file all names may begin with a wrapper's prefix ("module.", "_orig_mod."), layers may
/// have torchvision's names `downsample` and `fc`, and arrays may be F64, F16 or BF16.
///
/// Throws InputError naming file and array if the file is no safetensors file (the error tells a
/// directory, a run, a checkpoint or a pickle of PyTorch for what it is); if it lacks an array of
/// the network, has an array that the network lacks, or has one of another type or shape; if a
/// number is not finite or a variance is below zero, naming its index. num_batches_tracked may be
/// missing and is not read: nothing depends on it.
[[nodiscard]] Model read_model(const std::filesystem::path& path);

/// How a file differs from what this program writes, and what read_model() does about it, in a
/// sentence each: a prefix that is left out, another program's names, other types. Reads the header
/// alone; throws InputError if there is none.
[[nodiscard]] std::vector<std::string> remarks_on_model(const std::filesystem::path& path);

}  // namespace mvsgd::sim
