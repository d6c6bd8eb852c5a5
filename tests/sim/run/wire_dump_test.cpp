// A message that is not wholly on the disk is no dump.
#include "sim/run/wire_dump.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "sim/files/input_error.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

TEST(WireDump, OnAFullDiskIsRefusedNamingTheFileWhichDoesNotStay) {
  const TestDirectory directory;
  const fs::path path = directory.path() / "wire";
  const WireDump dump(path, {1});
  const fs::path file = path / "round-1-up-vote-worker-0.bin";
  fs::create_symlink("/dev/full", file);
  comm::Message message;
  message.header.kind = comm::Kind::vote;
  message.header.round = 1;
  message.bytes = std::make_shared<std::vector<std::byte>>(24);
  EXPECT_THAT([&] { dump.add(1, message); },
              testing::ThrowsMessage<InputError>(
                  testing::HasSubstr(file.string() + ": cannot be written: No space left")));
  EXPECT_TRUE(fs::is_empty(path));
}

}  // namespace
}  // namespace mvsgd::sim
