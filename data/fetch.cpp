#include "data/fetch.hpp"

#include <curl/curl.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "data/checksum.hpp"
#include "data/cifar10.hpp"
#include "data/dataset.hpp"

namespace mvsgd::data {
namespace {

namespace fs = std::filesystem;

std::error_code last_error() { return {errno, std::generic_category()}; }

/// Appends the bytes of a download to a file as they come.
struct Sink {
  std::ofstream file;
  std::uint64_t done = 0;  ///< bytes in the file, earlier transfers included
  std::uint64_t total = 0;
  const FetchProgress* progress = nullptr;
  bool too_long = false;
  std::error_code unwritten;  ///< why the file has not all of it
};

std::size_t receive(char* bytes, std::size_t, std::size_t count, void* user) {
  Sink& sink = *static_cast<Sink*>(user);
  sink.too_long = count > sink.total - sink.done;
  if (sink.too_long) return 0;
  if (!sink.file.write(bytes, static_cast<std::streamsize>(count))) {
    sink.unwritten = last_error();
    return 0;
  }
  sink.done += count;
  if (*sink.progress) (*sink.progress)(sink.done, sink.total);
  return count;
}

/// Continues at the end of `part`. Returns libcurl's code and its message.
std::pair<CURLcode, std::string> transfer(const std::string& url, const fs::path& part,
                                          Sink& sink) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (!curl) throw std::runtime_error("libcurl cannot be used");
  sink.file.open(part, std::ios::binary | std::ios::app);
  if (!sink.file) sink.unwritten = last_error();
  char words[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(curl.get(), option, value);
  };
  constexpr long kConnectSeconds = 30;
  constexpr long kSilentSeconds = 60;
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https,file");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_FAILONERROR, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kSilentSeconds);
  set(CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(sink.done));
  set(CURLOPT_WRITEFUNCTION, &receive);
  set(CURLOPT_WRITEDATA, &sink);
  set(CURLOPT_ERRORBUFFER, &words[0]);
  const CURLcode code = curl_easy_perform(curl.get());
  sink.file.close();
  if (!sink.file && !sink.unwritten) sink.unwritten = last_error();
  return {code, words[0] != '\0' ? words : curl_easy_strerror(code)};
}

/// Completes `part` to the whole archive.
void download(const Archive& archive, const fs::path& part, const FetchProgress& progress) {
  std::error_code error;
  std::uintmax_t begun = fs::file_size(part, error);
  if (error || begun > archive.bytes) begun = 0;
  if (begun == archive.bytes) return;
  for (;;) {
    if (begun == 0) fs::remove(part, error);
    Sink sink;
    sink.done = begun;
    sink.total = archive.bytes;
    sink.progress = &progress;
    const auto [code, words] = transfer(archive.url, part, sink);
    if (begun > 0 && (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME)) {
      begun = 0;  // the server knows no ranges, or has less than we have
      continue;
    }
    if (sink.unwritten) {
      throw std::runtime_error(part.string() + ": cannot be written: " + sink.unwritten.message() +
                               "; the same command goes on from what it has");
    }
    if (code == CURLE_OK && sink.done == archive.bytes) return;
    const bool other = sink.too_long || code == CURLE_OK;
    if (other || sink.done == 0) fs::remove(part, error);
    if (other) {
      throw FormatError(archive.url + ": " + (sink.too_long ? "longer" : "shorter") + " than " +
                        std::to_string(archive.bytes) + " bytes; nothing of it is kept");
    }
    if (sink.done == 0) throw FormatError(archive.url + ": " + words);
    throw FormatError(archive.url + ": " + words + "; the first " + std::to_string(sink.done) +
                      " of " + std::to_string(archive.bytes) + " bytes are kept in " +
                      part.string() + ", and the same command goes on from there");
  }
}

void unpack_checked(const Archive& archive, const fs::path& part, const fs::path& into) {
  if (checksum(part, Hash::sha256) != archive.sha256) {
    throw FormatError(archive.url + ": its SHA-256 is not " + archive.sha256 +
                      "; nothing of it is kept");
  }
  unpack(archive, part, into);
  for (const Archive::File& file : archive.files) {
    if (checksum(into / file.name, Hash::md5) != file.md5) {
      throw FormatError(archive.url + ": " + file.name + ": its MD5 is not " + file.md5);
    }
  }
}

}  // namespace

Archive cifar10_archive() {
  Archive archive{.url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                  .bytes = 170'052'171,
                  .sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                  .folder = "cifar-10-batches-bin",
                  .files = {}};
  for (const Cifar10File& file : kCifar10Files) {
    archive.files.push_back(
        {.name = std::string(file.name), .bytes = kCifar10FileBytes, .md5 = std::string(file.md5)});
  }
  return archive;
}

bool is_there(const Archive& archive, const fs::path& dir) {
  for (const Archive::File& file : archive.files) {
    std::error_code error;
    if (fs::file_size(dir / file.name, error) != file.bytes || error) return false;
    if (checksum(dir / file.name, Hash::md5) != file.md5) return false;
  }
  return true;
}

void fetch(const Archive& archive, const fs::path& dir, const FetchProgress& progress) {
  std::error_code error;
  const bool existed = fs::exists(dir, error);
  fs::create_directories(dir, error);
  if (error) throw FormatError(dir.string() + ": " + error.message());
  const fs::path part = dir / "archive.part";
  const fs::path unpacked = dir / "unpacked.tmp";
  try {
    download(archive, part, progress);
  } catch (...) {
    if (!existed) fs::remove(dir, error);  // only if it is empty
    throw;
  }
  const auto clean = [&] {
    fs::remove_all(unpacked, error);
    fs::remove(part, error);
  };
  try {
    fs::remove_all(unpacked);
    fs::create_directory(unpacked);
    unpack_checked(archive, part, unpacked);
    for (const Archive::File& file : archive.files) {
      fs::rename(unpacked / file.name, dir / file.name);
    }
  } catch (...) {
    clean();
    if (!existed) fs::remove(dir, error);
    throw;
  }
  clean();
}

}  // namespace mvsgd::data
