// When a setting has an effect, in one table of all keys, and which settings are given by name: of
// these each must have one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/keys.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

/// Why a key has no effect in a run of these settings, naming the one that makes it so; "" if it
/// has one. `rounds` makes nothing so: a run that it ends may go on to more of them.
using WhyNot = std::string (*)(const Settings&);

/// A row of the table. The key has no effect where one of both says why.
struct Effect {
  std::string_view key;
  WhyNot held;              ///< validate() then takes nothing but the default, from a preset either
  WhyNot why_not;           ///< the key is then refused if it is given by name
  bool of_backend = false;  ///< a backend's entry has a say, too (nn/backend_entry.hpp)
};

/// The row of one of keys().
[[nodiscard]] const Effect& effect_of(std::string_view key);

/// Throws UsageError if a key has another value than its default and is held.
void check_held(const Settings& settings);

/// A key given by name.
struct GivenKey {
  std::string key;
  std::string where;  ///< "FILE:LINE", or "" on the command line
};

/// The keys of `given`, each once, but for those that take back to its default what `before`, a
/// preset or file, has otherwise.
[[nodiscard]] std::vector<GivenKey> given_by_name(const Settings& before,
                                                  const GivenSettings& given);

}  // namespace mvsgd::sim
