// A finished run as one small file, which travels to other machines.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "sim/files/input_error.hpp"
#include "sim/files/temporary_directory.hpp"

namespace mvsgd::sim {

/// How the names of archives end.
inline constexpr const char* kArchiveEnding = ".tar.xz";

/// Writes the directory's run to `archive`: a tar.xz of archive.json, which has "format" and
/// "version", and of the condensed run (sim/run/README.md). Tens of kilobytes for thousands of
/// rounds. Throws as condensed() and replace_file() do.
void write_run_archive(const std::filesystem::path& run, const std::filesystem::path& archive);

/// A place where an archive cannot be unpacked, which is no fault of the archive.
class UnpackError : public InputError {
 public:
  using InputError::InputError;
};

/// Unpacks an archive into a directory, which is made. It is then a condensed run there, or nothing
/// is left behind.
///
/// Throws InputError naming the archive if it is no archive of a run, or of a later version; naming
/// the directory if it is not empty; and UnpackError naming what cannot be written, and why.
void unpack_run_archive(const std::filesystem::path& archive,
                        const std::filesystem::path& directory);

/// What is said of `directory`, or of a file there, as said of the archive that was unpacked there:
/// "DIR/metrics.jsonl:3: ..." becomes "ARCHIVE: metrics.jsonl:3: ...". Other text stays.
[[nodiscard]] std::string said_of_archive(std::string text, const std::filesystem::path& archive,
                                          const std::filesystem::path& directory);

/// What `read` gives of a run's directory: of `run` itself or, if that is a file, of the directory
/// where it is unpacked meanwhile, as the archive that it must be. Then an InputError of `read`
/// names the archive. Throws as unpack_run_archive() does, too.
template <typename Read>
[[nodiscard]] auto of_run(const std::filesystem::path& run, const Read& read) {
  std::error_code none;
  if (!std::filesystem::is_regular_file(run, none)) return read(run);
  const TemporaryDirectory unpacked;
  unpack_run_archive(run, unpacked.path());
  try {
    return read(unpacked.path());
  } catch (const InputError& e) {
    throw InputError(said_of_archive(e.what(), run, unpacked.path()));
  }
}

}  // namespace mvsgd::sim
