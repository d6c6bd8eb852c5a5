// Fuzzes read_bundle: whatever the bytes, it gives files within its limits, or refuses by name.
//
// Input: a byte, and a file. If the byte is even, the file is read as it is. If it is odd, the file
// is a tar whose headers get their checksums. It is then wrapped in xz without compression: no
// mutation would pass the checksums of xz.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "data/bundle.hpp"
#include "data/dataset.hpp"
#include "tests/fuzz/fuzz_check.hpp"
#include "tests/fuzz/mended_tar.hpp"
#include "tests/test_directory.hpp"

namespace {

using mvsgd::fuzz::check;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
}

/// A number of the index: 7 bits a byte, the lowest first.
void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void pad(std::string& out, std::size_t begin) {
  while ((out.size() - begin) % 4 != 0) out += '\0';
}

void put_crc32(std::string& out, std::size_t begin) {
  std::uint32_t sum = ~std::uint32_t{0};
  for (const char byte : std::string_view(out).substr(begin)) {
    sum ^= static_cast<unsigned char>(byte);
    for (int i = 0; i < 8; ++i) sum = sum >> 1 ^ (sum % 2 == 1 ? 0xedb88320U : 0);
  }
  put(out, ~sum, 4);
}

/// The text as an .xz file (its format, version 1.1.0) of stored LZMA2 chunks, without a check.
std::string stored_xz(std::string_view text) {
  std::string out(
      "\xfd"
      "7zXZ\0",
      6);
  put(out, 0, 2);  // flags: no check
  put_crc32(out, 6);
  const std::size_t block = out.size();
  put(out, 2, 1);         // a header of 3 * 4 bytes
  put(out, 0, 1);         // one filter
  put(out, 0x000121, 3);  // LZMA2, a dictionary of 4 KiB
  pad(out, block);
  put_crc32(out, block);
  bool first = true;
  for (std::string_view left = text; !left.empty(); first = false) {
    const std::string_view chunk = left.substr(0, 0x10000);
    put(out, first ? 1 : 2, 1);  // the first one resets the dictionary
    put(out, (chunk.size() - 1) >> 8, 1);
    put(out, chunk.size() - 1, 1);
    out += chunk;
    left.remove_prefix(chunk.size());
  }
  put(out, 0, 1);
  const std::size_t unpadded = out.size() - block;
  pad(out, block);
  const std::size_t index = out.size();
  put(out, 0x0100, 2);  // one block
  put_varint(out, unpadded);
  put_varint(out, text.size());
  pad(out, index);
  put_crc32(out, index);
  std::string footer;
  put(footer, (out.size() - index) / 4 - 1, 4);
  put(footer, 0, 2);
  std::string summed = footer;
  put_crc32(summed, 0);
  return out + summed.substr(footer.size()) + footer + "YZ";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mvsgd::TestDirectory directory;
  const auto path = directory.path() / "a.tar.xz";
  if (size == 0) return 0;
  std::filesystem::remove(path);  // ext4 would flush a file that is emptied and written anew
  const std::string file(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool wrapped = data[0] % 2 == 1;
  std::ofstream(path, std::ios::binary)
      << (wrapped ? stored_xz(mvsgd::fuzz::mended(file)) : file) << std::flush;

  mvsgd::data::TextFiles files;
  try {
    files = mvsgd::data::read_bundle(path);
  } catch (const mvsgd::data::FormatError& e) {
    const std::string_view what = e.what();
    check(what.starts_with(path.string() + ": "), "a refusal names the file");
    check(!wrapped || what != path.string() + ": it is not compressed by xz", "the wrapping is xz");
    return 0;
  }
  check(wrapped || file.starts_with("\xfd"
                                    "7zXZ"),
        "what is read is xz");
  std::set<std::string> names;
  std::size_t bytes = 0;
  for (const auto& [name, text] : files) {
    check(!name.empty() && name.find('/') == name.npos && name != "..", "a file's plain name");
    check(names.insert(name).second, "one file of a name");
    bytes += text.size();
  }
  check(files.size() <= 16 && bytes <= std::size_t{64} << 20U, "no more than is allowed");
  return 0;
}
