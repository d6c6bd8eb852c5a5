#include "data/random.hpp"

#include "data/random.hpp"

#include <Random123/philox.h>

#include <numeric>
#include <utility>

namespace mvsgd::data {

void Draws::refill() {
  const r123::Philox4x64::ctr_type counter{{counter_[0], counter_[1], counter_[2], counter_[3]}};
  const r123::Philox4x64::key_type key{{key_[0], key_[1]}};
  const r123::Philox4x64::ctr_type words = r123::Philox4x64{}(counter, key);
  block_ = {words[0], words[1], words[2], words[3]};
  ++counter_[3];
  used_ = 0;
}

std::vector<std::uint32_t> shuffled(std::uint32_t n, std::uint64_t seed, Purpose purpose,
                                    Place place) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  for (std::uint32_t i = n; i-- > 1;) {
    place.index = i;
    std::swap(order[i], order[Draws(seed, purpose, place).below(i + 1ULL)]);
  }
  return order;
}

}  // namespace mvsgd::data
