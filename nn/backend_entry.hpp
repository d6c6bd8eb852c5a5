// How a backend shows itself to a program that chooses one by its name and keys.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nn/backend.hpp"

namespace mvsgd::nn {

/// How a convolution's algorithm is chosen for its shape and pass: never by a measurement while it
/// runs, so a result depends on the choice, the library's version and the processor alone.
enum class ConvolutionChoice : std::uint8_t {
  /// The backend's own: what is fastest with lanes, onednn's committed table, cuda's first
  /// deterministic engine.
  table,
  direct,  ///< everywhere
  /// F(4x4, 3x3) for every 3x3 convolution with stride and padding 1, with onednn between multiples
  /// of 16 channels; direct elsewhere.
  winograd,
};

/// How convolutions and the linear layer multiply. Sums are float32, and everything else is,
/// always.
enum class Precision : std::uint8_t {
  fp32,  ///< as written: no tensor cores
  tf32,  ///< factors rounded to 10 bits by tensor cores
  bf16,  ///< arguments of convolutions rounded to bfloat16
};

/// Which of a backend's own loops run, where it has them for several instruction sets. All of them
/// compute the same bits.
enum class InstructionSet : std::uint8_t { best, portable, avx2, avx512 };

/// What a run asks of its backend: the values of the keys of the same names.
struct BackendOptions {
  ConvolutionChoice conv_algorithm = ConvolutionChoice::table;
  Precision precision = Precision::fp32;
  bool step_graph = false;  ///< a training step is one graph, where it can be recorded
  InstructionSet instruction_set = InstructionSet::best;
};

/// Where a result has the same bits again, for the same arguments, options and program.
struct Repeatability {
  /// On every processor, whatever the versions of libraries: the bits are portable.
  bool any_processor = false;
  bool any_threads = false;  ///< whatever the threads given to Backend::enter()
};

/// One backend, as <name>_entry() of its make_<name>.hpp gives it.
struct BackendEntry {
  std::string_view name;
  /// Why it cannot take these options, as "key = value: why"; "" if it can.
  std::string (*objection)(const BackendOptions& options);
  /// Why the key of this name, one of BackendOptions or "threads_per_worker", makes no difference
  /// to it beside the other options, naming what makes it so; "" if it makes one.
  std::string (*without_effect)(std::string_view key, const BackendOptions& options);
  /// On its device of this number, of options to which it has no objection. Throws UnavailableError
  /// naming the key if this machine lacks what one asks for, or saying that there is no device.
  std::unique_ptr<Backend> (*make)(const BackendOptions& options, int device);
  /// What the bits of a run depend on: not on the backend's version, its processor and its threads
  /// only if it says so here.
  Repeatability (*repeatability)(const BackendOptions& options) = [](const BackendOptions&) {
    return Repeatability();
  };
  /// How many devices it can compute on, at least 1: throws UnavailableError if there is none. The
  /// processor is one.
  int (*devices)() = [] { return 1; };
  /// The engines that decide the bits of a training step of the ResNet-18 of this width, which are
  /// part of a run's record; {} if version() decides.
  std::vector<std::string> (*engines)(const BackendOptions& options, int device, std::int64_t width,
                                      std::int64_t batch) = [](const BackendOptions&, int,
                                                               std::int64_t, std::int64_t) {
    return std::vector<std::string>();
  };
  /// Which convolutions it has on this machine and what the others would be worth, for `mvsgd
  /// info`;
  /// "" if that is no question.
  std::string (*convolutions)() = [] { return std::string(); };
};

}  // namespace mvsgd::nn
