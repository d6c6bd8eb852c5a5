// Fuzzes the file of a network: any text is refused, or gives rates and latencies within their
// ranges.
//
// Input: a whole file.
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "comm/message.hpp"
#include "sim/files/input_error.hpp"
#include "sim/report/network.hpp"
#include "tests/fuzz/fuzz_check.hpp"
#include "tests/test_directory.hpp"

namespace {

using mvsgd::fuzz::check;
using mvsgd::sim::Link;
using mvsgd::sim::Network;

void check_rate(double rate) { check(rate >= 1 && rate <= 1e15, "a rate is in its range"); }

void check_link(const Link& link) {
  for (const auto way : mvsgd::comm::kServerDirections) check_rate(link.rate[way]);
  check(link.latency >= 0 && link.latency <= 3600, "a latency is in its range");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mvsgd::TestDirectory directory;
  const std::string file = (directory.path() / "network.toml").string();
  std::ofstream(file, std::ios::binary)
      << std::string_view(reinterpret_cast<const char*>(data), size) << std::flush;
  try {
    const Network network = mvsgd::sim::read_network(file);
    check_link(network.worker);
    for (const auto& [n, link] : network.unlike) check_link(link);
    for (const auto way : mvsgd::comm::kServerDirections)
      check_rate(network.server[way].value_or(1));
  } catch (const mvsgd::sim::InputError&) {
  }
  return 0;
}
