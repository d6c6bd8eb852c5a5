// What a run depends on besides its settings: the program, the backend's library, the processor.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mvsgd::sim {

/// Names and values, in a fixed order.
using Environment = std::vector<std::pair<std::string, std::string>>;

/// The value of this name; "" if there is none.
[[nodiscard]] std::string value_of(const Environment& environment, std::string_view name);

/// The processor's model; "" where the system does not tell it.
[[nodiscard]] std::string processor_model();

/// The same from the text of Linux's /proc/cpuinfo: its model name with family and model, as
/// several generations may have one name, or on ARM, where there is none, "ARM implementer 0x41,
/// part 0xd0c".
[[nodiscard]] std::string processor_model(std::istream& cpuinfo);

/// Names and values for config.toml's [environment] and for `mvsgd info`: version, compiler,
/// processor model, instruction set and cache sizes. `backend_version` is the backend's own.
[[nodiscard]] Environment environment(const std::string& backend_version);

}  // namespace mvsgd::sim
