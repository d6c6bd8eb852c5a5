// Replays a fuzz target's corpus, and every truncation of its inputs, as an ordinary test. Linked
// once with each target.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

TEST(Corpus, HoldsWhatTheFuzzTargetChecksForEveryFileAndEveryTruncation) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MVSGD_CORPUS)) {
    SCOPED_TRACE(entry.path());
    std::ifstream file(entry.path(), std::ios::binary);
    ASSERT_TRUE(file);
    std::vector<std::uint8_t> bytes;
    for (std::istreambuf_iterator<char> it(file), end; it != end; ++it) {
      bytes.push_back(static_cast<std::uint8_t>(*it));
    }
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      // A copy of its own size, so that a sanitizer sees a read past the end.
      const std::vector<std::uint8_t> input(bytes.begin(),
                                            bytes.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_NO_THROW(LLVMFuzzerTestOneInput(input.data(), input.size())) << size << " bytes";
    }
    ++files;
  }
  EXPECT_GE(files, 3);
}

}  // namespace
