// Trials that have come from elsewhere: archives of finished runs, read and added to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "sim/law/law.hpp"
#include "sim/reproduce/trials.hpp"

namespace mvsgd::sim {

/// SHA-256 of the images of the official CIFAR-10 files, as digest_of() has it.
inline constexpr const char* kCifar10Images =
    "0986e276e9a4dec8e941838372dcbefcbeb082320f292968919ddc5b333e15d7";

/// A directory of archives, one a trial: PRESET-seedN.tar.xz (sim/run/run_archive.hpp).
class ArchivedTrials {
 public:
  /// The directory need not exist. `out`, which must outlive this, is told what is not used, and
  /// why. Bits are compared with `law`.
  ArchivedTrials(std::filesystem::path directory, std::ostream& out, const LawConstants& law = {})
      : directory_(std::move(directory)), out_(&out), law_(law) {}

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] std::filesystem::path path_of(const TrialSpec& trial) const;

  /// Unpacks the archive of each trial that is absent. An archive of other settings or images, one
  /// that cannot be read and one that does not hold (verify_run()) are left where they are, and
  /// named with the reason. Several processes may do so at once. Returns how many were taken.
  /// Throws InputError if the directory of the trials cannot be written to.
  std::size_t take(std::span<const TrialSpec> trials) const;

  /// For who is to add trials: sees to it that they can be, before they are trained. Throws
  /// InputError if the directory cannot be made or written to.
  void make_directory() const;

  /// Writes the archive of a finished trial, unless there is one or the trial came from one. Throws
  /// InputError as make_directory() does, and std::runtime_error if it cannot be written.
  void add(const TrialSpec& trial) const;

 private:
  /// Unpacks the archive at `first`, and what is to be used is renamed to the trial's place. Throws
  /// InputError naming the archive if it is not.
  void take(const std::filesystem::path& archive, const TrialSpec& trial,
            const std::filesystem::path& first) const;

  std::filesystem::path directory_;
  std::ostream* out_;
  LawConstants law_;
};

/// `count` of the trials that have finished, in an order drawn with `seed`; fewer if there are
/// fewer.
[[nodiscard]] std::vector<TrialSpec> drawn_trials(std::span<const TrialSpec> trials,
                                                  std::size_t count, std::uint64_t seed);

/// How a trial that was run again compares with the one of the same settings before.
struct Comparison {
  bool holds = false;
  std::string words;  ///< "digest 4f.. after 23,788 steps, as before"
};

/// Compares the digests after every evaluation and at the end, and all numbers of the condensed
/// lines and of the end but times. They must be equal if the bits are portable, or if both were
/// trained with the same kind of processor and library. Otherwise the accuracies must be as near as
/// 99 % of any two are by Student's distribution with the deviation of `row`, the accuracies in per
/// cent of the trials of the same row; with fewer than two of them nothing is held, and the words
/// say so.
///
/// Throws InputError if a directory cannot be read.
[[nodiscard]] Comparison compare_trials(const std::filesystem::path& before,
                                        const std::filesystem::path& again,
                                        std::span<const double> row);

/// The round after which a trial was evaluated for the `count`th time, from 1. Throws InputError if
/// it was not evaluated so often, or the directory cannot be read.
[[nodiscard]] std::uint32_t round_of_evaluation(const std::filesystem::path& trial,
                                                std::size_t count);

/// The same with the first rounds alone run again: compares the digests after every evaluation of
/// `again`, and the numbers of the lines up to there. They must be equal where compare_trials()
/// wants that; elsewhere nothing is held, and the words say so. Throws InputError as
/// compare_trials() does.
[[nodiscard]] Comparison compare_beginnings(const std::filesystem::path& before,
                                            const std::filesystem::path& again);

}  // namespace mvsgd::sim
