// How a backend shows itself to a program that chooses one by its name and keys.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/backend.hpp"
#include "nn/step_memory.hpp"

namespace mvsgd::nn {

/// How a convolution's algorithm is chosen for its shape and pass. Nothing is measured during a
/// run, so a result depends on the choice, the library's version and the processor alone.
enum class ConvolutionChoice : std::uint8_t {
  /// The backend's own choice: lanes' fastest in float32, the committed table of onednn, the first
  /// deterministic engine of cuda.
  table,
  direct,  ///< everywhere
  /// F(4x4, 3x3) for every 3x3 convolution with stride and padding 1, direct elsewhere. onednn also
  /// wants multiples of 16 channels on both sides.
  winograd,
};

/// How convolutions and the linear layer multiply. Sums and all other operations are always
/// float32.
enum class Precision : std::uint8_t {
  fp32,  ///< as written: no tensor cores
  tf32,  ///< factors rounded to 10 bits by tensor cores
  bf16,  ///< arguments of convolutions rounded to bfloat16
};

/// Which of a backend's own loops run, if it has loops for several instruction sets. All of them
/// compute the same bits.
enum class InstructionSet : std::uint8_t { best, portable, avx2, avx512 };

/// What a run asks of its backend: the values of the keys with these names.
struct BackendOptions {
  ConvolutionChoice conv_algorithm = ConvolutionChoice::table;
  Precision precision = Precision::fp32;
  bool step_graph = false;  ///< a training step is one graph, where it can be recorded
  InstructionSet instruction_set = InstructionSet::best;
};

/// Where the same arguments, options and program give the same bits again.
struct Repeatability {
  /// On every processor, with any versions of libraries: the bits are portable.
  bool any_processor = false;
  bool any_threads = false;  ///< with any number of threads given to Backend::enter()
};

/// One backend, as <name>_entry() of its make_<name>.hpp gives it.
struct BackendEntry {
  std::string_view name;
  /// Why it cannot take these options, as "key = value: why"; "" if it can.
  std::string (*objection)(const BackendOptions& options);
  /// Why a key makes no difference to the backend beside the other options, naming what makes it
  /// so; "" if it makes one. The key is one of BackendOptions or "threads_per_worker".
  std::string (*without_effect)(std::string_view key, const BackendOptions& options);
  /// Makes the backend on its device of this number, with options to which it has no objection.
  /// Throws UnavailableError, which names the key whose value needs what this machine lacks, or
  /// says that there is no device.
  std::unique_ptr<Backend> (*make)(const BackendOptions& options, int device);
  /// What the bits of a run do not depend on. They depend on the processor, the backend's version
  /// and the threads unless it says otherwise here.
  Repeatability (*repeatability)(const BackendOptions& options) = [](const BackendOptions&) {
    return Repeatability();
  };
  /// The number of devices it can compute on, at least 1; the processor counts as one. Throws
  /// UnavailableError if there is none.
  int (*devices)() = [] { return 1; };
  /// The engines that decide the bits of a training step of the ResNet-18 of this width. They are
  /// part of a run's record. {} if version() decides.
  std::vector<std::string> (*engines)(const BackendOptions& options, int device, std::int64_t width,
                                      std::int64_t batch) = [](const BackendOptions&, int,
                                                               std::int64_t, std::int64_t) {
    return std::vector<std::string>();
  };
  /// What its kernels take of this process's memory with `threads` threads each, for step_memory();
  /// none if it computes in a device's memory.
  std::optional<KernelMemory> (*memory)(const BackendOptions& options, int threads) =
      [](const BackendOptions&, int) { return std::optional<KernelMemory>(); };
  /// For `mvsgd info`: which convolutions it has on this machine, and what the others would be
  /// worth; "" if the backend has no such choice.
  std::string (*convolutions)() = [] { return std::string(); };
};

}  // namespace mvsgd::nn
