#include "sim/run/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/files/json.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/settings.hpp"
#include "sim/run/checkpoint_files.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/images.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kFormat = "mvsgd checkpoint";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kKept = 2;
constexpr const char* kFolder = "checkpoint";
constexpr const char* kManifest = "manifest.json";
constexpr const char* kArrays = "arrays.safetensors";
constexpr const char* kProgress = "progress.json";
constexpr std::string_view kPrefix = "round-";
constexpr std::string_view kTemporary = ".tmp";

/// A checkpoint that is not what it was when it was made. The error never leaves this file.
class Damaged : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string name_of(std::uint32_t t) { return fmt::format("{}{:08}", kPrefix, t); }

/// Round and path of every checkpoint, judged by name alone, the newest first.
std::map<std::uint32_t, fs::path, std::greater<>> list(const fs::path& folder) {
  std::map<std::uint32_t, fs::path, std::greater<>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::uint32_t t = 0;
    if (!name.starts_with(kPrefix)) continue;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), t);
    if (name == name_of(t)) found[t] = entry.path();
  }
  if (error) throw InputError(fmt::format("{}: {}", folder.string(), error.message()));
  return found;
}

/// Removes it under a temporary name, so that its own name never stands for a part of it.
void remove_checkpoint(const fs::path& path) {
  const fs::path temporary = path.string() + std::string(kTemporary);
  fs::remove_all(temporary);
  fs::rename(path, temporary);
  fs::remove_all(temporary);
}

ordered_json json_of(const FileDigest& digest) {
  return {{"bytes", digest.bytes}, {"sha256", digest.sha256}};
}

FileDigest digest_from(const json& object) {
  return {.bytes = whole_number<std::uint64_t>(object.at("bytes")),
          .sha256 = object.at("sha256").get<std::string>()};
}

/// Makes a file that `write(file)` fills.
template <typename Write>
FileDigest make_file(const fs::path& path, const Write& write) {
  DurableFile file(path);
  write(file);
  return file.finish();
}

json read_json(const fs::path& path) {
  try {
    std::ifstream file = open_plain(path);
    json value = json::parse(json_text(file), nullptr, false);
    if (value.is_object()) return value;
  } catch (const InputError& e) {
    throw Damaged(e.what());
  } catch (const std::invalid_argument& e) {
    throw Damaged(fmt::format("{}: {}", path.string(), e.what()));
  }
  throw Damaged(fmt::format("{} is no JSON object", path.string()));
}

/// Throws Damaged with the reason if the file cannot be read at all.
void need_readable(const fs::path& path) {
  try {
    (void)open_plain(path);
  } catch (const InputError& e) {
    throw Damaged(e.what());
  }
}

void check_digest(const fs::path& path, const FileDigest& want, bool may_be_longer) {
  const auto got = digest_of(path, may_be_longer ? std::optional(want.bytes) : std::nullopt);
  if (got == want) return;
  if (!got) {
    need_readable(path);
    throw Damaged(
        fmt::format("{} has not {} bytes, as {} says", path.string(), want.bytes, kManifest));
  }
  throw Damaged(fmt::format("{} has {} bytes with SHA-256 {}, {} says {} with {}", path.string(),
                            got->bytes, got->sha256, kManifest, want.bytes, want.sha256));
}

/// The value of `key` in a manifest's settings, as Key::get() gives it.
json value_there(const json& settings, const Key& key) {
  const auto found = settings.find(key.name);
  // The key is younger than the checkpoint: its default stands for what the program did then.
  if (found == settings.end()) return key.get(Settings());
  // Older manifests have TOML's quotes around this value (and around checkpoint_every, which is not
  // compared). No value of the key has quotes of its own.
  if (key.name == "warmup_epochs" && *found == "\"proportional\"") return "proportional";
  return *found;
}

/// Throws InputError unless the settings are the checkpoint's, except for those that may differ.
/// Data may lie elsewhere if the checkpoint has the images' digest, which check_images() compares.
void check_settings(const fs::path& path, const json& manifest, const Settings& here) {
  const json& there = manifest.at("settings");
  const bool knows_images = manifest.at("environment").contains(kImagesDigest);
  for (const Key& key : keys()) {
    if (changes_no_bit(here, key.name) || key.name == "rounds") continue;
    const json earlier = value_there(there, key);
    const std::string value = key.get(here);
    if (key.name == "data" && knows_images && value != "synthetic") continue;
    if (earlier != value) {
      throw InputError(fmt::format(
          "{}: {} = {} there, {} here{}", path.string(), key.name, earlier.dump(), value,
          key.name == "threads_per_worker"
              ? fmt::format(", and the bits of backend = {} depend on it", here.backend)
              : ""));
    }
  }
  for (const auto& [name, value] : there.items()) {
    if (find_key(name) == nullptr) {
      throw InputError(
          fmt::format("{}: {} = {} there, no such key here", path.string(), name, value.dump()));
    }
  }
}

/// Throws InputError if the manifest is not of this program's format.
void check_format(const fs::path& path, const json& manifest) {
  const json format = manifest.value("format", json());
  if (format != kFormat) {
    throw InputError(
        fmt::format("{}: format is {}, not \"{}\"", path.string(), format.dump(), kFormat));
  }
  const json version = manifest.value("version", json());
  if (version != kVersion) {
    throw InputError(fmt::format("{}: version is {}, this program reads {}", path.string(),
                                 version.dump(), kVersion));
  }
}

/// Throws Damaged, or InputError if the checkpoint is of another format or other settings.
Checkpoint read_checkpoint(const fs::path& run, const fs::path& path, std::uint32_t t,
                           const Settings& settings) {
  const json manifest = read_json(path / kManifest);
  check_format(path / kManifest, manifest);
  try {
    check_settings(path / kManifest, manifest, settings);
    RunFiles rows;
    for (const char* name : row_files(settings)) {
      rows[name] = digest_from(manifest.at("rows").at(name));
      check_digest(run / name, rows[name], true);
    }
    const json& files = manifest.at("files");
    for (const char* name : {kArrays, kProgress}) {
      check_digest(path / name, digest_from(files.at(name)), false);
    }
    Environment environment;
    for (const auto& [name, value] : manifest.at("environment").items()) {
      environment.emplace_back(name, value.get<std::string>());
    }
    CheckpointProgress progress = read_progress(path / kProgress, settings);
    Checkpoint checkpoint{.state = std::move(progress.state),
                          .rows = std::move(rows),
                          .environment = std::move(environment),
                          .kept = std::move(progress.kept)};
    if (manifest.at("round") != t || checkpoint.state.group.t != t) {
      throw Damaged(fmt::format("{} says round {}, {} round {}", kManifest,
                                manifest.at("round").dump(), kProgress, checkpoint.state.group.t));
    }
    if (checkpoint.kept && checkpoint.kept->round != t) {
      throw Damaged(
          fmt::format("{} has an evaluation of round {} due", kProgress, checkpoint.kept->round));
    }
    read_arrays(path / kArrays, settings, checkpoint.state);
    return checkpoint;
  } catch (const json::exception& e) {
    throw Damaged(fmt::format("{}: {}", path.string(), said_of_json(e)));
  }
}

}  // namespace

std::vector<const char*> row_files(const Settings& settings) {
  std::vector<const char*> names(kRowFiles.begin(), kRowFiles.end());
  if (settings.worker_metrics) names.push_back(kWorkerMetrics);
  return names;
}

void save_checkpoint(const fs::path& run, const TrialState& state,
                     const CheckpointContext& context) {
  const fs::path folder = run / kFolder;
  const fs::path path = folder / name_of(state.group.t);
  const fs::path temporary = path.string() + std::string(kTemporary);
  try {
    fs::remove_all(temporary);
    fs::create_directory(temporary);
    ordered_json manifest{{"format", kFormat}, {"version", kVersion}, {"round", state.group.t}};
    for (const Key& key : keys())
      manifest["settings"][std::string(key.name)] = key.get(context.settings);
    for (const auto& [name, value] : context.environment) manifest["environment"][name] = value;
    manifest["files"][kArrays] = json_of(
        make_file(temporary / kArrays, [&](DurableFile& file) { write_arrays(file, state); }));
    manifest["files"][kProgress] = json_of(make_file(temporary / kProgress, [&](DurableFile& file) {
      write_progress(file, state, context.kept);
    }));
    for (const auto& [name, digest] : context.rows) manifest["rows"][name] = json_of(digest);
    (void)make_file(temporary / kManifest,
                    [&](DurableFile& file) { file.write(manifest.dump(2) + '\n'); });
    sync_path(temporary);
    if (fs::exists(path)) remove_checkpoint(path);
    rename_durably(temporary, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  std::size_t kept = 0;
  for (const auto& [t, old] : list(folder)) {
    if (++kept > kKept) remove_checkpoint(old);
  }
}

FoundCheckpoint find_checkpoint(const fs::path& run, const Settings& settings, std::size_t rounds) {
  const fs::path folder = run / kFolder;
  std::error_code none;
  if (!fs::is_directory(folder, none)) {
    throw InputError(
        fmt::format("{}: no such directory: there is no run to resume", folder.string()));
  }
  FoundCheckpoint found;
  std::vector<std::string> unusable;
  for (const auto& [t, path] : list(folder)) {
    if (t >= rounds) {
      unusable.push_back(
          fmt::format("{}: the settings have {}", path.string(), counted(rounds, "round")));
      continue;
    }
    try {
      found.newest = read_checkpoint(run, path, t, settings);
      return found;
    } catch (const Damaged& e) {
      found.damaged.push_back(fmt::format("{} is damaged: {}", path.string(), e.what()));
    }
  }
  unusable.insert(unusable.end(), found.damaged.begin(), found.damaged.end());
  if (!unusable.empty()) {
    throw InputError(fmt::format("no checkpoint to go on from: {}", fmt::join(unusable, "; ")));
  }
  return found;
}

std::map<std::uint32_t, std::string> check_checkpoints(const fs::path& run,
                                                       const Settings& settings) {
  std::map<std::uint32_t, std::string> checked;
  std::error_code none;
  if (!fs::is_directory(run / kFolder, none)) return checked;
  for (const auto& [t, path] : list(run / kFolder)) {
    std::string& wrong = checked[t];
    try {
      (void)read_checkpoint(run, path, t, settings);
    } catch (const Damaged& e) {
      wrong = e.what();
    } catch (const InputError& e) {
      wrong = e.what();
    }
    // A running program may have removed it meanwhile, as it removes all but the last two.
    if (!wrong.empty() && !fs::exists(path)) checked.erase(t);
  }
  return checked;
}

void remove_checkpoints_after(const fs::path& run, std::uint32_t t) {
  const fs::path folder = run / kFolder;
  for (const auto& [round, path] : list(folder)) {
    if (round > t) remove_checkpoint(path);
  }
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == kTemporary) left.push_back(entry.path());
  }
  for (const fs::path& path : left) fs::remove_all(path);
}

}  // namespace mvsgd::sim
