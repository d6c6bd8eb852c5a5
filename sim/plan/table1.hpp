// Table 1 as the paper prints it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mvsgd::sim {

/// The bits of a row in one direction.
struct Printed {
  std::string q_loc;  ///< Q_loc / (d H), "9e-2"
  std::string q_val;
  std::string rate;  ///< 32 over the sum of both, "78"
};

struct PrintedRow {
  std::string_view preset;
  std::string_view name;       ///< "SSGD-MV-L4"
  std::string_view accuracy;   ///< top-1, mean in percent: "92.54"
  std::string_view deviation;  ///< population's: the paper divides by n
  Printed up;                  ///< empty in the row that sends nothing
  Printed down;
  std::string_view up_erratum;  ///< why this direction's printed numbers are not the row's law
  std::string_view down_erratum;
  std::uint32_t trials = 10;  ///< n; 5 in the rows of random selection
};

/// All fifteen rows, in the paper's order. The last one is the benchmark on a single machine,
/// preset "sm".
[[nodiscard]] std::span<const PrintedRow> printed_table();

}  // namespace mvsgd::sim
