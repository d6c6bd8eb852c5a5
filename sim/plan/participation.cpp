#include "sim/plan/participation.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kPurpose = 0x706c616e'00000001;  // "plan"

/// Uniform over 0..j.
std::uint32_t drawn_up_to(std::uint32_t j, std::uint64_t seed, std::uint32_t round) {
  const std::uint64_t n = std::uint64_t{j} + 1;
  const std::uint64_t refused = (0 - n) % n;  // 2^64 mod n
  std::uint64_t word = 0;
  std::uint64_t i = 0;
  do {
    word = r123::Philox4x64()({{round, j, i, 0}}, {{seed, kPurpose}})[0];
    ++i;
  } while (word < refused);
  return static_cast<std::uint32_t>(word % n);
}

}  // namespace

std::vector<std::uint32_t> participants(const Settings& settings, const Round& round) {
  std::vector<std::uint32_t> all(settings.workers);
  std::iota(all.begin(), all.end(), 0U);
  if (round.absent == 0) return all;
  std::set<std::uint32_t> taken;
  for (std::uint32_t j = round.absent; j < settings.workers; ++j) {
    const std::uint32_t drawn = drawn_up_to(j, settings.seed, round.t);
    taken.insert(taken.contains(drawn) ? j : drawn);
  }
  return {taken.begin(), taken.end()};
}

bool takes_part(const Settings& settings, const Round& round, std::uint32_t worker) {
  return round.absent == 0 || std::ranges::binary_search(participants(settings, round), worker);
}

}  // namespace mvsgd::sim
