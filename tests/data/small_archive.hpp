// An archive of a few bytes where the real one has 170 million.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/archive.hpp"
#include "data/checksum.hpp"

namespace mvsgd::data {

struct Entry {
  std::string name;
  std::string content = {};
  std::string link_to = {};  ///< the target of a symbolic link
  unsigned type = AE_IFREG;
};

inline const std::string kOne = "first";
inline const std::string kTwo = "second";

inline std::vector<Entry> good_entries() {
  return {{.name = "folder/", .type = AE_IFDIR},
          {.name = "folder/readme.html", .content = "pass"},
          {.name = "folder/one.bin", .content = kOne},
          {.name = "folder/two.bin", .content = kTwo}};
}

inline std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Writes a tar, compressed by gzip unless another filter is named. Returns what it should hold,
/// one.bin and two.bin, with their hashes and its own.
inline Archive write_archive(const std::filesystem::path& file, const std::vector<Entry>& entries,
                             int filter = ARCHIVE_FILTER_GZIP) {
  const std::unique_ptr<archive, decltype(&archive_write_free)> out(archive_write_new(),
                                                                    &archive_write_free);
  archive_write_add_filter(out.get(), filter);
  archive_write_set_format_ustar(out.get());
  archive_write_open_filename(out.get(), file.c_str());
  for (const Entry& entry : entries) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> header(archive_entry_new(),
                                                                               &archive_entry_free);
    archive_entry_set_pathname(header.get(), entry.name.c_str());
    archive_entry_set_filetype(header.get(), entry.link_to.empty() ? entry.type : AE_IFLNK);
    archive_entry_set_perm(header.get(), 0644);
    if (!entry.link_to.empty()) archive_entry_set_symlink(header.get(), entry.link_to.c_str());
    archive_entry_set_size(header.get(), static_cast<la_int64_t>(entry.content.size()));
    archive_write_header(out.get(), header.get());
    archive_write_data(out.get(), entry.content.data(), entry.content.size());
  }
  archive_write_close(out.get());

  Archive archive{.url = "file://" + file.string(),
                  .bytes = std::filesystem::file_size(file),
                  .sha256 = checksum(file, Hash::sha256),
                  .folder = "folder",
                  .files = {}};
  const std::filesystem::path scratch = file.string() + ".scratch";
  for (const auto& [name, text] : {std::pair{"one.bin", kOne}, std::pair{"two.bin", kTwo}}) {
    std::ofstream(scratch, std::ios::binary) << text;
    archive.files.push_back(
        {.name = name, .bytes = text.size(), .md5 = checksum(scratch, Hash::md5)});
  }
  std::filesystem::remove(scratch);
  return archive;
}

}  // namespace mvsgd::data
