#include "data/cifar10.hpp"

#include <cstdint>
#include <fstream>
#include <ios>
#include <string>
#include <system_error>
#include <vector>

namespace mvsgd::data {
namespace {

constexpr std::size_t kRecords = 10000;  // of one file
constexpr std::size_t kRecordBytes = 1 + kImageBytes;
constexpr std::size_t kFileBytes = kRecords * kRecordBytes;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw FormatError(file.string() + ": " + what);
}

std::vector<char> read_whole(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) fail(file, error.message());
  if (size != kFileBytes) {
    const std::uintmax_t record = size / kRecordBytes;  // the first that is cut short or too many
    fail(file, "record " + std::to_string(record) +
                   (size < kFileBytes ? " is cut short: " : " is one too many: ") +
                   std::to_string(size) + " bytes, not " + std::to_string(kFileBytes));
  }
  std::vector<char> bytes(kFileBytes);
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(file, "cannot be opened");
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!in) {
    const auto record = static_cast<std::size_t>(in.gcount()) / kRecordBytes;
    fail(file, "record " + std::to_string(record) + " cannot be read");
  }
  return bytes;
}

void append(const std::filesystem::path& file, Dataset& out) {
  const std::vector<char> bytes = read_whole(file);
  for (std::size_t r = 0; r < kRecords; ++r) {
    const auto record = bytes.begin() + static_cast<std::ptrdiff_t>(r * kRecordBytes);
    const auto label = static_cast<std::uint8_t>(*record);
    if (label >= kClasses) {
      fail(file, "record " + std::to_string(r) + ": label " + std::to_string(label) + ", above " +
                     std::to_string(kClasses - 1));
    }
    out.labels.push_back(label);
    out.pixels.insert(out.pixels.end(), record + 1,
                      record + static_cast<std::ptrdiff_t>(kRecordBytes));
  }
}

Dataset read(const std::filesystem::path& dir, const std::vector<std::string>& files) {
  Dataset dataset;
  dataset.labels.reserve(files.size() * kRecords);
  dataset.pixels.reserve(files.size() * kRecords * kImageBytes);
  for (const std::string& file : files) append(dir / file, dataset);
  return dataset;
}

}  // namespace

TrainTest read_cifar10(const std::filesystem::path& dir) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) fail(dir, "no such directory");
  return {.train = read(dir, {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                              "data_batch_4.bin", "data_batch_5.bin"}),
          .test = read(dir, {"test_batch.bin"})};
}

}  // namespace mvsgd::data
