#include "data/cifar10.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <ios>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "data/checksum.hpp"

namespace mvsgd::data {
namespace {

constexpr std::size_t kRecords = 10000;  // in one file
constexpr std::size_t kRecordBytes = 1 + kImageBytes;
constexpr std::size_t kFileBytes = kCifar10FileBytes;
static_assert(kFileBytes == kRecords * kRecordBytes);

// Mean and standard deviation of the official training set.
constexpr std::array<double, kChannels> kMean = {0.49139968, 0.48215841, 0.44653091};
constexpr std::array<double, kChannels> kDeviation = {0.24703223, 0.24348513, 0.26158784};

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw FormatError(file.string() + ": " + what);
}

std::vector<char> read_whole(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) fail(file, error.message());
  if (size != kFileBytes) {
    const std::uintmax_t record = size / kRecordBytes;  // the first cut short or too many
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

Dataset read(const std::filesystem::path& dir, std::span<const Cifar10File> files) {
  Dataset dataset;
  dataset.labels.reserve(files.size() * kRecords);
  dataset.pixels.reserve(files.size() * kRecords * kImageBytes);
  for (const Cifar10File& file : files) {
    append_records(read_whole(dir / file.name), dir / file.name, dataset);
  }
  return dataset;
}

/// The first five files, and the last.
constexpr std::span<const Cifar10File> kTrainFiles = std::span(kCifar10Files).first(5);
constexpr std::span<const Cifar10File> kTestFiles = std::span(kCifar10Files).last(1);

/// Writes one file's records, from `first` of `images` on.
void write_file(const std::filesystem::path& file, const Dataset& images, std::size_t first) {
  std::ofstream out(file, std::ios::binary);
  for (std::size_t i = first; i < first + kRecords; ++i) {
    out.put(static_cast<char>(images.labels[i]));
    for (const std::uint8_t pixel : images.image(i)) out.put(static_cast<char>(pixel));
  }
  out.close();
  if (!out) throw std::runtime_error(file.string() + ": cannot be written");
}

// Kinds of directories that are taken for this one by mistake; a file or folder in each tells its
// kind.
struct OtherKind {
  const char* has;
  const char* what;
};
constexpr auto kOtherKinds = std::to_array<OtherKind>({
    {"cifar-10-batches-bin", "the files are in the folder cifar-10-batches-bin there"},
    {"cifar-10-batches-py", "the Python version is there; the binary version is wanted"},
    {"batches.meta", "the Python version; the binary version is wanted"},
    {"data_batch_1", "the Python version; the binary version is wanted"},
    {"data_batch_1.mat", "the Matlab version; the binary version is wanted"},
    {"cifar-100-binary", "CIFAR-100 is there; CIFAR-10 is wanted"},
    {"train.bin", "CIFAR-100's files; CIFAR-10's are wanted"},
});

/// Throws FormatError if the directory has none of the six files. The error says what the directory
/// is if that is known.
void refuse_other_kinds(const std::filesystem::path& dir) {
  std::error_code error;
  const auto is_there = [&](const auto& name) {
    return std::filesystem::exists(dir / name, error);
  };
  if (std::ranges::any_of(kCifar10Files, is_there, &Cifar10File::name)) return;
  const auto known = std::ranges::find_if(kOtherKinds, is_there, &OtherKind::has);
  fail(dir, known != kOtherKinds.end()
                ? known->what
                : "none of data_batch_1.bin to data_batch_5.bin and test_batch.bin is there "
                  "(mvsgd data fetch cifar-10)");
}

std::array<std::size_t, kClasses> count_classes(const Dataset& images) {
  std::array<std::size_t, kClasses> counts{};
  for (const std::uint8_t label : images.labels) ++counts[label];
  return counts;
}

/// Mean and standard deviation of channel c over all pixels, in [0, 1]. The sums are integers, so
/// only the last operations round.
std::pair<double, double> moments(const Dataset& images, std::size_t c) {
  constexpr std::size_t kPlane = kSide * kSide;
  std::uint64_t sum = 0;
  std::uint64_t squares = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (const std::uint64_t pixel : images.image(i).subspan(c * kPlane, kPlane)) {
      sum += pixel;
      squares += pixel * pixel;
    }
  }
  const auto n = static_cast<double>(images.size() * kPlane);
  const double mean = static_cast<double>(sum) / n;
  return {mean / 255, std::sqrt(static_cast<double>(squares) / n - mean * mean) / 255};
}

}  // namespace

void append_records(std::span<const char> bytes, const std::filesystem::path& file, Dataset& out) {
  const std::size_t records = bytes.size() / kRecordBytes;
  if (bytes.size() % kRecordBytes != 0) {
    fail(file, "record " + std::to_string(records) + " is cut short");
  }
  for (std::size_t r = 0; r < records; ++r) {
    const auto record = bytes.subspan(r * kRecordBytes, kRecordBytes);
    const auto label = static_cast<std::uint8_t>(record.front());
    if (label >= kClasses) {
      fail(file, "record " + std::to_string(r) + ": label " + std::to_string(label) + ", above " +
                     std::to_string(kClasses - 1));
    }
    out.labels.push_back(label);
    out.pixels.insert(out.pixels.end(), record.begin() + 1, record.end());
  }
}

TrainTest read_cifar10(const std::filesystem::path& dir) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) fail(dir, "no such directory");
  refuse_other_kinds(dir);
  return {.train = read(dir, kTrainFiles), .test = read(dir, kTestFiles)};
}

void write_cifar10(const std::filesystem::path& dir, const TrainTest& images) {
  if (images.train.size() != kCifar10Train || images.test.size() != kCifar10Test) {
    throw std::invalid_argument("write_cifar10: " + std::to_string(images.train.size()) + " and " +
                                std::to_string(images.test.size()) + " images");
  }
  std::error_code error;
  const bool existed = std::filesystem::exists(dir, error);
  for (const Cifar10File& file : kCifar10Files) {
    if (std::filesystem::exists(dir / file.name, error)) fail(dir / file.name, "is there already");
  }
  std::filesystem::create_directories(dir, error);
  if (error) throw FormatError(dir.string() + ": " + error.message());
  try {
    for (std::size_t f = 0; f < kTrainFiles.size(); ++f) {
      write_file(dir / kTrainFiles[f].name, images.train, f * kRecords);
    }
    write_file(dir / kTestFiles[0].name, images.test, 0);
  } catch (...) {
    for (const Cifar10File& file : kCifar10Files) std::filesystem::remove(dir / file.name, error);
    if (!existed) std::filesystem::remove(dir, error);
    throw;
  }
}

bool Cifar10Check::holds() const {
  return std::ranges::all_of(files, &File::official) && balanced && known_moments;
}

Cifar10Check check_cifar10(const std::filesystem::path& dir) {
  const TrainTest images = read_cifar10(dir);
  Cifar10Check check;
  for (const auto& [name, md5] : kCifar10Files) {
    const std::string own = checksum(dir / name, Hash::md5);
    check.files.push_back({.name = std::string(name), .md5 = own, .official = own == md5});
  }
  check.train = count_classes(images.train);
  check.test = count_classes(images.test);
  const auto equal = [](const auto& counts) {
    return std::ranges::adjacent_find(counts, std::not_equal_to<>()) == counts.end();
  };
  check.balanced = equal(check.train) && equal(check.test);
  constexpr double kLastDecimal = 0.5e-8;
  check.known_moments = true;
  for (std::size_t c = 0; c < kChannels; ++c) {
    std::tie(check.mean[c], check.deviation[c]) = moments(images.train, c);
    check.known_moments = check.known_moments &&
                          std::abs(check.mean[c] - kMean[c]) <= kLastDecimal &&
                          std::abs(check.deviation[c] - kDeviation[c]) <= kLastDecimal;
  }
  return check;
}

}  // namespace mvsgd::data
