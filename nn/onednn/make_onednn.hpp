// The oneDNN backend: blocked layouts from the first convolution to the pool.
#pragma once

#include <memory>

#include "nn/backend_entry.hpp"

namespace mvsgd::nn {

struct OneDnnOptions {
  /// table: the committed one (convolution_table.cpp); direct where it has no row.
  ConvolutionChoice convolution = ConvolutionChoice::table;
  /// Convolutions take their arguments rounded to bfloat16 and accumulate in float32; weights,
  /// batch norm and everything else stay float32. Direct algorithms only.
  bool bf16 = false;
};

/// A backend on the CPU through oneDNN 2.6 or later. Throws BackendError if the library refuses its
/// engine, and UnavailableError if Winograd convolutions or bfloat16 are asked for and this
/// processor lacks them.
[[nodiscard]] std::unique_ptr<Backend> make_onednn_backend(const OneDnnOptions& options = {});

/// Whether Winograd convolutions are used here: ours are made for AVX-512.
[[nodiscard]] bool onednn_has_winograd();
/// Whether oneDNN has bfloat16 convolutions that the processor computes natively
/// (avx512_core_bf16).
[[nodiscard]] bool onednn_has_bf16();

/// Whether the processor has AMX and oneDNN may use it.
[[nodiscard]] bool onednn_has_amx();

/// The entry has fp32 and bf16, and no graphs. In bf16 convolutions are direct.
[[nodiscard]] BackendEntry onednn_entry();

}  // namespace mvsgd::nn
