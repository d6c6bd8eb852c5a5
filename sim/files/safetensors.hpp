// Safetensors files: named arrays behind a JSON header, in the format of Python's package.
//
//     8 bytes     n, little-endian
//     n bytes     {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...,
//                  "__metadata__": {"KEY": "TEXT", ...}}, padded with spaces
//     the rest    the arrays' bytes, little-endian, row-major; offsets count from here
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/files/durable_file.hpp"

namespace mvsgd::sim {

/// The element types of the format (its reference, version 0.8.0). This program writes F32, U32 and
/// I64. It reads numbers of these and of the other floating-point types, and skips the rest.
enum class DType : std::uint8_t {
  f32,
  u32,
  i64,
  f64,
  f16,
  bf16,
  boolean,
  u8,
  i8,
  u16,
  i16,
  i32,
  u64,
  c64,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  f6_e2m3,
  f6_e3m2,
  f4,
};

/// The name that files use: "F32".
[[nodiscard]] std::string_view name(DType dtype);

/// Row-major. An empty shape is one element.
using TensorShape = std::vector<std::uint64_t>;

using Metadata = std::map<std::string, std::string>;

/// An array to be written. The bytes must outlive it.
struct NamedTensor {
  std::string name;
  DType dtype{};
  TensorShape shape;
  std::span<const std::byte> bytes;
};

[[nodiscard]] NamedTensor named_tensor(std::string name, TensorShape shape,
                                       std::span<const float> values);
[[nodiscard]] NamedTensor named_tensor(std::string name, TensorShape shape,
                                       std::span<const std::uint32_t> values);
[[nodiscard]] NamedTensor named_tensor(std::string name, TensorShape shape,
                                       std::span<const std::int64_t> values);

/// Writes a whole file. Arrays are sorted by element size, larger ones first, so that each begins
/// at a multiple of its element size; arrays of equal element size keep the given order. Throws
/// std::invalid_argument if two arrays have one name, or if bytes and shape do not agree. Throws as
/// DurableFile does if the file cannot be written.
void write_safetensors(DurableFile& file, const Metadata& metadata,
                       std::vector<NamedTensor> tensors);

/// An array of a file.
struct TensorEntry {
  std::string name;
  DType dtype{};
  TensorShape shape{};
  std::uint64_t offset = 0;  ///< of the first byte, from the start of the arrays
  std::uint64_t bytes = 0;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  ///< by offset

  /// Throws InputError naming `file` if no array has that name.
  [[nodiscard]] const TensorEntry& at(std::string_view name, std::string_view file) const;
};

/// Parses the JSON of a header; `data_bytes` bytes of arrays follow it.
///
/// Total: for any text it returns a header or throws InputError, which names `file` and what is
/// wrong. Arrays must follow each other without overlap or gap and fill `data_bytes` exactly. Names
/// and keys are unique, and the text begins with '{': the format demands it, though its reference
/// lets a name come twice and white space come first. An entry may have more keys than the format's
/// three; "__metadata__" may be null.
[[nodiscard]] SafetensorsHeader parse_safetensors_header(std::string_view json,
                                                         std::uint64_t data_bytes,
                                                         std::string_view file);

/// A file whose header has been read and whose arrays can be read.
class SafetensorsFile {
 public:
  /// Throws InputError naming file and offset if the file cannot be read or is no safetensors file.
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const SafetensorsHeader& header() const { return header_; }

  // The values of an array. Each function throws InputError naming file and array if no array has
  // that name, if it has another type or shape, or if the file ends within it.

  /// From F32, F64, F16 or BF16. F16 and BF16 are converted exactly, F64 is rounded; a number past
  /// the largest of F32 is refused.
  [[nodiscard]] std::vector<float> floats(std::string_view name, const TensorShape& shape);
  [[nodiscard]] std::vector<std::uint32_t> indices(std::string_view name, const TensorShape& shape);

 private:
  const TensorEntry& entry(std::string_view name, std::span<const DType> dtypes,
                           const TensorShape& shape) const;
  template <typename Value>
  std::vector<Value> read(const TensorEntry& tensor);

  std::string path_;
  std::ifstream file_;
  std::uint64_t data_begin_ = 0;
  SafetensorsHeader header_;
};

}  // namespace mvsgd::sim
