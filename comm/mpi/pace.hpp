// When the thread that calls MPI looks, and how long it sleeps.
#pragma once

#include <chrono>
#include <cstdint>

namespace mvsgd::comm {

/// A turn of that thread is a look, or none, and a sleep, or none, which a bell ends. It knows no
/// clock: the times are the caller's.
class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Microseconds = std::chrono::microseconds;
  /// What is on its way.
  struct Load {
    bool is_sending = false;
    bool is_receiving = false;
    [[nodiscard]] bool is_busy() const { return is_sending || is_receiving; }
  };

  /// The longest sleep, where every process rings and nothing is on its way.
  static constexpr Microseconds kTick = std::chrono::milliseconds(100);
  /// There, after how long it looks though nobody has asked.
  static constexpr Microseconds kUnasked = 3 * kTick;
  /// The first sleep after something has moved. Each is twice the last one, up to:
  static constexpr Microseconds kShortest{20};
  /// - while it receives and something has moved for kOfLate, since those bytes need calls to move;
  /// without every process's bell also while it sends;
  static constexpr Microseconds kLongestBusy{100};
  static constexpr Microseconds kOfLate = std::chrono::milliseconds(20);
  /// - else this, or where nothing has moved for long that time over kShareOfWait, kLongestOfAll at
  /// most. A message waits half of it at the mean.
  static constexpr Microseconds kLongest{900};
  static constexpr int kShareOfWait = 200;
  static constexpr Microseconds kLongestOfAll{5000};
  /// Sockets that have told of so many messages are trusted to tell of each, but not so long after
  /// there was a new one.
  static constexpr int kProofs = 3;
  static constexpr Microseconds kProbation = std::chrono::milliseconds(400);
  /// For how long it looks when they have told of bytes, and no message is there.
  static constexpr Microseconds kEarly = std::chrono::milliseconds(3);

  /// `reach_all`: whether every process rings this one's bell when it has something for it.
  Pace(bool reach_all, Time now) : reach_all_(reach_all), last_moved_(now), doubted_(now) {}

  /// Whether it has to look now, with its bell at `heard`. If so, it does.
  [[nodiscard]] bool looks(Time now, std::uint32_t heard, Load load);

  /// What a look has shown.
  struct Seen {
    bool told = false;      ///< sockets have told of bytes since the look before
    bool from_far = false;  ///< a message of a process that does not ring
  };
  /// Of a look. Where sockets tell of the messages of all who do not ring, it is as if these rang;
  /// until one is found that nobody has told of.
  void learn(Time now, Seen seen);
  /// There is a new socket, or there will be.
  void doubt(Time now) { doubted_ = now; }

  /// How long to sleep at most after a turn in which something has moved, or nothing: 0 after one
  /// in which something has.
  [[nodiscard]] Microseconds sleep(Time now, bool has_moved, Load load);

  /// It has slept, and a bell has ended it, or none.
  void wake(bool is_rung);

 private:
  [[nodiscard]] Microseconds longest(Load load, Time now) const;
  [[nodiscard]] bool hears_all(Time now) const;

  bool reach_all_;
  Time last_moved_;
  Time last_look_;
  bool is_asked_ = true;  // that look
  // Of the sockets.
  int proofs_ = 0;
  Time doubted_;
  Time early_;                  // until when
  std::uint32_t answered_ = 0;  // of the bell
  Microseconds pause_ = kShortest;
};

}  // namespace mvsgd::comm
