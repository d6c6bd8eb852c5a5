#include "sim/files/json.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace mvsgd::sim {

std::string said_of_json(const std::exception& e) {
  std::string text = e.what();
  if (text.starts_with("[json.exception.")) text.erase(0, text.find("] ") + 2);
  return text;
}

nlohmann::ordered_json json_of(const comm::FieldBits& bits, Zeros zeros) {
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();
  for (const comm::Field field : comm::kAllFields) {
    if (zeros == Zeros::left_out && bits[field] == comm::Bits(0)) continue;
    fields[std::string(comm::name(field))] = bits[field].count();
  }
  return fields;
}

}  // namespace mvsgd::sim
