// Event files as TensorBoard opens them.
//
// A file is a sequence of records, each
//
//     length of the data        8 bytes, least significant first
//     masked CRC of these 8     4 bytes
//     the data                  an Event of TensorFlow's event.proto
//     masked CRC of the data    4 bytes
//
// The CRC is CRC-32C (Castagnoli). Masked means rotated right by 15 bits, plus 0xa282ead8. The
// first event has file_version "brain.Event:2". A second one may say that a run goes on. Every
// other event has a summary of scalars. Only these fields of the messages are written:
//
//     Event       1 wall_time (double)   2 step (varint)   3 file_version (string)   5 summary
//                 7 session_log
//     Summary     1 value, repeated
//     Value       1 tag (string)         2 simple_value (float)
//     SessionLog  1 status (varint): 1, START
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/run/metrics.hpp"

namespace mvsgd::sim {

struct Scalar {
  std::string_view tag;
  double value = 0;  ///< written as a float, the format's only type
};

class EventFile {
 public:
  /// Begins events.out.tfevents.TIME.mvsgd in `directory`. TIME is `wall_time`, seconds since 1970,
  /// or the first later second whose name is free. `goes_on_at` is the next round of a run that
  /// goes on; it makes a reader forget what it has read of this round and later ones. TensorBoard
  /// does so only at a START, and shows steps twice without one. Throws InputError if the file
  /// cannot be written.
  EventFile(const std::filesystem::path& directory, double wall_time,
            std::optional<std::uint64_t> goes_on_at = {});

  /// Adds an event, which is in the file on return. Throws std::runtime_error if it cannot be
  /// written.
  void add(std::uint64_t step, double wall_time, std::span<const Scalar> scalars);

  /// On return, every event is on the disk. Throws std::runtime_error if that fails.
  void sync();

 private:
  void write(std::string_view event);

  std::filesystem::path path_;
  std::ofstream file_;
};

/// How much of an event file stays.
struct EventCut {
  std::filesystem::path file;
  std::uint64_t bytes = 0;  ///< 0: no event is left, and the file goes
};

/// A cut for each event file of `directory`: past round `t`, or from an incomplete record on if
/// that comes before. A run that goes on after round `t` begins a new file that says so, since
/// TensorBoard does not read again what it has read. Throws InputError if a file cannot be read.
[[nodiscard]] std::vector<EventCut> event_cuts_after(const std::filesystem::path& directory,
                                                     std::uint64_t t);

/// Throws std::filesystem::filesystem_error if a file cannot be cut.
void cut_events(std::span<const EventCut> cuts);

/// The scalars of a round's event: every metric that has a tag and, in this round, a value.
[[nodiscard]] std::vector<Scalar> scalars_of(const RoundMetrics& round);

/// CRC-32C of `bytes`.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

}  // namespace mvsgd::sim
