// The oneDNN backend: blocked layouts from the first convolution to the pool.
#pragma once

#include <cstdint>
#include <memory>

#include "nn/backend.hpp"

namespace mvsgd::nn {

/// How a convolution's algorithm is chosen for its shape and pass: never by a measurement while it
/// runs, so a result depends on the choice, the library's version and the processor alone.
enum class ConvolutionChoice : std::uint8_t {
  table,   ///< the committed table (convolution_table.cpp); direct where it has no row
  direct,  ///< everywhere
  /// F(4x4, 3x3) for every 3x3 convolution with stride and padding 1 between multiples of 16
  /// channels, direct elsewhere.
  winograd,
};

struct OneDnnOptions {
  ConvolutionChoice convolution = ConvolutionChoice::table;
  /// Convolutions take their arguments rounded to bfloat16 and accumulate in float32; weights,
  /// batch norm and everything else stay float32. Direct algorithms only.
  bool bf16 = false;
};

/// On the CPU through oneDNN 2.6 or later. Throws BackendError if the library refuses its engine,
/// and UnavailableError if there are no Winograd convolutions or no bfloat16 for this processor and
/// they are asked for.
[[nodiscard]] std::unique_ptr<Backend> make_onednn_backend(const OneDnnOptions& options = {});

/// Whether Winograd convolutions are taken here: ours are made for AVX-512.
[[nodiscard]] bool onednn_has_winograd();
/// Whether oneDNN has bfloat16 convolutions that the processor computes natively
/// (avx512_core_bf16).
[[nodiscard]] bool onednn_has_bf16();

}  // namespace mvsgd::nn
