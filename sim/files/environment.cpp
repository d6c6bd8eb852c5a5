#include "sim/files/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

namespace mvsgd::sim {
namespace {

#ifdef __clang__
constexpr const char* kCompiler = __VERSION__;  // "Clang 14.0.6", after its vendor's name
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

/// The value of the first line "name : value" of /proc/cpuinfo; "" where there is none.
std::string cpuinfo(std::string_view name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (line.starts_with(name) && colon != std::string::npos) {
      return line.substr(std::min(colon + 2, line.size()));
    }
  }
  return "";
}

/// Those vector extensions of the processor by which libraries choose kernels.
std::string instruction_set() {
  std::istringstream flags(cpuinfo("flags") + " " + cpuinfo("Features"));
  std::string found;
  for (std::string flag; flags >> flag;) {
    for (const std::string_view prefix : {"sse4_2", "avx", "fma", "amx", "asimd", "sve"}) {
      if (flag.starts_with(prefix)) found += (found.empty() ? "" : " ") + flag;
    }
  }
  return found;
}

std::string caches() {
  constexpr std::array<std::pair<std::string_view, int>, 3> kLevels{
      {{"L1d", _SC_LEVEL1_DCACHE_SIZE},
       {"L2", _SC_LEVEL2_CACHE_SIZE},
       {"L3", _SC_LEVEL3_CACHE_SIZE}}};
  std::string text;
  for (const auto& [name, query] : kLevels) {
    const long bytes = sysconf(query);
    if (bytes > 0) text += fmt::format("{}{} {} KiB", text.empty() ? "" : ", ", name, bytes / 1024);
  }
  return text;
}

}  // namespace

std::string value_of(const Environment& environment, std::string_view name) {
  const auto found = std::ranges::find(environment, name, &Environment::value_type::first);
  return found == environment.end() ? "" : found->second;
}

std::string processor_model() { return cpuinfo("model name"); }

Environment environment(const std::string& backend_version) {
  return {{"version", MVSGD_VERSION},
          {"compiler", kCompiler},
          {"backend_version", backend_version},
          {"processor", processor_model()},
          {"instruction_set", instruction_set()},
          {"caches", caches()}};
}

}  // namespace mvsgd::sim
