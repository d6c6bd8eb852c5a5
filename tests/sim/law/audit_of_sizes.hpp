// Audits of a round whose messages have sizes that only the run decides.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/law/audit.hpp"
#include "sim/law/check_failed.hpp"
#include "sim/plan/presets.hpp"

namespace mvsgd::sim {

/// What `check` says, or "agrees".
template <typename Check>
std::string said_by(const Check& check) {
  try {
    check();
  } catch (const CheckFailed& e) {
    return e.what();
  }
  return "agrees";
}

/// The scheme's second sparse round, N = 3, d = 10,000: K = 100, K_ad = 10.
class AuditOfSizes : public testing::Test {
 protected:
  explicit AuditOfSizes(const char* name) : settings_(preset(name).settings) {
    settings_.workers = 3;
    settings_.value_bits = 4;
    round_.t = 3;
    round_.steps = 1;
    round_.evaluate = true;
    round_.first_sparse = false;
  }
  [[nodiscard]] Audit audit() const { return {{}, settings_, layers_, 12}; }
  [[nodiscard]] std::vector<comm::LedgerRow> rows(const RoundSizes& sizes) const {
    std::vector<comm::LedgerRow> rows;
    for (std::uint32_t n = 0; n < 3; ++n) {
      for (const auto& row : audit().expected(round_, n, sizes)) rows.push_back(row);
    }
    return rows;
  }
  /// Checks `rows` with the sizes that follow from them, as for a finished run.
  [[nodiscard]] std::string refusal(const std::vector<comm::LedgerRow>& rows) const {
    return refusal(rows, audit().sizes_in(round_, rows));
  }
  [[nodiscard]] std::string refusal(const std::vector<comm::LedgerRow>& rows,
                                    const RoundSizes& sizes) const {
    return said_by([&] { audit().check(round_, rows, sizes); });
  }
  void expect_one_bit_more_is_named_in_each_of(const std::vector<comm::LedgerRow>& rows) const {
    ASSERT_EQ(refusal(rows), "agrees");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::vector<comm::LedgerRow> altered = rows;
      altered[i].bits += comm::Bits(1);
      const auto& [id, field, bits] = rows[i];
      EXPECT_THAT(refusal(altered),
                  testing::HasSubstr("round 3, worker " + std::to_string(id.worker) + ", " +
                                     std::string(comm::name(id.direction)) + " " +
                                     std::string(comm::name(id.kind)) + " " +
                                     std::string(comm::name(field)) + ": " +
                                     std::to_string(bits.count()) + " bits by the law"));
    }
  }

  Settings settings_;
  Layers layers_{10'000};
  Round round_;
};

}  // namespace mvsgd::sim
