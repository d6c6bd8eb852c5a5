#include "compress/select/error_memory.hpp"

#include <stdexcept>
#include <string>

namespace mvsgd::compress {
namespace {

void check_lengths(const char* who, std::size_t a, std::size_t b) {
  if (a != b) {
    throw std::invalid_argument(std::string(who) + ": lengths " + std::to_string(a) + " and " +
                                std::to_string(b));
  }
}

// A separate pass, so that nothing has changed when it throws.
void check_mask(const char* who, std::span<const Index> mask, std::size_t d) {
  for (const Index i : mask) {
    if (i >= d) {
      throw std::invalid_argument(std::string(who) + ": index " + std::to_string(i) +
                                  " of d = " + std::to_string(d));
    }
  }
}

}  // namespace

void add_difference(std::span<const float> theta_h, std::span<const float> theta_0,
                    std::span<float> e) {
  check_lengths("add_difference", theta_h.size(), e.size());
  check_lengths("add_difference", theta_0.size(), e.size());
  for (std::size_t i = 0; i < e.size(); ++i) e[i] = (theta_h[i] - theta_0[i]) + e[i];
}

void gather(std::span<const float> x, std::span<const Index> mask, std::span<float> values) {
  check_lengths("gather", mask.size(), values.size());
  check_mask("gather", mask, x.size());
  for (std::size_t j = 0; j < mask.size(); ++j) values[j] = x[mask[j]];
}

void subtract_sent(std::span<const Index> mask, std::span<const float> sent, std::span<float> e) {
  check_lengths("subtract_sent", mask.size(), sent.size());
  check_mask("subtract_sent", mask, e.size());
  for (std::size_t j = 0; j < mask.size(); ++j) e[mask[j]] -= sent[j];
}

void scatter_add(std::span<const Index> mask, std::span<const float> values, std::span<float> y) {
  check_lengths("scatter_add", mask.size(), values.size());
  check_mask("scatter_add", mask, y.size());
  for (std::size_t j = 0; j < mask.size(); ++j) y[mask[j]] += values[j];
}

}  // namespace mvsgd::compress
