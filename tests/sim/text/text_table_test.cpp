// Tables of plain text.
#include "sim/text/text_table.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace mvsgd::sim {
namespace {

TEST(TextTable, WordsBeginAndNumbersEndWhereTheirColumnsDo) {
  const std::vector<std::vector<std::string>> lines{{"run", "bits", "why"}, {"a", "12345", ""}};
  std::ostringstream out;
  write_text_table(out, lines, "<><");
  EXPECT_EQ(out.str(),
            "run   bits  why\n"
            "a    12345\n");
}

}  // namespace
}  // namespace mvsgd::sim
