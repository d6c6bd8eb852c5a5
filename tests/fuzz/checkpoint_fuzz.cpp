// Fuzzes the reading of a checkpoint: however one of its files is altered, it is refused or is a
// state of the settings' sizes.
//
// Input: a byte that chooses the file, then edits. An edit is an offset in three little-endian
// bytes, the numbers of bytes removed and inserted there, a byte each, and the inserted bytes.
// manifest.json has the digests of the other two, so these are also read without it.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/bit_stream.hpp"
#include "sim/files/input_error.hpp"
#include "sim/plan/presets.hpp"
#include "sim/round/protocol.hpp"
#include "sim/run/checkpoint.hpp"
#include "sim/run/checkpoint_files.hpp"
#include "tests/fuzz/fuzz_check.hpp"
#include "tests/test_directory.hpp"

namespace {

namespace fs = std::filesystem;
using mvsgd::comm::BitReader;
using mvsgd::comm::Bits;
using mvsgd::compress::Index;
using mvsgd::fuzz::check;
using mvsgd::sim::InputError;
using mvsgd::sim::Settings;
using mvsgd::sim::TrialState;

constexpr std::array<const char*, 3> kFiles{"manifest.json", "progress.json", "arrays.safetensors"};
constexpr std::uint32_t kRound = 1;
constexpr std::size_t kRounds = 3;

Settings small_settings() {
  Settings settings = mvsgd::sim::preset("ssgd-mv-ad").settings;
  settings.width = 1;
  settings.workers = 2;
  return settings;
}

TrialState state_of(const Settings& settings) {
  TrialState state = first_state(settings);
  const std::size_t d = state.group.server.theta.size();
  const auto protocol = make_protocol(settings, d);
  std::vector<Index> vote(protocol.k);
  for (Index i = 0; i < protocol.k; ++i) vote[i] = 3 * i;
  state.group.t = kRound;
  state.group.server.mask = vote;
  std::vector<std::uint32_t> vote_sum(d);
  for (const Index i : vote) vote_sum[i] = settings.workers;
  state.group.server.kept = {{"vote_sum", std::move(vote_sum)}};
  for (std::uint32_t n = 0; n < settings.workers; ++n) {
    state.group.workers[n].e.assign(d, 0.5F);
    state.group.workers[n].vote = vote;
  }
  return state;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text << std::flush;
}

bool is_set(std::span<const Index> set, std::size_t d) {
  return std::ranges::adjacent_find(set, std::greater_equal()) == set.end() &&
         (set.empty() || set.back() < d);
}

/// A run that consists of a checkpoint alone.
struct Run {
  Run() {
    fs::create_directory(directory.path() / "checkpoint");
    mvsgd::sim::RunFiles rows;
    for (const char* name : mvsgd::sim::kRowFiles) {
      write(directory.path() / name, "");
      rows[name] = mvsgd::sim::digest_of(directory.path() / name).value();
    }
    const TrialState state = state_of(settings);
    d = state.group.server.theta.size();
    mvsgd::sim::RoundMetrics kept;
    kept.round = state.group.t;
    save_checkpoint(
        directory.path(), state,
        {.settings = settings, .environment = {{"version", "1"}}, .rows = rows, .kept = kept});
    for (const char* name : kFiles) whole.push_back(text_of(checkpoint() / name));
  }

  [[nodiscard]] fs::path checkpoint() const {
    return directory.path() / "checkpoint" / "round-00000001";
  }

  void check_sizes(const TrialState& state) const {
    check(state.group.server.theta.size() == d, "theta is the network's");
    check(state.group.workers.size() == settings.workers, "there are N workers");
    check(is_set(state.group.server.mask, d), "a mask is a set of coordinates");
    for (const auto& worker : state.group.workers) {
      check(worker.e.size() == d && is_set(worker.vote, d), "and so is a vote");
    }
  }

  Settings settings = small_settings();
  std::size_t d = 0;
  mvsgd::TestDirectory directory;
  std::vector<std::string> whole;  ///< contents of kFiles
};

std::string edited(std::string text, BitReader& edits) {
  while (edits.remaining() >= Bits::of_bytes(5)) {
    const std::size_t at = edits.get(24) % (text.size() + 1);
    const std::size_t away = std::min<std::size_t>(edits.get(8), text.size() - at);
    const std::size_t wanted = edits.get(8);
    std::string in(std::min<std::size_t>(wanted, edits.remaining().count() / 8), '\0');
    std::ranges::generate(in, [&] { return static_cast<char>(edits.get(8)); });
    text.replace(at, away, in);
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Run run;
  BitReader edits(std::as_bytes(std::span(data, size).subspan(1)), Bits::of_bytes(size - 1));
  const std::size_t file = data[0] % kFiles.size();
  const std::string text = edited(run.whole[file], edits);
  write(run.checkpoint() / kFiles[file], text);
  try {
    const auto found = find_checkpoint(run.directory.path(), run.settings, kRounds);
    check(file == 0 || text == run.whole[file], "what is altered has another digest");
    run.check_sizes(found.newest.value().state);
  } catch (const InputError&) {
    check(text != run.whole[file], "what is whole is taken");
  }
  if (file != 0) {
    try {
      TrialState state = read_progress(run.checkpoint() / kFiles[1], run.settings).state;
      read_arrays(run.checkpoint() / kFiles[2], run.settings, state);
      run.check_sizes(state);
    } catch (const InputError&) {
    }
  }
  write(run.checkpoint() / kFiles[file], run.whole[file]);
  return 0;
}
