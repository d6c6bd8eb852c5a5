// Fuzzes parse_toml, and with it every key and the environment: any text is refused, or gives
// settings that write_toml writes and parse_toml reads back.
//
// Input: a whole file.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"
#include "sim/plan/settings_file.hpp"
#include "tests/fuzz/fuzz_check.hpp"

namespace {

using mvsgd::fuzz::check;
using mvsgd::sim::InputError;
using mvsgd::sim::parse_toml;
using mvsgd::sim::Settings;
using mvsgd::sim::UsageError;

std::string text_of(const Settings& settings) {
  std::ostringstream text;
  write_toml(settings, text);
  return text.str();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    const Settings settings = parse_toml(input, "input", std::nullopt);
    text = text_of(settings);
    validate(settings);
  } catch (const InputError&) {
    return 0;
  } catch (const UsageError&) {  // for keys that do not go together
  }
  check(text_of(parse_toml(text, "written", std::nullopt)) == text,
        "what is written is read back the same");
  return 0;
}
