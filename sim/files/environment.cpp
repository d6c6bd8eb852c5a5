#include "sim/files/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <istream>
#include <map>
#include <sstream>
#include <string_view>

namespace mvsgd::sim {
namespace {

#ifdef __clang__
constexpr const char* kCompiler = __VERSION__;  // "Clang 14.0.6", after its vendor's name
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

constexpr const char* kCpuInfo = "/proc/cpuinfo";

/// The names and values of the first processor's lines, "name : value".
std::map<std::string, std::string> first_processor(std::istream& cpuinfo) {
  std::map<std::string, std::string> values;
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t end = line.find_last_not_of(" \t", colon - 1) + 1;
    values.try_emplace(line.substr(0, end), line.substr(std::min(colon + 2, line.size())));
  }
  return values;
}

/// Those vector extensions of the processor by which libraries choose kernels.
std::string instruction_set() {
  std::ifstream file(kCpuInfo);
  auto processor = first_processor(file);
  std::istringstream flags(processor["flags"] + " " + processor["Features"]);
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

std::string processor_model() {
  std::ifstream file(kCpuInfo);
  return processor_model(file);
}

std::string processor_model(std::istream& cpuinfo) {
  auto processor = first_processor(cpuinfo);
  if (processor.contains("CPU implementer") && processor["model name"].empty()) {
    return fmt::format("ARM implementer {}, part {}", processor["CPU implementer"],
                       processor["CPU part"]);
  }
  std::string name = processor["model name"];
  // Virtual machines give generations of processors one name.
  if (!name.empty() && processor.contains("cpu family") && processor.contains("model")) {
    name += fmt::format(" (family {}, model {})", processor["cpu family"], processor["model"]);
  }
  return name;
}

Environment environment(const std::string& backend_version) {
  return {{"version", MVSGD_VERSION},
          {"compiler", kCompiler},
          {"backend_version", backend_version},
          {"processor", processor_model()},
          {"instruction_set", instruction_set()},
          {"caches", caches()}};
}

}  // namespace mvsgd::sim
