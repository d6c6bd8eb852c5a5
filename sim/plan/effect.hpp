// When a setting has an effect, in one table of all keys, and which settings the user has given by
// name. A setting that is given by name must have an effect.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/keys.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Why a key has no effect under these settings: a text that names the setting responsible, "" if
/// the key has an effect. `rounds` is never the reason: a run that it ends may be continued.
using WhyNot = std::string (*)(const Settings&);

/// A row of the table. The key has no effect if either function gives a reason.
struct Effect {
  std::string_view key;
  WhyNot held;     ///< if it gives a reason, validate() takes only the default, even from a preset
  WhyNot why_not;  ///< if it gives a reason, the key is refused when given by name
  bool of_backend = false;    ///< a backend's entry decides, too (nn/backend_entry.hpp)
  bool of_processes = false;  ///< it has an effect on ranks in processes alone
};

/// What the ranks of a run are. No key says so: it changes no bit.
enum class Ranks : std::uint8_t {
  threads,    ///< all of one process
  processes,  ///< of one or more that a launcher has started
};

/// The row of one of keys().
[[nodiscard]] const Effect& effect_of(std::string_view key);

/// Throws UsageError if a held key has another value than its default.
void check_held(const Settings& settings);

/// A key given by name.
struct GivenKey {
  std::string key;
  std::string where;  ///< "FILE:LINE", or "" on the command line
};

/// The keys of `given`, each once. A key that only resets a value of `before` (a preset or a file)
/// to the default is left out.
[[nodiscard]] std::vector<GivenKey> given_by_name(const Settings& before,
                                                  const GivenSettings& given);

}  // namespace mvsgd::sim
