#include "comm/processes.hpp"

namespace mvsgd::comm {

Share share_of(std::uint32_t p, std::uint32_t processes, std::uint32_t workers) {
  const auto first = [&](std::uint64_t i) {
    return static_cast<std::uint32_t>(i * workers / processes);
  };
  return {.first = first(p), .count = first(std::uint64_t{p} + 1) - first(p)};
}

std::uint32_t process_of(std::uint32_t worker, std::uint32_t processes, std::uint32_t workers) {
  return static_cast<std::uint32_t>(((std::uint64_t{worker} + 1) * processes - 1) / workers);
}

}  // namespace mvsgd::comm
