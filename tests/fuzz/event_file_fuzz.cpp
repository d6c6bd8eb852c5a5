// Fuzzes the cuts of event files: of any file the first events up to round t stay, to the byte, or
// the file is removed.
//
// Input: t and the number of events that follow, a byte each. Then events, each a byte of length
// and its bytes, which become records with correct checksums. Then bytes that are appended.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "sim/run/tensorboard.hpp"
#include "tests/fuzz/fuzz_check.hpp"
#include "tests/test_directory.hpp"

namespace {

namespace fs = std::filesystem;
using mvsgd::fuzz::check;

std::string little_endian(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string masked_crc(std::string_view bytes) {
  return little_endian(std::rotr(mvsgd::sim::crc32c(bytes), 15) + 0xa282ead8U, 4);
}

std::string record(std::string_view event) {
  const std::string length = little_endian(event.size(), 8);
  return length + masked_crc(length) + std::string(event) + masked_crc(event);
}

/// Whether there were event files.
bool cut_events_after(const fs::path& directory, std::uint64_t t) {
  const auto cuts = mvsgd::sim::event_cuts_after(directory, t);
  mvsgd::sim::cut_events(cuts);
  return !cuts.empty();
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const mvsgd::TestDirectory directory;
  const fs::path path = directory.path() / "events.out.tfevents.1.mvsgd";
  const std::uint64_t t = data[0];
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::string bytes;
  for (unsigned i = 0; i < data[1] && !rest.empty(); ++i) {
    const auto length = std::min<std::size_t>(static_cast<unsigned char>(rest[0]), rest.size() - 1);
    bytes += record(rest.substr(1, length));
    rest.remove_prefix(1 + length);
  }
  bytes += rest;
  std::ofstream(path, std::ios::binary) << bytes << std::flush;

  check(cut_events_after(directory.path(), t), "there was a file");
  if (!fs::exists(path)) return 0;
  const std::string kept = text_of(path);
  check(!kept.empty() && bytes.starts_with(kept), "what is kept is as it was");
  check(cut_events_after(directory.path(), t), "the file is there");
  check(text_of(path) == kept, "to cut again changes nothing");
  fs::remove(path);
  return 0;
}
