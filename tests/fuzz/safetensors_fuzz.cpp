// Fuzzes the header of safetensors files: any text is refused, or describes arrays that lie one
// after another in the file's bytes.
//
// Input: a whole file.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sim/files/input_error.hpp"
#include "sim/files/safetensors.hpp"
#include "sim/plan/settings.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::fuzz::check;
using mvsgd::sim::InputError;
using mvsgd::sim::parse_safetensors_header;
using mvsgd::sim::SafetensorsHeader;
using mvsgd::sim::TensorEntry;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint64_t length = 0;
  if (size < sizeof length) return 0;
  std::memcpy(&length, data, sizeof length);
  const std::string_view rest(reinterpret_cast<const char*>(data) + sizeof length,
                              size - sizeof length);
  if (length > rest.size()) return 0;
  const std::uint64_t data_bytes = rest.size() - length;
  SafetensorsHeader header;
  try {
    header = parse_safetensors_header(rest.substr(0, length), data_bytes, "input");
  } catch (const InputError&) {
    return 0;
  }
  std::uint64_t end = 0;
  for (const TensorEntry& tensor : header.tensors) {
    check(tensor.offset == end, "arrays follow each other");
    check(tensor.bytes <= data_bytes - end, "an array lies in the file");
    check(&header.at(tensor.name, "input") == &tensor, "names are unique");
    end += tensor.bytes;
  }
  check(end == data_bytes, "arrays fill the file");
  return 0;
}
