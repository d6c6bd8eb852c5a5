// What both readers of tar files ask of an entry. Private: not installed.
#pragma once

#include <archive_entry.h>

#include <algorithm>
#include <string>

namespace mvsgd::data {

/// The name, made safe to show: a hostile one may contain control characters.
inline std::string safe_to_show(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
  return name;
}

/// Whether it is a file, and no link to one.
inline bool is_plain_file(archive_entry* entry) {
  const bool link =
      archive_entry_symlink(entry) != nullptr || archive_entry_hardlink(entry) != nullptr;
  return archive_entry_filetype(entry) == AE_IFREG && !link;
}

}  // namespace mvsgd::data
