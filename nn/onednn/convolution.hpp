// The passes of one convolution problem. Each is made when first needed.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <functional>
#include <optional>

#include "nn/onednn/library.hpp"
#include "nn/onednn/make_onednn.hpp"
#include "nn/onednn/winograd_convolution.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn {

/// The algorithm of a pass: oneDNN's direct convolution, or our own Winograd's F(4x4, 3x3). The
/// latter takes 2.25 products where the direct one takes 9, and rounds more (nn/onednn/README.md
/// has the bound).
enum class Algorithm : std::uint8_t { direct, winograd };

/// An algorithm for each pass.
struct PassAlgorithms {
  Algorithm forward = Algorithm::direct;
  Algorithm backward_data = Algorithm::direct;
  Algorithm backward_weights = Algorithm::direct;
};

enum class Maker : std::uint8_t { amd, intel, other };
/// The processors on which the rows of the table were measured.
enum class Measured : std::uint8_t {
  zen5,            ///< an AMD EPYC
  emerald_rapids,  ///< an Intel Xeon
};

/// The rows that a processor with AVX-512 gets: those of its maker, else those of the nearest
/// instruction set.
[[nodiscard]] Measured nearest_measured(Maker maker, bool amx);

/// What these rows name for a problem; direct if they have none for it.
[[nodiscard]] PassAlgorithms measured_choice(Measured where, const ConvolutionProblem& problem);

/// The choice for a problem; all direct where onednn_has_winograd() is false.
[[nodiscard]] PassAlgorithms choose(ConvolutionChoice choice, const ConvolutionProblem& problem);

/// One of the three passes, and the layouts of x, w, y or their gradients in it.
struct ConvolutionPass {
  dnnl::memory::desc x;
  dnnl::memory::desc w;
  dnnl::memory::desc y;
  /// Computes one of the three from the other two.
  std::function<void(Library& library, float* x, float* w, float* y)> run;
};

/// oneDNN's direct convolutions, in the layouts that it likes best (format_tag::any), and our own
/// Winograd's. Throws dnnl::error.
class Convolution {
 public:
  Convolution(const ConvolutionProblem& problem, const OneDnnOptions& options);

  [[nodiscard]] const ConvolutionPass& forward(const Library& library);
  [[nodiscard]] const ConvolutionPass& backward_data(const Library& library);
  [[nodiscard]] const ConvolutionPass& backward_weights(const Library& library);

 private:
  using Desc = dnnl::memory::desc;
  // Descriptions as oneDNN takes them: extents with layouts left open, one entry a spatial
  // dimension. Arguments may be bfloat16; results are float32.
  struct Open {
    Desc argument;
    Desc result;
    Open(const Shape& shape, bool bf16);
  };
  Open x_;
  Open w_;
  Open y_;
  dnnl::memory::dims strides_;
  dnnl::memory::dims padding_;
  PassAlgorithms algorithms_;
  ConvolutionPass winograd_pass_;  // the common part of its three passes: all but run()
  WinogradConvolution winograd_;
  std::optional<ConvolutionPass> forward_;
  std::optional<ConvolutionPass> backward_data_;
  std::optional<ConvolutionPass> backward_weights_;

  // The descriptor of the direct forward pass, with which those of the backward passes are made.
  [[nodiscard]] dnnl::convolution_forward::primitive_desc descriptor(const Library& library,
                                                                     const Desc& y) const;
};

}  // namespace mvsgd::nn
