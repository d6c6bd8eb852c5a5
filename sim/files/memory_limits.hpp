// How much memory this process may still take, by whatever limits it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mvsgd::sim {

/// What a limit counts.
enum class Counted : std::uint8_t {
  resident,       ///< pages that have been written
  data,           ///< private memory that may be written, thread stacks whole
  address_space,  ///< all that is mapped, reserved or not
};

struct MemoryLimit {
  std::string name;        ///< as a person sets or sees it: "ulimit -v"
  std::uint64_t left = 0;  ///< bytes that this process may take beside what it has
  Counted counted{};
};

/// Every limit that this process is under: RLIMIT_AS, RLIMIT_DATA, each control group that it is in
/// (versions 1 and 2; pages of files, which give way, are not in use), and the machine's memory
/// with its swap. What cannot be read is no limit. `root` is where /proc and /sys are; tests have
/// their own.
[[nodiscard]] std::vector<MemoryLimit> memory_limits(const std::filesystem::path& root = "/");

/// The bytes that this process has resident now; 0 where the system does not tell.
[[nodiscard]] std::uint64_t resident();

/// The most bytes that this process has had resident so far; 0 where the system does not tell.
[[nodiscard]] std::uint64_t most_resident();

}  // namespace mvsgd::sim
