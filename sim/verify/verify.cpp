#include "sim/verify/verify.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "nn/resnet18.hpp"
#include "sim/files/digest.hpp"
#include "sim/files/model_file.hpp"
#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings_file.hpp"
#include "sim/run/ledger_file.hpp"
#include "sim/run/run_directory.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/verify/parts.hpp"

namespace mvsgd::sim {
namespace {

using comm::Field;

/// "1,005,660 + 3,575,680": positions and values.
std::string parts(const comm::FieldBits& bits) {
  return fmt::format("{} + {}", grouped(bits[Field::positions].count()),
                     grouped(bits[Field::values].count()));
}

nlohmann::ordered_json json_of(const comm::FieldBits& bits) {
  nlohmann::ordered_json json;
  for (const Field field : comm::kAllFields) {
    if (bits[field] != comm::Bits(0)) json[std::string(comm::name(field))] = bits[field].count();
  }
  return json;
}

/// A finished run's parameters against the digest that it told; none if they are not there.
std::optional<Check> check_digest(const std::filesystem::path& run) {
  const std::filesystem::path path = run / "model.safetensors";
  std::error_code error;
  if (!has_finished(run) || !std::filesystem::exists(path, error)) return std::nullopt;
  const std::string told = read_finished_run(run).digest;
  const std::string found = sha256(read_model(path).theta);
  const std::string bits = value_of(read_environment((run / "config.toml").string()), "bits");
  std::string whose = fmt::format("bits of {}", bits);
  if (bits == kPortable) whose = "bits: portable, every processor trains to them";
  if (bits.empty()) whose = "whose bits they are an older program did not tell";
  return Check{.subject = "sha256(theta)",
               .claim = "the parameters are those whose digest the run told",
               .holds = found == told,
               .detail = found == told ? fmt::format("{}; {}", found, whose)
                                       : fmt::format("model.safetensors has {}, metrics.jsonl {}",
                                                     found, told)};
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
  const auto d = static_cast<std::uint64_t>(nn::resnet18_parameters({.width = 64}).size());
  judge_bits(law, measure_rounds(d), verification);
  // By equation; what is of no single one behind them.
  const auto number = [](const Check& check) {
    return check.subject.starts_with("eq ") ? std::stoi(check.subject.substr(3)) : 1'000;
  };
  std::ranges::stable_sort(verification.checks, {}, number);
  return verification;
}

Verification verify_run(const std::filesystem::path& directory, const LawConstants& law) {
  const Settings settings = read_toml((directory / "config.toml").string(), std::nullopt);
  const std::vector<comm::LedgerRow> rows = read_ledger(directory / "ledger.csv");
  const nn::ResNet18Options network{.width = settings.width};
  const auto d = static_cast<std::uint64_t>(nn::resnet18_parameters(network).size());
  const auto buffers = static_cast<std::uint64_t>(nn::resnet18_buffers(network).size());
  const Audit audit(law, settings, d, buffers);

  Check check{.subject = directory.string(),
              .claim = "every row of ledger.csv is the law's, and none is missing",
              .holds = true,
              .detail = ""};
  std::vector<Round> plan = schedule(settings, training_images(settings));
  plan.insert(plan.begin(), Round());
  auto begin = rows.begin();
  try {
    for (const Round& round : plan) {
      const auto end = std::find_if(
          begin, rows.end(), [&](const comm::LedgerRow& row) { return row.id.round != round.t; });
      audit.check(round, {begin, end}, audit.sizes_in(round, {begin, end}));
      begin = end;
    }
    if (begin != rows.end()) {
      throw CheckFailed(fmt::format("round {} is not one of the schedule's next", begin->id.round));
    }
    check.detail = fmt::format("{} rows, {} rounds", grouped(rows.size()), plan.size() - 1);
  } catch (const CheckFailed& e) {
    check.holds = false;
    check.detail = e.what();
  }
  Verification verification{.checks = {check}, .table = {}};
  if (auto digest = check_digest(directory)) verification.checks.push_back(std::move(*digest));
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
                             {"law", json_of(row.law)},
                             {"wire", json_of(row.wire)},
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
