#include "data/bundle.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

#include "data/dataset.hpp"
#include "data/tar_entry.hpp"

namespace mvsgd::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 16;
constexpr std::size_t kMostBytes = std::size_t{64} << 20U;
constexpr std::size_t kChunk = std::size_t{1} << 16U;
constexpr int kReadableByAll = 0644;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Reading = std::unique_ptr<archive, Deleter<archive_read_free>>;
using Writing = std::unique_ptr<archive, Deleter<archive_write_free>>;
using Entry = std::unique_ptr<archive_entry, Deleter<archive_entry_free>>;

std::string reason(archive* of) {
  const char* const words = archive_error_string(of);
  return words != nullptr ? words : "for no known reason";
}

/// Of bytes that the library does not read.
std::invalid_argument no_bundle(archive* from) {
  return std::invalid_argument("no tar.xz, or not all of one (" + reason(from) + ")");
}

la_ssize_t append(archive*, void* text, const void* bytes, std::size_t count) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(bytes), count);
  return static_cast<la_ssize_t>(count);
}

/// An entry's folder and a plain file's name there; no name for the folder's own entry. Throws
/// std::invalid_argument for any other entry.
std::pair<std::string, std::string> place_of(archive_entry* entry) {
  const char* const pathname = archive_entry_pathname(entry);
  fs::path path = pathname != nullptr ? pathname : "";
  const bool is_folder = archive_entry_filetype(entry) == AE_IFDIR;
  if (!is_folder && !is_plain_file(entry)) {
    throw std::invalid_argument(safe_to_show(path.string()) + " is no plain file");
  }
  if (is_folder) path /= "";
  std::string name = path.filename().string();
  std::string folder = path.parent_path().lexically_normal().string();
  const bool plain = !folder.empty() && folder.find('/') == std::string::npos && folder != ".." &&
                     name.empty() == is_folder && name != "..";
  if (!plain) throw std::invalid_argument(safe_to_show(path.string()) + " is not in a folder");
  return {std::move(folder), std::move(name)};
}

/// Reads the entry at which `from` stands.
std::string contents(archive* from, std::size_t left) {
  std::string text;
  while (true) {
    const std::size_t done = text.size();
    text.resize(done + kChunk);
    const la_ssize_t count = archive_read_data(from, text.data() + done, kChunk);
    if (count < 0) throw no_bundle(from);
    text.resize(done + static_cast<std::size_t>(count));
    if (text.size() > left) throw std::invalid_argument("it has more than 64 MiB");
    if (count == 0) return text;
  }
}

TextFiles read_all(const fs::path& path) {
  const Reading from(archive_read_new());
  archive_read_support_filter_xz(from.get());
  archive_read_support_format_tar(from.get());
  // An archive that follows the end would be passed over otherwise.
  archive_read_set_format_option(from.get(), "tar", "read_concatenated_archives", "1");
  if (archive_read_open_filename(from.get(), path.c_str(), kChunk) != ARCHIVE_OK) {
    throw no_bundle(from.get());
  }
  TextFiles files;
  std::string first_folder;
  bool has_own_entry = false;
  std::size_t left = kMostBytes;
  archive_entry* entry = nullptr;
  while (true) {
    const int code = archive_read_next_header(from.get(), &entry);
    if (code != ARCHIVE_OK && code != ARCHIVE_EOF) throw no_bundle(from.get());
    // Without a filter's bytes the library reads a plain tar, an empty one, too.
    if (archive_filter_code(from.get(), 0) != ARCHIVE_FILTER_XZ) {
      throw std::invalid_argument("it is not compressed by xz");
    }
    if (code == ARCHIVE_EOF) return files;
    auto [folder, name] = place_of(entry);
    if (first_folder.empty()) first_folder = folder;
    if (folder != first_folder) {
      throw std::invalid_argument(safe_to_show(folder) + " is a second folder");
    }
    if (name.empty()) {
      if (!std::exchange(has_own_entry, true)) continue;
      throw std::invalid_argument(safe_to_show(folder) + " is there twice");
    }
    if (files.size() == kMostFiles) throw std::invalid_argument("it has more than 16 files");
    if (std::ranges::find(files, name, &TextFiles::value_type::first) != files.end()) {
      throw std::invalid_argument(safe_to_show(name) + " is there twice");
    }
    files.emplace_back(std::move(name), contents(from.get(), left));
    left -= files.back().second.size();
  }
}

}  // namespace

std::string bundle(const std::string& folder, const TextFiles& files) {
  std::string bytes;
  const Writing to(archive_write_new());
  const auto require = [&](int code) {
    if (code != ARCHIVE_OK) throw std::runtime_error(reason(to.get()));
  };
  require(archive_write_add_filter_xz(to.get()));
  require(archive_write_set_format_ustar(to.get()));
  require(archive_write_set_bytes_in_last_block(to.get(), 1));  // no filling
  require(archive_write_open(to.get(), &bytes, nullptr, append, nullptr));
  for (const auto& [name, text] : files) {
    const Entry entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), (fs::path(folder) / name).c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), kReadableByAll);
    require(archive_write_header(to.get(), entry.get()));
    const la_ssize_t written = archive_write_data(to.get(), text.data(), text.size());
    if (written != static_cast<la_ssize_t>(text.size())) require(ARCHIVE_FATAL);
  }
  require(archive_write_close(to.get()));
  return bytes;
}

TextFiles read_bundle(const fs::path& file) {
  try {
    return read_all(file);
  } catch (const std::invalid_argument& e) {
    throw FormatError(file.string() + ": " + e.what());
  }
}

}  // namespace mvsgd::data
