#include "sim/verify/verify.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "nn/resnet18.hpp"
#include "sim/files/json.hpp"
#include "sim/text/numbers.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;

/// "1,005,660 + 3,575,680": positions and values.
std::string parts(const comm::FieldBits& bits) {
  return fmt::format("{} + {}", grouped(bits[Field::positions].count()),
                     grouped(bits[Field::values].count()));
}

}  // namespace

bool Verification::holds() const {
  return std::ranges::all_of(checks, &Check::holds) && std::ranges::all_of(table, &TableRow::holds);
}

Verification verify_paper(const LawConstants& law) {
  Verification verification;
  for (auto part : {check_learning, check_algorithms, check_quantizers, check_codecs}) {
    for (Check& check : part()) verification.checks.push_back(std::move(check));
  }
  for (Check& check : check_ring(law)) verification.checks.push_back(std::move(check));
  verification.checks.push_back(check_splits());
  const auto d = static_cast<std::uint64_t>(nn::resnet18_parameters({.width = 64}).size());
  judge_bits(law, measure_rounds(d), verification);
  // In the order of equations. Checks that belong to no single equation come last.
  const auto number = [](const Check& check) {
    return check.subject.starts_with("eq ") ? std::stoi(check.subject.substr(3)) : 1'000;
  };
  std::ranges::stable_sort(verification.checks, {}, number);
  return verification;
}

void print(std::ostream& out, const Verification& verification, const std::string& wrong) {
  for (const Check& check : verification.checks) {
    fmt::print(out, "{} {:<15} {}\n{:<22}{}\n", check.holds ? "ok   " : wrong, check.subject,
               check.claim, "", check.detail);
  }
  if (verification.table.empty()) return;
  fmt::print(out, "\n");
  print_table(out, verification.table);
}

void print_table(std::ostream& out, const std::vector<TableRow>& table) {
  fmt::print(out,
             "| row | H | way | eq 14 + eq 13, bits | law | wire | rate | printed q_loc, q_val, "
             "rate | verdict |\n"
             "|---|---:|---|---:|---:|---:|---:|---:|---|\n");
  for (const TableRow& row : table) {
    fmt::print(out, "| `{}` | {} | {} | {:.2f} + {:.2f} | {} | {} | x{:.2f} | {}, {}, x{} | {} |\n",
               row.name, row.local_steps, comm::name(row.direction), row.equation_positions,
               row.equation_values, parts(row.law), parts(row.wire), row.rate, row.printed.q_loc,
               row.printed.q_val, row.printed.rate, row.verdict);
  }
  fmt::print(out, "| `sm` | 1 | | | | | | | nothing is sent |\n");
}

void write_json(std::ostream& out, const Verification& verification) {
  nlohmann::ordered_json json;
  json["holds"] = verification.holds();
  json["checks"] = nlohmann::ordered_json::array();
  for (const Check& check : verification.checks) {
    json["checks"].push_back({{"subject", check.subject},
                              {"claim", check.claim},
                              {"holds", check.holds},
                              {"detail", check.detail}});
  }
  json["table"] = nlohmann::ordered_json::array();
  for (const TableRow& row : verification.table) {
    json["table"].push_back({{"row", row.name},
                             {"local_steps", row.local_steps},
                             {"direction", comm::name(row.direction)},
                             {"equation_14", row.equation_positions},
                             {"equation_13", row.equation_values},
                             {"law", json_of(row.law, Zeros::left_out)},
                             {"wire", json_of(row.wire, Zeros::left_out)},
                             {"rate", row.rate},
                             {"printed_q_loc", row.printed.q_loc},
                             {"printed_q_val", row.printed.q_val},
                             {"printed_rate", row.printed.rate},
                             {"verdict", row.verdict},
                             {"holds", row.holds}});
  }
  out << json.dump(2) << '\n';
}

}  // namespace mvsgd::sim
