// Archives of known files: only the files that a tar.gz should hold are unpacked from it.
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
  std::string folder;       ///< that the files are in
  std::vector<File> files;  ///< those to unpack; other plain files are passed over
};

/// Writes archive.files, and nothing else, from the tar.gz `file` into the directory `into`.
///
/// Total: whatever the bytes, writes to no name but those of archive.files in `into`, no more than
/// their sizes, and otherwise throws FormatError naming the entry: if the file is no tar.gz or cut
/// short, lacks a file, has one twice or of another size, or holds a link, a device, an absolute
/// path, a "..", or more than an archive of these files could. Throws std::runtime_error if a file
/// cannot be written.
void unpack(const Archive& archive, const std::filesystem::path& file,
            const std::filesystem::path& into);

}  // namespace mvsgd::data
