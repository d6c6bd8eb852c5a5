// Reader, writer and check of CIFAR-10's binary files.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"

namespace mvsgd::data {

inline constexpr std::size_t kCifar10Train = 50'000;  ///< images of the training files
inline constexpr std::size_t kCifar10Test = 10'000;
inline constexpr std::size_t kCifar10FileBytes = 30'730'000;  ///< 10,000 records of 3,073

/// A file of the binary version, and the MD5 of the official one.
struct Cifar10File {
  std::string_view name;
  std::string_view md5;
};
/// Five files of training images, in order, then the test images.
inline constexpr std::array<Cifar10File, 6> kCifar10Files{{
    {"data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"},
    {"data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"},
    {"data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"},
    {"data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"},
    {"data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"},
    {"test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"},
}};

/// The 50,000 training and 10,000 test images of CIFAR-10, in the order of the files.
///
/// `dir` holds data_batch_1.bin ... data_batch_5.bin and test_batch.bin. A file is 10,000 records
/// of 3,073 bytes: the label, then the 32 x 32 red, green and blue values, row by row.
///
/// Throws FormatError, naming the file and the record, if the directory or a file is missing or
/// unreadable, a file has another size, or a label is above 9. If the directory has another version
/// or another data set, or is one level too high, the error says so.
[[nodiscard]] TrainTest read_cifar10(const std::filesystem::path& dir);

/// Appends the images of such records to `out`, as many as `bytes` hold. Total: throws FormatError,
/// naming `file` and the record, if one is cut short or has a label above 9.
void append_records(std::span<const char> bytes, const std::filesystem::path& file, Dataset& out);

/// Writes images as the six files that read_cifar10() reads; makes `dir` if it does not exist. All
/// or nothing: a failure leaves none of the files.
///
/// Throws std::invalid_argument unless there are 50,000 training and 10,000 test images;
/// FormatError, naming the file, if one exists already, or naming `dir` if it cannot be made;
/// std::runtime_error if a file cannot be written.
void write_cifar10(const std::filesystem::path& dir, const TrainTest& images);

/// The files of a directory, compared with what is known of the official ones.
struct Cifar10Check {
  struct File {
    std::string name;
    std::string md5;
    bool official = false;
  };
  std::vector<File> files;                    ///< as kCifar10Files
  std::array<std::size_t, kClasses> train{};  ///< images of each class
  std::array<std::size_t, kClasses> test{};
  std::array<double, kChannels> mean{};  ///< of the training pixels, in [0, 1]
  std::array<double, kChannels> deviation{};
  bool balanced = false;       ///< the classes have equally many images
  bool known_moments = false;  ///< mean and deviation are the known ones, to eight decimals

  [[nodiscard]] bool holds() const;
};

/// Throws as read_cifar10(): sizes and labels are checked first.
[[nodiscard]] Cifar10Check check_cifar10(const std::filesystem::path& dir);

}  // namespace mvsgd::data
