// model.safetensors: weights and batch-norm statistics under PyTorch's names.
//
// It has every entry that the state_dict() of PyTorch's network has, and no other: the parameters,
// running_mean and running_var of every batch norm, and num_batches_tracked, the batches that a
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

/// A model to be written: views of the arrays, which must outlive it.
struct ModelView {
  std::int64_t width = 0;
  std::span<const float> theta;
  std::span<const float> statistics;
  std::uint64_t batches = 0;  ///< num_batches_tracked
};

/// Writes the file, whole or not at all; one that is there is replaced. Throws std::runtime_error
/// with the system's reason if it cannot, std::invalid_argument if sizes and width do not agree.
void write_model(const std::filesystem::path& path, const ModelView& model);

/// Reads a file of this program's, or one that PyTorch's users have made of the same network: names
/// may all begin with what wrappers put before them ("module.", "_orig_mod."), have torchvision's
/// `downsample` and `fc`, and arrays be F64, F16 or BF16.
///
/// Throws InputError, naming file and array, if it is no safetensors file (a directory, a run's,
/// a checkpoint's and a pickle of PyTorch's are named for what they are), lacks an array of the
/// network or has one that the network lacks, or one of another type or shape; if a number is not
/// finite or a variance below zero, naming its index. num_batches_tracked may be missing and is not
/// read: nothing depends on it.
[[nodiscard]] Model read_model(const std::filesystem::path& path);

/// What read_model() makes of a file that is not as this program writes it, a sentence each: a
/// prefix that is left out, names of another program, types. Reads the header alone; throws
/// InputError if there is none.
[[nodiscard]] std::vector<std::string> remarks_on_model(const std::filesystem::path& path);

}  // namespace mvsgd::sim
