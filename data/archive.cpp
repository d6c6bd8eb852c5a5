#include "data/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "data/dataset.hpp"
#include "data/tar_entry.hpp"

namespace mvsgd::data {
namespace {

namespace fs = std::filesystem;

// More entries than the archive has (nine), and few enough to take no time.
constexpr std::size_t kEntries = 64;
constexpr std::size_t kChunk = std::size_t{1} << 16;

class Reader {
 public:
  explicit Reader(const fs::path& file)
      : file_(file), archive_(archive_read_new(), &archive_read_free) {
    if (!archive_) throw std::runtime_error("libarchive cannot be used");
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_format_tar(archive_.get());
    require(archive_read_open_filename(archive_.get(), file.c_str(), kChunk));
  }

  /// The next entry, or null after the last.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(archive_.get(), &entry);
    if (code == ARCHIVE_EOF) return nullptr;
    require(code);
    return entry;
  }

  /// Reads the next bytes of the entry. Returns how many of `chunk` were filled, 0 at the entry's
  /// end.
  std::size_t read(std::vector<char>& chunk) {
    const la_ssize_t count = archive_read_data(archive_.get(), chunk.data(), chunk.size());
    if (count < 0) require(ARCHIVE_FATAL);
    return static_cast<std::size_t>(count);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(file_.string() + ": " + what);
  }

 private:
  void require(int code) const {
    if (code == ARCHIVE_OK) return;
    const char* words = archive_error_string(archive_.get());
    fail(words != nullptr ? words : "no tar.gz");
  }

  fs::path file_;
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
};

std::string shown(const std::string& name) { return "'" + safe_to_show(name) + "'"; }

bool climbs(const fs::path& path) {
  return path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
}

void copy(Reader& reader, const std::string& name, const fs::path& to, std::uint64_t bytes) {
  std::ofstream out(to, std::ios::binary);
  std::vector<char> chunk(kChunk);
  std::uint64_t done = 0;
  while (const std::size_t count = reader.read(chunk)) {
    if (count > bytes - done) reader.fail(shown(name) + " is longer than it says");
    if (!out.write(chunk.data(), static_cast<std::streamsize>(count))) break;
    done += count;
  }
  if (out) out.close();
  if (!out) {
    throw std::runtime_error(to.string() +
                             ": cannot be written: " + std::generic_category().message(errno));
  }
  if (done != bytes) reader.fail(shown(name) + " is shorter than it says");
}

}  // namespace

void unpack(const Archive& wanted, const fs::path& file, const fs::path& into) {
  std::uint64_t most = 0;
  for (const Archive::File& f : wanted.files) most = std::max(most, f.bytes);
  Reader reader(file);
  std::set<std::string> found;
  for (std::size_t count = 1; archive_entry* const entry = reader.next(); ++count) {
    const char* const pathname = archive_entry_pathname(entry);
    if (pathname == nullptr || count > kEntries) reader.fail("not the archive of this data set");
    const std::string name = pathname;
    const bool plain = is_plain_file(entry);
    if (!plain && archive_entry_filetype(entry) != AE_IFDIR) {
      reader.fail(shown(name) + " is no plain file");
    }
    if (climbs(name)) reader.fail(shown(name) + " leaves the directory");
    if (!plain) continue;
    const auto bytes =
        static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)));
    const auto is_it = [&](const Archive::File& f) { return name == wanted.folder + "/" + f.name; };
    const auto known = std::find_if(wanted.files.begin(), wanted.files.end(), is_it);
    const bool wants = known != wanted.files.end();
    if (wants ? bytes != known->bytes : bytes > most) {
      reader.fail(shown(name) + " has " + std::to_string(bytes) + " bytes" +
                  (wants ? ", not " + std::to_string(known->bytes) : ""));
    }
    if (!wants) continue;
    if (!found.insert(known->name).second) reader.fail(shown(name) + " is there twice");
    copy(reader, name, into / known->name, bytes);
  }
  for (const Archive::File& f : wanted.files) {
    if (!found.contains(f.name)) reader.fail(f.name + " is not in it");
  }
}

}  // namespace mvsgd::data
