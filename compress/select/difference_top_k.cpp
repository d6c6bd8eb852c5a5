#include "compress/select/difference_top_k.hpp"

#include <stdexcept>
#include <string>

#include "compress/select/top_k_selection.hpp"

namespace mvsgd::compress {

TopK add_difference_top_k(std::span<const float> theta_h, std::span<const float> theta_0,
                          std::span<float> e, std::size_t k, const TopKOptions& options) {
  for (const std::size_t length : {theta_h.size(), theta_0.size()}) {
    if (length != e.size()) {
      throw std::invalid_argument("add_difference_top_k: lengths " + std::to_string(length) +
                                  " and " + std::to_string(e.size()));
    }
  }
  const Difference difference = {
      .theta_h = theta_h.data(), .theta_0 = theta_0.data(), .e = e.data()};
  return select("add_difference_top_k", difference, e.size(), k, options);
}

}  // namespace mvsgd::compress
