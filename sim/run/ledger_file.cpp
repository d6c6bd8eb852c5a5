#include "sim/run/ledger_file.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/files/plain_file.hpp"

namespace mvsgd::sim {
namespace {

std::string_view header_of(LedgerRows which) {
  return which == LedgerRows::worker ? "round,worker,direction,kind,field,bits"
                                     : "round,direction,kind,field,bits";
}

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

comm::LedgerRow parse_row(std::string_view line, LedgerRows which) {
  std::array<std::string_view, 6> cells;
  const bool has_worker = which == LedgerRows::worker;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i == 1 && !has_worker) {
      cells[i] = "0";
      continue;
    }
    const std::size_t comma = line.find(',');
    const bool last = i + 1 == cells.size();
    if (last != (comma == std::string_view::npos)) {
      throw std::invalid_argument(has_worker ? "not six columns" : "not five columns");
    }
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

void write_ledger_header(std::ostream& out, LedgerRows which) {
  fmt::print(out, "{}\n", header_of(which));
}

void write_ledger_rows(std::ostream& out, std::span<const comm::LedgerRow> rows, LedgerRows which) {
  if (which == LedgerRows::worker) {
    for (const comm::LedgerRow& row : rows) {
      fmt::print(out, "{},{},{},{},{},{}\n", row.id.round, row.id.worker,
                 comm::name(row.id.direction), comm::name(row.id.kind), comm::name(row.field),
                 row.bits.count());
    }
    return;
  }
  std::map<std::pair<comm::MessageId, comm::Field>, comm::Bits> sums;
  for (const comm::LedgerRow& row : rows) {
    comm::MessageId of_all = row.id;
    of_all.worker = 0;
    sums[{of_all, row.field}] += row.bits;
  }
  for (const auto& [message, bits] : sums) {
    const auto& [id, field] = message;
    fmt::print(out, "{},{},{},{},{}\n", id.round, comm::name(id.direction), comm::name(id.kind),
               comm::name(field), bits.count());
  }
}

std::vector<comm::LedgerRow> read_ledger(const std::filesystem::path& path, LedgerRows which) {
  std::ifstream file = open_plain(path);
  return read_ledger(file, path.string(), which);
}

std::vector<comm::LedgerRow> read_ledger(std::istream& in, const std::string& name,
                                         LedgerRows which) {
  std::string line;
  if (!std::getline(in, line) || line != header_of(which)) {
    throw InputError(fmt::format("{}:1: '{}' is wanted", name, header_of(which)));
  }
  std::vector<comm::LedgerRow> rows;
  for (std::size_t number = 2; std::getline(in, line); ++number) {
    try {
      rows.push_back(parse_row(line, which));
    } catch (const std::invalid_argument& e) {
      throw InputError(fmt::format("{}:{}: {}", name, number, e.what()));
    }
  }
  return rows;
}

}  // namespace mvsgd::sim
