#include "sim/run/run_archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>

#include "data/dataset.hpp"
#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/json.hpp"
#include "sim/run/condensed_run.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHead = "archive.json";
constexpr const char* kFormat = "mvsgd run";
constexpr std::uint32_t kVersion = 1;

/// Throws std::invalid_argument unless `text` is the head of an archive of this version.
void check_head(const fs::path& archive, const std::string& text) {
  try {
    const auto head = nlohmann::json::parse(without_nul(text));
    if (!head.is_object() || head.value("format", nlohmann::json()) != kFormat) {
      throw std::invalid_argument("no archive of a run");
    }
    const auto version = whole_number<std::uint32_t>(head.at("version"));
    if (version == kVersion) return;
    throw std::invalid_argument(
        fmt::format("an archive of version {}; this program reads version {}", version, kVersion));
  } catch (const std::exception& e) {
    throw std::invalid_argument(
        fmt::format("{}: {}: {}", archive.string(), kHead, said_of_json(e)));
  }
}

/// The condensed run's files in the archive. Throws InputError if it is none of a run.
data::TextFiles files_of(const fs::path& archive) {
  try {
    const data::TextFiles files = data::read_bundle(archive);
    const auto take = [&](std::string_view name) {
      const auto found = std::ranges::find(files, name, &data::TextFiles::value_type::first);
      if (found != files.end()) return *found;
      throw std::invalid_argument(fmt::format("{}: {} is not in it", archive.string(), name));
    };
    check_head(archive, take(kHead).second);
    data::TextFiles run;
    for (const std::string_view name : kCondensedFiles) run.push_back(take(name));
    for (const auto& [name, text] : files) {
      if (name == kHead || std::ranges::count(kCondensedFiles, name) > 0) continue;
      throw std::invalid_argument(
          fmt::format("{}: {} is no file of a run's archive", archive.string(), name));
    }
    return run;
  } catch (const std::exception& e) {
    throw InputError(e.what());
  }
}

}  // namespace

void write_run_archive(const fs::path& run, const fs::path& archive) {
  std::string folder = archive.filename().string();
  if (folder.ends_with(kArchiveEnding)) {
    folder.resize(folder.size() - std::string_view(kArchiveEnding).size());
  }
  const nlohmann::ordered_json head = {{"format", kFormat}, {"version", kVersion}};
  data::TextFiles files = condensed(run);
  files.insert(files.begin(), {kHead, head.dump() + '\n'});
  replace_file(archive, data::bundle(folder, files));
}

void unpack_run_archive(const fs::path& archive, const fs::path& directory) {
  const data::TextFiles files = files_of(archive);
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw UnpackError(fmt::format("{}: {}", directory.string(), error.message()));
  if (!fs::is_empty(directory)) {
    throw InputError(fmt::format("{}: exists and is not empty", directory.string()));
  }
  // metrics.jsonl comes last: with its end the directory holds a finished run.
  const auto is_metrics = [](const auto& file) { return file.first == "metrics.jsonl"; };
  data::TextFiles in_order = files;
  std::stable_partition(in_order.begin(), in_order.end(),
                        [&](const auto& file) { return !is_metrics(file); });
  for (const auto& [name, text] : in_order) {
    errno = 0;
    std::ofstream file(directory / name, std::ios::binary);
    file << text;
    file.close();
    if (file) continue;
    const std::string reason = std::generic_category().message(errno);
    for (const auto& written : files) fs::remove(directory / written.first, error);
    throw UnpackError(fmt::format("{}: {}", (directory / name).string(), reason));
  }
}

std::string said_of_archive(std::string text, const fs::path& archive, const fs::path& directory) {
  const std::string place = directory.string();
  const std::size_t next = place.size();
  if (!text.starts_with(place) || next == text.size()) return text;
  if (text[next] == '/') return fmt::format("{}: {}", archive.string(), text.substr(next + 1));
  return text[next] == ':' ? archive.string() + text.substr(next) : text;
}

}  // namespace mvsgd::sim
