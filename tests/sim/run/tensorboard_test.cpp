// Event files: golden bytes, and a run's file read by a decoder that shares nothing with the
// writer.
#include "sim/run/tensorboard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/run/run_history.hpp"
#include "tests/sim/outcome.hpp"
#include "tests/sim/small_run.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;

/// Computes the CRC bit by bit from the definition: the remainder of the reflected message.
std::uint32_t crc_by_definition(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool one = ((crc ^ static_cast<std::uint32_t>(byte) >> bit) & 1) != 0;
      crc = crc >> 1 ^ (one ? 0x82f63b78 : 0);
    }
  }
  return crc ^ 0xffffffff;
}

/// Reads values one after the other. Throws std::out_of_range past the end.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t n) {
    if (n > rest_.size()) throw std::out_of_range("cut short");
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  template <typename Value>
  Value fixed() {
    static_assert(std::endian::native == std::endian::little);
    Value value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

/// A message's fields, each as its bytes. A varint has eight.
std::multimap<std::uint64_t, std::string> fields(std::string_view message) {
  std::multimap<std::uint64_t, std::string> found;
  Bytes in(message);
  while (!in.empty()) {
    const std::uint64_t key = in.varint();
    std::string value;
    switch (key & 7) {
      case 0: {
        const std::uint64_t number = in.varint();
        value.assign(reinterpret_cast<const char*>(&number), sizeof number);
        break;
      }
      case 1:
        value = in.take(8);
        break;
      case 2:
        value = in.take(in.varint());
        break;
      case 5:
        value = in.take(4);
        break;
      default:
        throw std::out_of_range("no wire type");
    }
    found.emplace(key >> 3, value);
  }
  return found;
}

struct Event {
  std::uint64_t step = 0;
  double wall_time = 0;
  std::string version;
  bool starts = false;
  std::map<std::string, float> scalars;
};

std::vector<Event> read_events(const std::string& file) {
  std::vector<Event> events;
  Bytes in(file);
  const auto expect_crc = [&](std::string_view of) {
    const auto unmasked = std::rotl(in.fixed<std::uint32_t>() - 0xa282ead8U, 15);
    EXPECT_EQ(unmasked, crc_by_definition(of));
  };
  while (!in.empty()) {
    const std::string_view length = in.take(8);
    expect_crc(length);
    const std::string_view data = in.take(Bytes(length).fixed<std::uint64_t>());
    expect_crc(data);
    Event event;
    for (const auto& [number, value] : fields(data)) {
      if (number == 1) event.wall_time = Bytes(value).fixed<double>();
      if (number == 2) event.step = Bytes(value).fixed<std::uint64_t>();
      if (number == 3) event.version = value;
      if (number == 7) {
        event.starts = Bytes(fields(value).find(1)->second).fixed<std::uint64_t>() == 1;
      }
      if (number != 5) continue;
      for (const auto& [one, summary_value] : fields(value)) {
        const auto parts = fields(summary_value);
        event.scalars[parts.find(1)->second] = Bytes(parts.find(2)->second).fixed<float>();
      }
    }
    events.push_back(event);
  }
  return events;
}

/// The event files in `directory`, in the order in which TensorBoard reads them.
std::vector<fs::path> event_files(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

/// The steps that a reader has after reading the events of `directory`, if it had `read` before. It
/// takes events as TensorBoard's loader does: one after the other, and a START drops its own step
/// and later ones.
std::vector<std::uint64_t> steps(const fs::path& directory, std::vector<std::uint64_t> read = {}) {
  for (const fs::path& file : event_files(directory)) {
    for (const Event& event : read_events(text_of(file))) {
      if (event.starts) {
        std::erase_if(read, [&](std::uint64_t step) { return step >= event.step; });
      } else if (event.version.empty()) {
        read.push_back(event.step);
      }
    }
  }
  return read;
}

/// Whether there were event files.
bool cut_events_after(const fs::path& directory, std::uint64_t t) {
  const std::vector<EventCut> cuts = event_cuts_after(directory, t);
  cut_events(cuts);
  return !cuts.empty();
}

class TensorBoard : public testing::Test {
 protected:
  /// Trains a run of some seconds in run_, with further arguments.
  Outcome train(std::vector<std::string> more) {
    std::vector<std::string> args{
        "train", "--preset",         "ssgd-mv", "--backend", "reference",  "--width",
        "2",     "--workers",        "2",       "--batch",   "8",          "--synthetic-train",
        "64",    "--synthetic-test", "16",      "--out",     run_.string()};
    args.insert(args.end(), more.begin(), more.end());
    return run(args);
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path();
  fs::path run_ = path_ / "run";
};

TEST(Crc32c, EqualsItsDefinitionAndThePublishedCheckValue) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(""), 0U);
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(crc32c(all), crc_by_definition(all));
}

TEST_F(TensorBoard, TheBytesAreTheGoldenOnes) {
  EventFile file(path_, 1.5);
  file.add(300, 2, std::vector<Scalar>{{"loss", 0.5}});
  EXPECT_TRUE(fs::exists(path_ / "events.out.tfevents.2.mvsgd"));
  const std::string bytes = text_of(event_files(path_).at(0));
  const std::string version =
      std::string("\x09\0\0\0\0\0\0\xf8\x3f", 9) + "\x1a\x0d" + "brain.Event:2";
  const std::string event = std::string("\x09\0\0\0\0\0\0\0\x40", 9) + "\x10\xac\x02" + "\x2a\x0d" +
                            "\x0a\x0b" + "\x0a\x04" + "loss" + std::string("\x15\0\0\0\x3f", 5);
  ASSERT_EQ(bytes.size(), 16 + version.size() + 16 + event.size());
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x18\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(bytes.substr(12, version.size()), version);
  EXPECT_EQ(bytes.substr(16 + version.size() + 12, event.size()), event);
  EXPECT_EQ(read_events(bytes).size(), 2U);  // so every CRC is right
}

TEST_F(TensorBoard, ARunHasAnEventARoundWithTheNumbersOfItsMetrics) {
  const Outcome outcome = train({"--epochs", "2", "--tensorboard"});
  ASSERT_EQ(outcome.code, Exit::good) << outcome.err;
  const RunHistory history = read_run_history(run_);
  ASSERT_EQ(event_files(run_).size(), 1U);
  const std::vector<Event> events = read_events(text_of(event_files(run_)[0]));
  ASSERT_EQ(events.size(), 1 + history.rounds.size());
  EXPECT_EQ(events[0].version, "brain.Event:2");
  for (std::size_t i = 0; i < history.rounds.size(); ++i) {
    const RoundHistory& metrics = history.rounds[i];
    const Event& event = events[i + 1];
    SCOPED_TRACE(metrics.round);
    EXPECT_EQ(event.step, metrics.round);
    EXPECT_GE(event.wall_time, events[i].wall_time);
    EXPECT_EQ(event.scalars.at("train/loss"), static_cast<float>(metrics.loss));
    EXPECT_EQ(event.scalars.at("train/learning_rate"), static_cast<float>(metrics.learning_rate));
    EXPECT_EQ(event.scalars.contains("mask/overlap"), metrics.mask_overlap.has_value());
    EXPECT_EQ(event.scalars.contains("test/accuracy"), metrics.test_accuracy.has_value());
    if (i == 0) continue;  // the initial model was sent before it
    EXPECT_EQ(event.scalars.at("bits/up") + event.scalars.at("bits/down"),
              static_cast<float>(metrics.bits.count() - history.rounds[i - 1].bits.count()));
  }
}

TEST_F(TensorBoard, ACutKeepsTheWholeEventsUpToItsRoundWhereverTheTailWasTorn) {
  std::vector<std::size_t> ends;  // of the file's size with 0, 1, ... events
  EventFile file(path_, 7);
  const fs::path written = event_files(path_).at(0);
  ends.push_back(fs::file_size(written));
  for (const std::uint64_t step : {1U, 2U, 300U}) {
    file.add(step, 8, std::vector<Scalar>{{"loss", 0.5}});
    ends.push_back(fs::file_size(written));
  }
  const std::string whole = text_of(written);
  const fs::path torn = path_ / "torn";
  fs::create_directory(torn);
  const fs::path tail = torn / written.filename();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    SCOPED_TRACE(size);
    std::ofstream(tail, std::ios::binary) << whole.substr(0, size);
    EXPECT_TRUE(cut_events_after(torn, 299));
    const std::size_t events = size >= ends[2] ? 2 : size >= ends[1] ? 1 : 0;
    EXPECT_EQ(fs::exists(tail), events > 0);
    EXPECT_EQ(text_of(tail), events > 0 ? whole.substr(0, ends[events]) : "");
  }
  // One bit anywhere in the second event is altered. The first event stays.
  for (std::size_t byte = ends[1]; byte < ends[2]; ++byte) {
    std::string altered = whole;
    altered[byte] = static_cast<char>(altered[byte] ^ 0x10);
    std::ofstream(tail, std::ios::binary) << altered;
    cut_events_after(torn, 300);
    EXPECT_EQ(text_of(tail), whole.substr(0, ends[1])) << byte;
  }
  cut_events_after(torn, 0);
  EXPECT_FALSE(cut_events_after(torn, 300));
  EXPECT_TRUE(cut_events_after(path_, 300));
  EXPECT_EQ(text_of(written), whole);
}

TEST_F(TensorBoard, AFileThatIsThereIsNotOverwritten) {
  EventFile first(path_, 7);
  first.add(1, 7, {});
  const EventFile second(path_, 7);
  EXPECT_EQ(event_files(path_).size(), 2U);
  EXPECT_EQ(steps(path_), std::vector<std::uint64_t>{1});
}

TEST_F(TensorBoard, AResumedRunHasEachRoundOnce) {
  ASSERT_EQ(train({"--epochs", "4", "--rounds", "5", "--tensorboard"}).code, Exit::good);
  ASSERT_EQ(steps(run_), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  // A killed run leaves events past the checkpoint, which is of round 4, and half of one.
  std::ofstream(event_files(run_).at(0), std::ios::app) << std::string(20, 'x');
  const std::vector<fs::path> before = event_files(run_);
  for (const char* rounds : {"6", "8"}) {
    const Outcome resumed = run({"train", "--resume", run_.string(), "--rounds", rounds});
    ASSERT_EQ(resumed.code, Exit::good) << resumed.err;
  }
  EXPECT_EQ(event_files(run_).size(), 3U);
  EXPECT_EQ(steps(run_), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8}));

  // A reader that has followed the first file past the checkpoint reads only the new files.
  for (const fs::path& file : before) fs::remove(file);
  EXPECT_EQ(steps(run_, {1, 2, 3, 4, 5, 6, 7}),
            (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8}));

  fs::remove_all(run_);
  ASSERT_EQ(train({"--epochs", "4", "--rounds", "5"}).code, Exit::good);
  ASSERT_EQ(run({"train", "--resume", run_.string(), "--rounds", "6"}).code, Exit::good);
  EXPECT_TRUE(event_files(run_).empty());
}

}  // namespace
}  // namespace mvsgd::sim
