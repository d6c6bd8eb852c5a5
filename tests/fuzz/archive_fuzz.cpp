// Fuzzes unpack: whatever an archive holds, only the wanted files are written, each of its size,
// and all of them unless the archive is refused.
//
// Input: a tar file, whose blocks get the checksums of headers.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "data/archive.hpp"
#include "data/dataset.hpp"
#include "tests/fuzz/fuzz_check.hpp"
#include "tests/fuzz/mended_tar.hpp"
#include "tests/test_directory.hpp"

namespace {

namespace fs = std::filesystem;
using mvsgd::data::Archive;
using mvsgd::fuzz::check;
using mvsgd::fuzz::mended;

Archive wanted() {
  return {.url = {},
          .bytes = 0,
          .sha256 = {},
          .folder = "folder",
          .files = {{.name = "one.bin", .bytes = 5, .md5 = {}},
                    {.name = "two.bin", .bytes = 600, .md5 = {}}}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mvsgd::TestDirectory directory;
  const fs::path tar = directory.path() / "a.tar";
  const fs::path into = directory.path() / "into";
  fs::create_directory(into);
  std::ofstream(tar, std::ios::binary)
      << mended({reinterpret_cast<const char*>(data), size}) << std::flush;

  const Archive archive = wanted();
  bool whole = true;
  try {
    unpack(archive, tar, into);
  } catch (const mvsgd::data::FormatError&) {
    whole = false;
  }
  for (const Archive::File& file : archive.files) {
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(into / file.name, error);
    check(!error || !whole, "all wanted files are written");
    check(error || (whole ? bytes == file.bytes : bytes <= file.bytes), "no more than wanted");
    fs::remove(into / file.name, error);
  }
  check(fs::is_empty(into), "nothing else is written");
  fs::remove(into);
  fs::remove(tar);
  check(fs::is_empty(directory.path()), "nor elsewhere");
  return 0;
}
