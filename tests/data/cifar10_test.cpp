// The reader returns what the files hold, and refuses every other file by name and record.
#include "data/cifar10.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/checksum.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
namespace fs = std::filesystem;

constexpr std::size_t kRecordBytes = 3073;
constexpr std::uintmax_t kFileBytes = 30730000;
const std::vector<std::string> kFiles = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                         "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

/// The byte that the tests expect at `offset` of the record that they write.
std::uint8_t pattern(std::size_t file, std::size_t offset) {
  return static_cast<std::uint8_t>(offset * 7 + file * 31 + 1);
}

/// A directory of six files of the right size. Their images are black, of class 0, and sparse on
/// disk. Only record 9,999 - `file` of each has label 4 + `file` and the pixels of pattern().
class ReadCifar10 : public testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t f = 0; f < kFiles.size(); ++f) {
      std::ofstream(dir_ / kFiles[f]) << "";
      fs::resize_file(dir_ / kFiles[f], kFileBytes);
      std::string record(1, static_cast<char>(4 + f));
      for (std::size_t p = 0; p < kImageBytes; ++p) record += static_cast<char>(pattern(f, p));
      write(kFiles[f], 9999 - f, record);
    }
  }

  void write(const std::string& file, std::size_t record, const std::string& bytes) {
    std::fstream out(dir_ / file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(record * kRecordBytes));
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(out.flush());
  }

  TestDirectory directory_;
  fs::path dir_ = directory_.path();
};

TEST_F(ReadCifar10, GivesTheRecordsInTheOrderOfTheFiles) {
  const TrainTest data = read_cifar10(dir_);
  ASSERT_EQ(data.train.size(), 50000);
  ASSERT_EQ(data.test.size(), 10000);
  ASSERT_EQ(data.train.pixels.size(), 50000 * kImageBytes);
  ASSERT_EQ(data.test.pixels.size(), 10000 * kImageBytes);
  EXPECT_EQ(data.train.labels[0], 0);
  EXPECT_THAT(data.train.image(0), testing::Each(0));
  for (std::size_t f = 0; f < kFiles.size(); ++f) {
    SCOPED_TRACE(kFiles[f]);
    const Dataset& dataset = f < 5 ? data.train : data.test;
    const std::size_t i = (f < 5 ? 10000 * f : 0) + 9999 - f;
    EXPECT_EQ(dataset.labels[i], 4 + f);
    std::vector<std::uint8_t> want(kImageBytes);
    for (std::size_t p = 0; p < kImageBytes; ++p) want[p] = pattern(f, p);
    EXPECT_TRUE(std::ranges::equal(dataset.image(i), want));
  }
}

TEST_F(ReadCifar10, RefusesADirectoryThatIsNotThere) {
  EXPECT_THAT([&] { (void)read_cifar10(dir_ / "nowhere"); },
              ThrowsMessage<FormatError>(HasSubstr("nowhere: no such directory")));
}

TEST_F(ReadCifar10, RefusesAFileInPlaceOfTheDirectory) {
  EXPECT_THAT([&] { (void)read_cifar10(dir_ / kFiles[0]); },
              ThrowsMessage<FormatError>(HasSubstr("data_batch_1.bin: no such directory")));
}

TEST_F(ReadCifar10, NamesEveryMissingFile) {
  for (const std::string& file : kFiles) {
    fs::rename(dir_ / file, dir_ / "away");
    EXPECT_THAT([&] { (void)read_cifar10(dir_); },
                ThrowsMessage<FormatError>(AllOf(HasSubstr(file), HasSubstr("No such file"))));
    fs::rename(dir_ / "away", dir_ / file);
  }
}

TEST_F(ReadCifar10, SaysWhatADirectoryIsThatIsTakenForIt) {
  const fs::path other = dir_ / "other";
  const auto with = [&](const std::string& name) {
    fs::remove_all(other);
    fs::create_directories(other / name);
    return [&other] { (void)read_cifar10(other); };
  };
  const auto says = [&](const std::string& words) {
    return ThrowsMessage<FormatError>(AllOf(HasSubstr(other.string() + ": "), HasSubstr(words)));
  };
  EXPECT_THAT(with("cifar-10-batches-bin"), says("in the folder cifar-10-batches-bin"));
  EXPECT_THAT(with("cifar-10-batches-py"), says("the Python version is there"));
  EXPECT_THAT(with("batches.meta"), says("the Python version; the binary version"));
  EXPECT_THAT(with("data_batch_1"), says("the Python version; the binary version"));
  EXPECT_THAT(with("data_batch_1.mat"), says("the Matlab version"));
  EXPECT_THAT(with("cifar-100-binary"), says("CIFAR-100 is there"));
  EXPECT_THAT(with("train.bin"), says("CIFAR-100's files"));
  EXPECT_THAT(with("mine"), says("none of data_batch_1.bin to"));
}

TEST_F(ReadCifar10, RefusesADirectoryInPlaceOfAFile) {
  fs::remove(dir_ / kFiles[2]);
  fs::create_directory(dir_ / kFiles[2]);
  EXPECT_THAT([&] { (void)read_cifar10(dir_); },
              ThrowsMessage<FormatError>(HasSubstr("data_batch_3.bin: ")));
}

TEST_F(ReadCifar10, NamesTheRecordThatIsCutShort) {
  for (const std::string& file : kFiles) {
    fs::resize_file(dir_ / file, kFileBytes - 1);
    EXPECT_THAT([&] { (void)read_cifar10(dir_); },
                ThrowsMessage<FormatError>(
                    HasSubstr(file + ": record 9999 is cut short: 30729999 bytes, not 30730000")));
    fs::resize_file(dir_ / file, kFileBytes);
  }
  fs::resize_file(dir_ / kFiles[1], 0);
  EXPECT_THAT(
      [&] { (void)read_cifar10(dir_); },
      ThrowsMessage<FormatError>(HasSubstr("data_batch_2.bin: record 0 is cut short: 0 bytes")));
}

TEST_F(ReadCifar10, RefusesEvenOneByteTooMany) {
  for (const std::string& file : kFiles) {
    fs::resize_file(dir_ / file, kFileBytes + 1);
    EXPECT_THAT([&] { (void)read_cifar10(dir_); },
                ThrowsMessage<FormatError>(HasSubstr(
                    file + ": record 10000 is one too many: 30730001 bytes, not 30730000")));
    fs::resize_file(dir_ / file, kFileBytes);
  }
}

TEST_F(ReadCifar10, NamesTheRecordWhoseLabelIsAboveNine) {
  write("data_batch_4.bin", 1234, "\x0a");
  EXPECT_THAT(
      [&] { (void)read_cifar10(dir_); },
      ThrowsMessage<FormatError>(HasSubstr("data_batch_4.bin: record 1234: label 10, above 9")));
  write("data_batch_4.bin", 1234, "\x09");
  write("test_batch.bin", 9999, "\xff");
  EXPECT_THAT(
      [&] { (void)read_cifar10(dir_); },
      ThrowsMessage<FormatError>(HasSubstr("test_batch.bin: record 9999: label 255, above 9")));
}

TEST_F(ReadCifar10, WritingGivesTheSameFiles) {
  const fs::path copy = dir_ / "copy";
  write_cifar10(copy, read_cifar10(dir_));
  for (const std::string& file : kFiles) {
    EXPECT_EQ(checksum(copy / file, Hash::sha256), checksum(dir_ / file, Hash::sha256)) << file;
  }
  EXPECT_THAT([&] { write_cifar10(copy, read_cifar10(dir_)); },
              ThrowsMessage<FormatError>(HasSubstr("data_batch_1.bin: is there already")));
  EXPECT_THROW(write_cifar10(dir_ / "few", TrainTest()), std::invalid_argument);
  EXPECT_FALSE(fs::exists(dir_ / "few"));
}

TEST_F(ReadCifar10, CheckTellsOtherFilesFromTheOfficialOnes) {
  const Cifar10Check check = check_cifar10(dir_);
  EXPECT_FALSE(check.holds());
  ASSERT_EQ(check.files.size(), 6U);
  EXPECT_FALSE(check.files[0].official);
  EXPECT_FALSE(check.balanced);
  EXPECT_FALSE(check.known_moments);
  EXPECT_EQ(check.train[0], 49'995U);
  EXPECT_EQ(check.test[9], 1U);
}

TEST(RealCifar10, IsWhatCheckKnows) {
  const char* dir = std::getenv("MVSGD_CIFAR10");
  if (dir == nullptr) GTEST_SKIP() << "MVSGD_CIFAR10 names no directory with the real files";
  EXPECT_TRUE(check_cifar10(dir).holds());
}

TEST(RealCifar10, HasTheKnownMeansAndDeviations) {
  const char* dir = std::getenv("MVSGD_CIFAR10");
  if (dir == nullptr) GTEST_SKIP() << "MVSGD_CIFAR10 names no directory with the real files";
  const TrainTest data = read_cifar10(dir);
  for (const Dataset* dataset : {&data.train, &data.test}) {
    std::array<std::size_t, kClasses> counts{};
    for (const std::uint8_t label : dataset->labels) ++counts[label];
    EXPECT_THAT(counts, testing::Each(dataset->size() / kClasses));
  }
  // Known to eight decimals. The sums are integers, so only the last divisions round.
  constexpr std::array<double, 3> kMean = {0.49139968, 0.48215841, 0.44653091};
  constexpr std::array<double, 3> kStd = {0.24703223, 0.24348513, 0.26158784};
  constexpr double kPlane = kSide * kSide;
  for (std::size_t c = 0; c < kChannels; ++c) {
    std::uint64_t sum = 0;
    std::uint64_t squares = 0;
    for (std::size_t i = 0; i < data.train.size(); ++i) {
      for (const std::uint64_t p : data.train.image(i).subspan(c * kSide * kSide, kSide * kSide)) {
        sum += p;
        squares += p * p;
      }
    }
    const double n = kPlane * static_cast<double>(data.train.size());
    const double mean = static_cast<double>(sum) / n;
    EXPECT_NEAR(mean / 255, kMean[c], 0.5e-8);
    EXPECT_NEAR(std::sqrt(static_cast<double>(squares) / n - mean * mean) / 255, kStd[c], 0.5e-8);
  }
}

}  // namespace
}  // namespace mvsgd::data
