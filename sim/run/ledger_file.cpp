#include "sim/run/ledger_file.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "sim/files/input_error.hpp"

namespace mvsgd::sim {
namespace {

constexpr std::string_view kHeader = "round,worker,direction,kind,field,bits";

template <typename Enum>
Enum parse_name(std::string_view text, std::span<const Enum> known) {
  for (const Enum value : known) {
    if (comm::name(value) == text) return value;
  }
  throw std::invalid_argument(fmt::format("'{}' is not a name of this column", text));
}

template <typename Number>
Number parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument(fmt::format("'{}' is not a number of this column", text));
  }
  return value;
}

comm::LedgerRow parse_row(std::string_view line) {
  std::array<std::string_view, 6> cells;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t comma = line.find(',');
    const bool last = i + 1 == cells.size();
    if (last != (comma == std::string_view::npos)) throw std::invalid_argument("not six columns");
    cells[i] = line.substr(0, comma);
    line.remove_prefix(last ? line.size() : comma + 1);
  }
  return {.id = {.round = parse_number<std::uint32_t>(cells[0]),
                 .worker = parse_number<std::uint32_t>(cells[1]),
                 .direction = parse_name<comm::Direction>(cells[2], comm::kAllDirections),
                 .kind = parse_name<comm::Kind>(cells[3], comm::kAllKinds)},
          .field = parse_name<comm::Field>(cells[4], comm::kAllFields),
          .bits = comm::Bits(parse_number<std::uint64_t>(cells[5]))};
}

}  // namespace

void write_ledger_header(std::ostream& out) { fmt::print(out, "{}\n", kHeader); }

void write_ledger_rows(std::ostream& out, std::span<const comm::LedgerRow> rows) {
  for (const comm::LedgerRow& row : rows) {
    fmt::print(out, "{},{},{},{},{},{}\n", row.id.round, row.id.worker,
               comm::name(row.id.direction), comm::name(row.id.kind), comm::name(row.field),
               row.bits.count());
  }
}

std::vector<comm::LedgerRow> read_ledger(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw InputError(fmt::format("{}: cannot be read", path.string()));
  return read_ledger(file, path.string());
}

std::vector<comm::LedgerRow> read_ledger(std::istream& in, const std::string& name) {
  std::string line;
  if (!std::getline(in, line) || line != kHeader) {
    throw InputError(fmt::format("{}:1: '{}' is wanted", name, kHeader));
  }
  std::vector<comm::LedgerRow> rows;
  for (std::size_t number = 2; std::getline(in, line); ++number) {
    try {
      rows.push_back(parse_row(line));
    } catch (const std::invalid_argument& e) {
      throw InputError(fmt::format("{}:{}: {}", name, number, e.what()));
    }
  }
  return rows;
}

}  // namespace mvsgd::sim
