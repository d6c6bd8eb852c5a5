// Event files as TensorBoard opens them.
//
// A file is a sequence of records, each
//
//     length of the data        8 bytes, least significant first
//     masked CRC of these 8     4 bytes
//     the data                  an Event of TensorFlow's event.proto
//     masked CRC of the data    4 bytes
//
// The CRC is CRC-32C (Castagnoli); masked is rotated right by 15 bits and 0xa282ead8 added to it.
// The first event has file_version "brain.Event:2", a second one may say that a run goes on, each
// other one has a summary of scalars. Of the message only these fields are written:
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
  double value = 0;  ///< written as a float: the format has no more
};

class EventFile {
 public:
  /// Begins events.out.tfevents.TIME.mvsgd in `directory`, TIME being `wall_time`, seconds since
  /// 1970, or the first later one whose name is free. With `goes_on_at`, the next round of a run
  /// that goes on, a reader forgets what it has read of this round and later ones: TensorBoard does
  /// so for a START alone, and shows a step twice otherwise. Throws InputError if the file cannot
  /// be written.
  EventFile(const std::filesystem::path& directory, double wall_time,
            std::optional<std::uint64_t> goes_on_at = {});

  /// One event, in the file when this returns. Throws std::runtime_error if it cannot be written.
  void add(std::uint64_t step, double wall_time, std::span<const Scalar> scalars);

  /// Every event is on the disk when this returns. Throws std::runtime_error if it cannot be.
  void sync();

 private:
  void write(std::string_view event);

  std::filesystem::path path_;
  std::ofstream file_;
};

/// Cuts off the event files in `directory` what is past round `t`, and an incomplete record with
/// all behind it; removes a file that has no event left. A run that goes on after round `t` begins
/// a new file that says so, since TensorBoard does not read again what it has read. Returns whether
/// there were any. Throws InputError if a file cannot be read, std::filesystem::filesystem_error if
/// it cannot be cut.
bool cut_events_after(const std::filesystem::path& directory, std::uint64_t t);

/// What an event of a round has: every metric with a tag that the round has a value of.
[[nodiscard]] std::vector<Scalar> scalars_of(const RoundMetrics& round);

/// CRC-32C of `bytes`.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

}  // namespace mvsgd::sim
