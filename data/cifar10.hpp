// Reader of CIFAR-10's binary files.
#pragma once

#include <cstddef>
#include <filesystem>

#include "data/dataset.hpp"

namespace mvsgd::data {

inline constexpr std::size_t kCifar10Train = 50'000;  ///< images of the training files

/// The 50,000 training and 10,000 test images of CIFAR-10, in the order of the files.
///
/// `dir` holds data_batch_1.bin ... data_batch_5.bin and test_batch.bin. A file is 10,000 records
/// of 3,073 bytes: the label, then the 32 x 32 red, green and blue values, row by row.
///
/// Throws FormatError, naming the file and the record, if the directory or a file is missing or
/// unreadable, a file has another size, or a label is above 9.
[[nodiscard]] TrainTest read_cifar10(const std::filesystem::path& dir);

}  // namespace mvsgd::data
