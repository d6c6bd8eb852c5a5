#include "sim/verify/drawn_update.hpp"

#include <Random123/philox.h>

#include <algorithm>

namespace mvsgd::sim {
namespace {

constexpr std::uint64_t kPurpose = 0x73696d2e64726177;  // "sim.draw"
constexpr std::uint64_t kShared = 0xffffffff;           // not the index of any worker

/// Four values of magnitude up to 2^-1, each halved a random number of times (4 bits).
void draw(std::uint64_t seed, std::uint64_t round, std::uint64_t worker, std::uint64_t block,
          float out[4]) {
  const auto random = r123::Philox4x64()({{round, worker, block, 0}}, {{seed, kPurpose}});
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint64_t bits = random[i];
    const auto signed24 = static_cast<std::int32_t>(bits >> 40) - (1 << 23);
    const float scale = 1.0F / static_cast<float>(1U << (bits & 15U));
    out[i] = static_cast<float>(signed24) * 0x1p-24F * scale;
  }
}

}  // namespace

DrawnUpdate::DrawnUpdate(std::size_t d, std::size_t slots, std::uint64_t seed,
                         const Settings& settings)
    : seed_(seed),
      momentum_(static_cast<float>(settings.momentum)),
      nesterov_(settings.nesterov),
      theta_(slots, std::vector<float>(d)) {}

LocalResult DrawnUpdate::run(std::size_t slot, const Round& round, std::uint32_t worker,
                             const FlatView& from, LocalMemory memory) {
  const std::span<const float> theta = from.host();
  const float rate = round.learning_rate > 0 ? static_cast<float>(round.learning_rate) : 1.0F;
  std::vector<float>& moved = theta_[slot];
  for (std::size_t i = 0; i < moved.size(); i += 4) {
    float shared[4];
    float own[4];
    draw(seed_, round.t, kShared, i, shared);
    draw(seed_, round.t, worker, i, own);
    for (std::size_t j = 0; j < std::min<std::size_t>(4, moved.size() - i); ++j) {
      float step = shared[j] + own[j];
      if (!memory.velocity.empty()) {
        float& velocity = memory.velocity[i + j];
        velocity = momentum_ * velocity + step;
        step = nesterov_ ? step + momentum_ * velocity : velocity;
      }
      moved[i + j] = theta[i + j] + rate * step;
    }
  }
  return {.theta = moved};
}

}  // namespace mvsgd::sim
