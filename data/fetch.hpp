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

/// How many bytes have come, and of how many.
using FetchProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Downloads the archive and puts its files into `dir`, which is made if it is not there.
///
/// The download goes to `dir`/archive.part. A transfer that breaks off leaves it there, and the
/// next fetch goes on at its end, with an HTTP range; from a server that has none it starts anew.
/// Only what has the archive's size and SHA-256 is unpacked, into `dir`/unpacked.tmp, and only what
/// has its size and MD5 gets from there to its place. On every failure but a broken transfer
/// nothing of all this is left.
///
/// Throws FormatError naming the URL if the transfer fails (what() says what has come and that it
/// is kept) or brings other bytes, or `dir` if it cannot be made, and as unpack() does;
/// std::runtime_error if it cannot be written.
void fetch(const Archive& archive, const std::filesystem::path& dir,
           const FetchProgress& progress = {});

}  // namespace mvsgd::data
