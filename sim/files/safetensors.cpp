#include "sim/files/safetensors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/files/json.hpp"
#include "sim/files/plain_file.hpp"

namespace mvsgd::sim {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Arrays are written and read as they lie in memory. That is the file's byte order on every
// processor that the program supports.
static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMetadata = "__metadata__";
constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kAlignment = 8;

struct DTypeInfo {
  std::string_view name;
  std::uint64_t bits;
};
// In the order of DType.
constexpr auto kDTypes = std::to_array<DTypeInfo>(
    {{"F32", 32},    {"U32", 32},    {"I64", 64},        {"F64", 64},        {"F16", 16},
     {"BF16", 16},   {"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"U16", 16},
     {"I16", 16},    {"I32", 32},    {"U64", 64},        {"C64", 64},        {"F8_E5M2", 8},
     {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6},
     {"F6_E3M2", 6}, {"F4", 4}});

const DTypeInfo& info(DType dtype) { return kDTypes.at(static_cast<std::size_t>(dtype)); }

/// The size of an array. None if it overflows or is not a whole number of bytes.
std::optional<std::uint64_t> bytes_of(DType dtype, const TensorShape& shape) {
  std::uint64_t bits = info(dtype).bits;
  for (const std::uint64_t extent : shape) {
    if (extent != 0 && bits > std::numeric_limits<std::uint64_t>::max() / extent) return {};
    bits *= extent;
  }
  if (bits % 8 != 0) return {};
  return bits / 8;
}

/// Refuses what the parser would let pass: a duplicate name, and deeper nesting than the format's
/// reference accepts.
class StrictObjects {
 public:
  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    constexpr std::size_t kDeepest = 127;
    const auto level = static_cast<std::size_t>(depth);
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      if (level >= kDeepest) throw std::invalid_argument("nested too deeply");
      seen_.resize(std::max(seen_.size(), level + 1));
      seen_[level].clear();
    }
    if (event == json::parse_event_t::key) {
      const auto name = parsed.get<std::string>();
      if (!seen_.at(level - 1).insert(name).second) {
        throw std::invalid_argument(fmt::format("'{}' comes twice", name));
      }
    }
    return true;
  }

 private:
  std::vector<std::set<std::string>> seen_;  // the keys of the object open at each depth
};

std::uint64_t unsigned_number(const json& value, std::string_view what) {
  if (!value.is_number_unsigned()) {
    throw std::invalid_argument(fmt::format("{} has what is no whole number", what));
  }
  return value.get<std::uint64_t>();
}

const json& member(const json& entry, const char* name, json::value_t type) {
  const auto found = entry.find(name);
  if (found == entry.end() || found->type() != type) {
    throw std::invalid_argument(fmt::format("{} is missing or of another type", name));
  }
  return *found;
}

/// Throws std::invalid_argument, without the array's name, if `entry` is no entry of the table.
TensorEntry parse_entry(const std::string& name, const json& entry) {
  if (!entry.is_object()) {
    throw std::invalid_argument("not an object of dtype, shape and data_offsets");
  }
  TensorEntry tensor{.name = name};
  const auto dtype = member(entry, "dtype", json::value_t::string).get<std::string>();
  const auto known = std::ranges::find(kDTypes, dtype, &DTypeInfo::name);
  if (known == kDTypes.end()) {
    throw std::invalid_argument(fmt::format("dtype {} is none of the format's", dtype));
  }
  tensor.dtype = static_cast<DType>(known - kDTypes.begin());
  for (const json& extent : member(entry, "shape", json::value_t::array)) {
    tensor.shape.push_back(unsigned_number(extent, "shape"));
  }
  const json& offsets = member(entry, "data_offsets", json::value_t::array);
  if (offsets.size() != 2) throw std::invalid_argument("data_offsets are not two");
  tensor.offset = unsigned_number(offsets[0], "data_offsets");
  const std::uint64_t end = unsigned_number(offsets[1], "data_offsets");
  const auto bytes = bytes_of(tensor.dtype, tensor.shape);
  if (end < tensor.offset || bytes != end - tensor.offset) {
    throw std::invalid_argument(fmt::format("data_offsets [{}, {}] do not hold {} of shape [{}]",
                                            tensor.offset, end, dtype,
                                            fmt::join(tensor.shape, ", ")));
  }
  tensor.bytes = *bytes;
  return tensor;
}

/// The program never reads the metadata, but they must follow the format: texts by name, or null.
void check_metadata(const json& object) {
  if (object.is_null()) return;
  if (!object.is_object()) throw std::invalid_argument("not an object");
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) throw std::invalid_argument(fmt::format("{} is no text", key));
  }
}

json parse_table(std::string_view text) {
  if (!text.starts_with('{')) throw std::invalid_argument("no JSON object");
  try {
    return json::parse(without_nul(text, kLengthBytes), StrictObjects());
  } catch (const json::parse_error& e) {
    throw std::invalid_argument(
        fmt::format("no JSON at offset {}", kLengthBytes + (e.byte > 0 ? e.byte - 1 : 0)));
  } catch (const json::out_of_range&) {
    throw std::invalid_argument("a number is too large");
  }
}

/// Converts an IEEE number of `Exponent` and `Mantissa` bits, neither above F32's, exactly.
template <unsigned Exponent, unsigned Mantissa>
float widened(std::uint16_t bits) {
  constexpr unsigned kMantissa = 23;
  constexpr std::uint32_t kInfinite = (1U << Exponent) - 1;
  constexpr int kBias = static_cast<int>(kInfinite / 2);
  const std::uint32_t sign = std::uint32_t{bits} >> (Exponent + Mantissa) << 31U;
  const std::uint32_t exponent = (bits >> Mantissa) & kInfinite;
  const std::uint32_t mantissa = bits & ((1U << Mantissa) - 1);
  if (exponent == kInfinite) {
    return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << (kMantissa - Mantissa)));
  }
  const auto significand =
      static_cast<float>(exponent == 0 ? mantissa : mantissa | (1U << Mantissa));
  const int scale = std::max(static_cast<int>(exponent), 1) - kBias - static_cast<int>(Mantissa);
  return std::copysign(std::ldexp(significand, scale), sign == 0 ? 1.0F : -1.0F);
}

template <typename Value, typename Convert>
std::vector<float> converted(const std::vector<Value>& values, Convert convert) {
  std::vector<float> floats(values.size());
  std::ranges::transform(values, floats.begin(), convert);
  return floats;
}

/// Throws InputError naming `array` if a number is past the largest of F32.
std::vector<float> rounded(const std::vector<double>& values, std::string_view array) {
  const auto is_past = [](double x) {
    return std::isfinite(x) && std::isinf(static_cast<float>(x));
  };
  const auto past = std::ranges::find_if(values, is_past);
  if (past != values.end()) {
    throw InputError(fmt::format("{}: element {} is {}, past the largest number of F32", array,
                                 past - values.begin(), *past));
  }
  return converted(values, [](double x) { return static_cast<float>(x); });
}

}  // namespace

std::string_view name(DType dtype) { return info(dtype).name; }

NamedTensor named_tensor(std::string name, TensorShape shape, std::span<const float> values) {
  return {std::move(name), DType::f32, std::move(shape), std::as_bytes(values)};
}

NamedTensor named_tensor(std::string name, TensorShape shape,
                         std::span<const std::uint32_t> values) {
  return {std::move(name), DType::u32, std::move(shape), std::as_bytes(values)};
}

NamedTensor named_tensor(std::string name, TensorShape shape,
                         std::span<const std::int64_t> values) {
  return {std::move(name), DType::i64, std::move(shape), std::as_bytes(values)};
}

void write_safetensors(DurableFile& file, const Metadata& metadata,
                       std::vector<NamedTensor> tensors) {
  std::ranges::stable_sort(tensors, std::greater(),
                           [](const NamedTensor& t) { return info(t.dtype).bits; });
  ordered_json table = ordered_json::object();
  if (!metadata.empty()) table[kMetadata] = metadata;
  std::uint64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    if (table.contains(tensor.name) ||
        bytes_of(tensor.dtype, tensor.shape) != tensor.bytes.size()) {
      throw std::invalid_argument(fmt::format("write_safetensors: {}: {} bytes of shape [{}]",
                                              tensor.name, tensor.bytes.size(),
                                              fmt::join(tensor.shape, ", ")));
    }
    const std::uint64_t end = offset + tensor.bytes.size();
    table[tensor.name] = {{"dtype", info(tensor.dtype).name},
                          {"shape", tensor.shape},
                          {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string header = table.dump();
  header.resize((header.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const std::array<std::uint64_t, 1> length{header.size()};
  file.write(std::as_bytes(std::span(length)));
  file.write(header);
  for (const NamedTensor& tensor : tensors) file.write(tensor.bytes);
}

const TensorEntry& SafetensorsHeader::at(std::string_view name, std::string_view file) const {
  const auto found = std::ranges::find(tensors, name, &TensorEntry::name);
  if (found == tensors.end()) throw InputError(fmt::format("{}: no array {}", file, name));
  return *found;
}

SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t data_bytes,
                                           std::string_view file) {
  SafetensorsHeader header;
  std::string at = "header";  // what is being read
  try {
    const json table = parse_table(text);
    for (const auto& [name, entry] : table.items()) {
      at = name;
      if (name == kMetadata) {
        check_metadata(entry);
      } else {
        header.tensors.push_back(parse_entry(name, entry));
      }
    }
    // An array without elements may stand where another begins.
    std::ranges::sort(header.tensors, {}, [](const TensorEntry& tensor) {
      return std::pair(tensor.offset, tensor.bytes);
    });
    std::uint64_t end = 0;
    for (const TensorEntry& tensor : header.tensors) {
      at = tensor.name;
      if (tensor.offset != end) {
        throw std::invalid_argument(fmt::format(
            "begins at {}, where {} is wanted: arrays follow each other", tensor.offset, end));
      }
      if (tensor.bytes > data_bytes - end) {
        throw std::invalid_argument(
            fmt::format("ends at {} of {} bytes", end + tensor.bytes, data_bytes));
      }
      end += tensor.bytes;
    }
    at = "header";
    if (end != data_bytes) {
      throw std::invalid_argument(fmt::format("arrays of {} bytes in {}", end, data_bytes));
    }
  } catch (const std::invalid_argument& e) {
    throw InputError(fmt::format("{}: {}: {}", file, at, e.what()));
  }
  return header;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path.string()), file_(open_plain(path)) {
  file_.seekg(0, std::ios::end);
  const auto size = static_cast<std::uint64_t>(file_.tellg());
  file_.seekg(0);
  std::array<std::uint64_t, 1> length{};
  file_.read(reinterpret_cast<char*>(length.data()), kLengthBytes);
  if (!file_ || length[0] > kMostHeaderBytes || length[0] > size - kLengthBytes) {
    throw InputError(fmt::format("{}: offset 0: no safetensors header in {} bytes", path_, size));
  }
  std::string text(length[0], ' ');
  file_.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file_) throw InputError(fmt::format("{}: offset {}: cannot be read", path_, kLengthBytes));
  data_begin_ = kLengthBytes + length[0];
  header_ = parse_safetensors_header(text, size - data_begin_, path_);
}

const TensorEntry& SafetensorsFile::entry(std::string_view name, std::span<const DType> dtypes,
                                          const TensorShape& shape) const {
  const TensorEntry& tensor = header_.at(name, path_);
  if (std::ranges::find(dtypes, tensor.dtype) == dtypes.end() || tensor.shape != shape) {
    throw InputError(fmt::format("{}: {} is {} of shape [{}], not {} of shape [{}]", path_, name,
                                 info(tensor.dtype).name, fmt::join(tensor.shape, ", "),
                                 info(dtypes.front()).name, fmt::join(shape, ", ")));
  }
  return tensor;
}

template <typename Value>
std::vector<Value> SafetensorsFile::read(const TensorEntry& tensor) {
  std::vector<Value> values(tensor.bytes / sizeof(Value));
  file_.seekg(static_cast<std::streamoff>(data_begin_ + tensor.offset));
  file_.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(tensor.bytes));
  if (!file_) {
    throw InputError(fmt::format("{}: offset {}: {} cannot be read", path_,
                                 data_begin_ + tensor.offset, tensor.name));
  }
  return values;
}

std::vector<float> SafetensorsFile::floats(std::string_view name, const TensorShape& shape) {
  constexpr std::array kFloats{DType::f32, DType::f64, DType::f16, DType::bf16};
  const TensorEntry& tensor = entry(name, kFloats, shape);
  switch (tensor.dtype) {
    case DType::f64:
      return rounded(read<double>(tensor), fmt::format("{}: {}", path_, name));
    case DType::f16:
      return converted(read<std::uint16_t>(tensor), widened<5, 10>);
    case DType::bf16:
      return converted(read<std::uint16_t>(tensor), widened<8, 7>);
    default:
      return read<float>(tensor);
  }
}

std::vector<std::uint32_t> SafetensorsFile::indices(std::string_view name,
                                                    const TensorShape& shape) {
  constexpr std::array kIndices{DType::u32};
  return read<std::uint32_t>(entry(name, kIndices, shape));
}

}  // namespace mvsgd::sim
