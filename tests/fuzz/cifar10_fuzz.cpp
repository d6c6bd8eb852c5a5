// Fuzzes append_records: any bytes are refused, or are the labels and images that it appends.
//
// Input: a whole file, of any number of records.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "data/cifar10.hpp"
#include "tests/fuzz/fuzz_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using mvsgd::fuzz::check;
  constexpr std::size_t kRecordBytes = 1 + mvsgd::data::kImageBytes;
  mvsgd::data::Dataset images;
  try {
    append_records({reinterpret_cast<const char*>(data), size}, "input", images);
  } catch (const mvsgd::data::FormatError&) {
    return 0;
  }
  check(images.size() * kRecordBytes == size, "every byte is read");
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::span record(data + i * kRecordBytes, kRecordBytes);
    check(images.labels[i] == record[0] && record[0] < mvsgd::data::kClasses,
          "a record begins with its class");
    check(std::ranges::equal(images.image(i), record.subspan(1)), "and goes on with its pixels");
  }
  return 0;
}
