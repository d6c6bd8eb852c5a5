#include "sim/run/tensorboard.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <iterator>
#include <stdexcept>

#include "sim/files/durable_file.hpp"
#include "sim/files/input_error.hpp"
#include "sim/files/plain_file.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNameBegins = "events.out.tfevents.";
constexpr std::string_view kNameEnds = ".mvsgd";

constexpr std::array<std::uint32_t, 256> make_table() {
  constexpr std::uint32_t kReversedCastagnoli = 0x82f63b78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? kReversedCastagnoli : 0);
    }
    table[byte] = remainder;
  }
  return table;
}

template <typename Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes += static_cast<char>(value >> (8 * i) & 0xff);
  }
  return bytes;
}

std::string masked_crc(std::string_view bytes) {
  constexpr std::uint32_t kMask = 0xa282ead8;
  return little_endian(std::rotr(crc32c(bytes), 15) + kMask);
}

// The wire types of protocol buffers, in the low three bits of a field's key.
constexpr unsigned kVarint = 0;
constexpr unsigned kEightBytes = 1;
constexpr unsigned kCounted = 2;
constexpr unsigned kFourBytes = 5;

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(unsigned field, unsigned wire) { return varint(field << 3 | wire); }

std::string bytes_field(unsigned field, std::string_view bytes) {
  return key(field, kCounted) + varint(bytes.size()) + std::string(bytes);
}

std::string wall_time_field(double seconds) {
  return key(1, kEightBytes) + little_endian(std::bit_cast<std::uint64_t>(seconds));
}

std::string record(std::string_view event) {
  const std::string length = little_endian(std::uint64_t{event.size()});
  return length + masked_crc(length) + std::string(event) + masked_crc(event);
}

/// The event in the record at the start of `bytes`; none if the record is incomplete or damaged.
std::optional<std::string_view> first_event(std::string_view bytes) {
  constexpr std::size_t kBefore = sizeof(std::uint64_t) + sizeof(std::uint32_t);
  if (bytes.size() < kBefore) return std::nullopt;
  std::uint64_t length = 0;
  for (std::size_t i = sizeof length; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  }
  // If `length` exceeds the file, substr() stops at its end, and the record below differs.
  const std::string_view event = bytes.substr(kBefore, length);
  if (!bytes.starts_with(record(event))) return std::nullopt;
  return event;
}

/// The step of an event as add() writes it; 0 if the event has none.
std::uint64_t step_of(std::string_view event) {
  constexpr std::size_t kWallTime = 1 + sizeof(double);
  const std::string step_key = key(2, kVarint);
  if (event.size() < kWallTime || !event.substr(kWallTime).starts_with(step_key)) return 0;
  std::uint64_t step = 0;
  unsigned shift = 0;
  for (const char byte : event.substr(kWallTime + step_key.size())) {
    step |= std::uint64_t{static_cast<unsigned char>(byte) & 0x7fU} << shift;
    shift += 7;
    if (static_cast<unsigned char>(byte) < 0x80 || shift > 63) break;
  }
  return step;
}

std::vector<fs::path> event_files(const fs::path& directory) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kNameBegins) && name.ends_with(kNameEnds)) found.push_back(entry.path());
  }
  return found;
}

fs::path free_path(const fs::path& directory, double wall_time) {
  fs::path path;
  do {
    path = directory / fmt::format("{}{:.0f}{}", kNameBegins, wall_time++, kNameEnds);
  } while (fs::exists(path));
  return path;
}

std::string step_field(std::uint64_t step) { return key(2, kVarint) + varint(step); }

std::string value_field(const Scalar& scalar) {
  const auto value = std::bit_cast<std::uint32_t>(static_cast<float>(scalar.value));
  return bytes_field(1, bytes_field(1, scalar.tag) + key(2, kFourBytes) + little_endian(value));
}

}  // namespace

std::vector<Scalar> scalars_of(const RoundMetrics& round) {
  std::vector<Scalar> scalars;
  for (const Metric& metric : metrics()) {
    if (metric.tag.empty()) continue;
    if (const auto value = metric.of(round)) scalars.push_back({metric.tag, *value});
  }
  return scalars;
}

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_table();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  return ~crc;
}

EventFile::EventFile(const fs::path& directory, double wall_time,
                     std::optional<std::uint64_t> goes_on_at)
    : path_(free_path(directory, wall_time)), file_(path_, std::ios::binary) {
  if (!file_) throw InputError(fmt::format("{}: cannot be written", path_.string()));
  write(wall_time_field(wall_time) + bytes_field(3, "brain.Event:2"));
  if (!goes_on_at) return;
  const std::string start = key(1, kVarint) + varint(1);
  write(wall_time_field(wall_time) + step_field(*goes_on_at) + bytes_field(7, start));
}

void EventFile::add(std::uint64_t step, double wall_time, std::span<const Scalar> scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) summary += value_field(scalar);
  write(wall_time_field(wall_time) + step_field(step) + bytes_field(5, summary));
}

void EventFile::sync() { sync_path(path_); }

void EventFile::write(std::string_view event) {
  file_ << record(event);
  file_.flush();
  if (!file_) {
    throw std::runtime_error(fmt::format("{}: cannot be written (disk full?)", path_.string()));
  }
}

std::vector<EventCut> event_cuts_after(const fs::path& directory, std::uint64_t t) {
  std::vector<EventCut> cuts;
  for (const fs::path& path : event_files(directory)) {
    std::ifstream in = open_plain(path);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::size_t kept = 0;
    std::size_t events = 0;  // without the first, which has the version
    for (auto event = first_event(bytes); event && step_of(*event) <= t;
         event = first_event(std::string_view(bytes).substr(kept))) {
      kept += record(*event).size();
      if (step_of(*event) > 0) ++events;
    }
    cuts.push_back({.file = path, .bytes = events > 0 ? kept : 0});
  }
  return cuts;
}

void cut_events(std::span<const EventCut> cuts) {
  for (const EventCut& cut : cuts) {
    if (cut.bytes > 0) {
      fs::resize_file(cut.file, cut.bytes);
    } else {
      fs::remove(cut.file);
    }
  }
}

}  // namespace mvsgd::sim
