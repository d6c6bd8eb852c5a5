// Archives of known files. Only these files are unpacked from a tar.gz.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mvsgd::data {

/// A tar.gz of plain files in one folder, known by its hashes.
struct Archive {
  struct File {
    std::string name;  ///< without the folder
    std::uint64_t bytes = 0;
    std::string md5;
  };
  std::string url;  ///< http, https or file
  std::uint64_t bytes = 0;
  std::string sha256;
  std::string folder;       ///< the folder with the files
  std::vector<File> files;  ///< those to unpack; other plain files are skipped
};

/// Writes archive.files, and nothing else, from the tar.gz `file` into the directory `into`.
///
/// Total: whatever the bytes, it writes to no name but those of archive.files in `into`, and no
/// more than their sizes. Throws FormatError, naming the entry, if the file is no tar.gz or is cut
/// short; if it lacks a file, or has one twice or with another size; if it has a link, a device, an
/// absolute path or a ".."; or if it has more than an archive of these files could. Throws
/// std::runtime_error if a file cannot be written.
void unpack(const Archive& archive, const std::filesystem::path& file,
            const std::filesystem::path& into);

}  // namespace mvsgd::data
