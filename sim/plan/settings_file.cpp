#include "sim/plan/settings_file.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/keys.hpp"
#include "sim/plan/presets.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kFirstRound = "first_round";
constexpr std::string_view kFromRound = "from_round_";
constexpr std::size_t kMostTomlBytes = std::size_t{1} << 20;  // all keys take about a thousandth

/// Throws UsageError naming the key unless its value is a string, a number, true or false.
std::string text_of(std::string_view key, const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) {
    // A path or a name would end there.
    if (text->find('\0') == std::string::npos) return *text;
    throw UsageError(fmt::format("{}: a text without a NUL character is wanted", key));
  }
  if (const auto whole = node.value_exact<std::int64_t>()) return std::to_string(*whole);
  if (const auto real = node.value_exact<double>()) return fmt::format("{}", *real);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  throw UsageError(fmt::format("{}: a string, number, true or false is wanted{}", key,
                               node.is_table()   ? ", not a table"
                               : node.is_array() ? ", not a list"
                                                 : ""));
}

/// What `file` has for the number `node`, without the underscores and the plus that TOML allows: a
/// double may have fewer digits.
std::string digits_of(std::string_view file, const toml::node& node) {
  const toml::source_position at = node.source().begin;
  for (toml::source_index line = 1; line < at.line; ++line) file.remove_prefix(file.find('\n') + 1);
  // A column is that of a character, and known keys are of characters of one byte.
  std::string digits(file.substr(at.column - 1));
  digits.resize(std::min(digits.find_first_of(" \t\r\n#"), digits.size()));
  std::erase(digits, '_');
  return digits.starts_with('+') ? digits.substr(1) : digits;
}

/// `text` as a TOML string.
std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    const bool control = static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    quoted += control ? fmt::format("\\u{:04x}", c) : std::string(1, c);
  }
  return quoted + '"';
}

/// Whether TOML reads exactly this text as a number, true or false.
bool is_bare(const std::string& text) {
  try {
    const toml::table line = toml::parse("x = " + text);
    return text_of("x", *line.get("x")) == text;
  } catch (const toml::parse_error&) {
    return false;
  }
}

[[noreturn]] void fail(const std::string& name, const toml::source_region& where,
                       std::string_view why) {
  throw InputError(fmt::format("{}:{}: {}", name, where.begin.line, why));
}

toml::table table_of(std::string_view text, const std::string& name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& e) {
    fail(name, e.source(), e.description());
  }
}

/// The strings of a table.
Environment texts_of(const toml::table& table) {
  Environment environment;
  for (const auto& [key, node] : table) {
    if (const auto value = node.value_exact<std::string>()) {
      environment.emplace_back(key.str(), *value);
    }
  }
  return environment;
}

/// 0 if the text is no round.
std::uint32_t round_of(std::string_view text) {
  std::uint32_t round = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), round);
  return error == std::errc() && end == text.data() + text.size() ? round : 0;
}

/// The limit counts the bytes read, not the file's size: a pipe has no size, and a device may never
/// end.
std::string text_of_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const int reason = errno;
  std::error_code none;
  if (!file || std::filesystem::is_directory(path, none)) {
    throw InputError(fmt::format("{}: {}", path,
                                 file ? "a directory, where a file of settings is wanted"
                                      : std::generic_category().message(reason)));
  }
  std::string text;
  std::array<char, 4096> part{};
  while (file) {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > kMostTomlBytes) {
      throw InputError(fmt::format("{}: more than {} bytes: no settings", path, kMostTomlBytes));
    }
  }
  return text;
}

}  // namespace

void write_toml(const Settings& settings, std::ostream& out) {
  if (!settings.preset.empty()) fmt::print(out, "preset = {}\n", toml_string(settings.preset));
  for (const Key& key : keys()) {
    const std::string value = key.get(settings);
    fmt::print(out, "{} = {}\n", key.name,
               key.is_text || !is_bare(value) ? toml_string(value) : value);
  }
}

void write_toml(const Settings& settings, const Environment& environment, std::ostream& out) {
  const RunPart whole{.first_round = 1, .environment = environment};
  write_toml(settings, std::span(&whole, 1), out);
}

void write_toml(const Settings& settings, std::span<const RunPart> parts, std::ostream& out) {
  write_toml(settings, out);
  const auto write_part = [&](const std::string& table, const Environment& environment) {
    fmt::print(out, "\n[{}]\n", table);
    for (const auto& [name, value] : environment) {
      fmt::print(out, "{} = {}\n", name, toml_string(value));
    }
  };
  Environment last = parts.back().environment;
  if (parts.size() > 1) {
    last.emplace_back(kFirstRound, std::to_string(parts.back().first_round));
  }
  write_part("environment", last);
  for (const RunPart& part : parts.first(parts.size() - 1)) {
    write_part(fmt::format("environment.{}{}", kFromRound, part.first_round), part.environment);
  }
}

Settings parse_toml(std::string_view text, const std::string& name,
                    std::optional<std::string> preset_name) {
  return parse_file_settings(text, name, std::move(preset_name)).settings;
}

FileSettings parse_file_settings(std::string_view text, const std::string& name,
                                 std::optional<std::string> preset_name) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";  // of UTF-8, which is in no column
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  toml::table table = table_of(text, name);
  const toml::table* const environment = table["environment"].as_table();
  const Settings standard;
  FileSettings read;
  if (environment != nullptr) read.environment = texts_of(*environment);
  Settings& settings = read.settings;
  const auto named = table.find("preset");
  try {
    if (!preset_name && named != table.end()) preset_name = text_of("preset", named->second);
    if (preset_name) settings = preset(*preset_name).settings;
  } catch (const UsageError& e) {
    fail(name, named == table.end() ? table.source() : named->second.source(), e.what());
  }
  const auto apply = [&](std::string_view key, const toml::node& node) {
    try {
      if (find_key(key) == nullptr) set(settings, key, "");  // throws: no such key
      set(settings, key, node.is_floating_point() ? digits_of(text, node) : text_of(key, node));
    } catch (const UsageError& e) {
      fail(name, node.source(), e.what());
    }
  };
  // Known keys come first, in the order of keys(). Then come unknown ones, which set() refuses.
  for (const Key& key : keys()) {
    const auto given = table.find(key.name);
    if (given == table.end()) continue;
    const std::string before = key.get(settings);
    apply(key.name, given->second);
    const std::string value = key.get(settings);
    if (environment == nullptr && value != before && value != key.get(standard)) {
      const auto line = given->second.source().begin.line;
      read.named.push_back(
          {.key = std::string(key.name), .where = fmt::format("{}:{}", name, line)});
    }
    table.erase(given);
  }
  for (const auto& [key, node] : table) {
    if (key == "preset" || (key == "environment" && node.is_table())) continue;
    apply(key.str(), node);
  }
  return read;
}

Settings read_toml(const std::string& path, std::optional<std::string> preset_name) {
  return parse_toml(text_of_file(path), path, std::move(preset_name));
}

FileSettings read_file_settings(const std::string& path, std::optional<std::string> preset_name) {
  return parse_file_settings(text_of_file(path), path, std::move(preset_name));
}

FileSettings read_run_settings(const std::filesystem::path& config) {
  refuse_unless_plain(config);
  return read_file_settings(config.string(), std::nullopt);
}

std::vector<RunPart> read_run_parts(const std::string& path) {
  refuse_unless_plain(path);
  const toml::table table = table_of(text_of_file(path), path);
  const toml::table* const there = table["environment"].as_table();
  if (there == nullptr) return {};
  std::vector<RunPart> parts;
  for (const auto& [key, node] : *there) {
    const std::string_view name = key.str();
    if (!node.is_table() || !name.starts_with(kFromRound)) continue;
    parts.push_back({.first_round = round_of(name.substr(kFromRound.size())),
                     .environment = texts_of(*node.as_table())});
  }
  RunPart last{.first_round = 1, .environment = texts_of(*there)};
  const auto first =
      std::ranges::find(last.environment, kFirstRound, &Environment::value_type::first);
  if (first != last.environment.end()) {
    last.first_round = round_of(first->second);
    last.environment.erase(first);
  }
  parts.push_back(std::move(last));
  std::ranges::sort(parts, {}, &RunPart::first_round);
  return parts;
}

}  // namespace mvsgd::sim
