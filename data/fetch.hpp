// Downloads CIFAR-10 and unpacks it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "data/archive.hpp"

namespace mvsgd::data {

/// The official archive of CIFAR-10's binary version and its six files.
[[nodiscard]] Archive cifar10_archive();

/// Whether every file of the archive is in `dir` with its size and MD5.
[[nodiscard]] bool is_there(const Archive& archive, const std::filesystem::path& dir);

/// Told how many bytes have come, and of how many.
using FetchProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Downloads the archive and puts its files into `dir`, which is made if it does not exist.
///
/// The download goes to `dir`/archive.part. A transfer that breaks off leaves it there, and the
/// next fetch continues at its end with an HTTP range, or starts anew if the server has no ranges.
/// The archive is unpacked into `dir`/unpacked.tmp only if its size and SHA-256 are right, and a
/// file moves from there to its place only if its size and MD5 are. Every failure except a broken
/// transfer leaves nothing of all this.
///
/// Throws FormatError, naming the URL, if the transfer fails (what() says how much has come, and
/// that it is kept) or brings other bytes; FormatError, naming `dir`, if that cannot be made; as
/// unpack() does; std::runtime_error if a file cannot be written.
void fetch(const Archive& archive, const std::filesystem::path& dir,
           const FetchProgress& progress = {});

}  // namespace mvsgd::data
