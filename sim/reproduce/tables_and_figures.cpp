#include "sim/reproduce/tables_and_figures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>

#include "sim/plan/settings.hpp"
#include "sim/plan/table1.hpp"

namespace mvsgd::sim {
namespace {

std::vector<TableOrFigure> make_tables_and_figures() {
  std::vector<std::string_view> all;
  for (const PrintedRow& row : printed_table()) all.push_back(row.preset);
  std::vector<std::string_view> of_claims = all;
  for (const std::string_view name :
       {"ssgd-mv-l4-no-memory", "ssgd-mv-ad-l4-no-memory", "modern-mv-l4", "modern-mv-ad-l4-q",
        "modern-mv-ad-l4-q-layer"}) {
    of_claims.push_back(name);
  }
  // The benchmarks come first, so that they look the same in every figure.
  return {
      {"table1", "Table 1", all, Exhibit::table1},
      {"figure1",
       "Figure 1: SSGD-MV and local steps",
       {"sm", "top-k", "ssgd-mv", "ssgd-mv-l2", "ssgd-mv-l4", "ssgd-mv-l8"}},
      {"figure2",
       "Figure 2: SSGD-MV-AD and local steps",
       {"sm", "top-k", "ssgd-mv-ad", "ssgd-mv-ad-l2", "ssgd-mv-ad-l4", "ssgd-mv-ad-l8"}},
      {"figure3",
       "Figure 3: majority voting and random selection",
       {"sm", "top-k", "ssgd-mv-l4", "ssgd-mv-l8", "ssgd-mv-rs-l4", "ssgd-mv-rs-l8"}},
      {"figure4a",
       "Figure 4a: the highest compression",
       {"sm", "top-k", "ssgd-mv-ad-l4-q", "ssgd-mv-ad-l8-q"}},
      {"figure4b",
       "Figure 4b: with and without quantisation",
       {"ssgd-mv-l8", "ssgd-mv-l8-q", "ssgd-mv-ad-l4", "ssgd-mv-ad-l4-q", "ssgd-mv-ad-l8",
        "ssgd-mv-ad-l8-q"}},
      {"extensions",
       "Extensions",
       {"sm", "top-k", "ssgd-mv-l4", "ssgd-mv-ad-l4-q", "modern-sm", "modern-top-k", "modern-mv-l4",
        "modern-mv-ad-l4-q", "modern-mv-ad-l4-q-layer", "modern-mv-ad-l4-q-both",
        "modern-mv-ad-l8-q-both"},
       Exhibit::extensions,
       "modern-sm"},
      {"claims", "What votes, masks and errors do", of_claims, Exhibit::claims},
  };
}

std::vector<PrintedRow> make_rows(const TableOrFigure& what) {
  std::vector<PrintedRow> rows;
  for (const std::string_view name : what.presets) {
    const auto printed = std::ranges::find(printed_table(), name, &PrintedRow::preset);
    if (printed != printed_table().end()) {
      rows.push_back(*printed);
      continue;
    }
    rows.emplace_back().preset = name;
    rows.back().name = name;
  }
  return rows;
}

}  // namespace

std::span<const TableOrFigure> tables_and_figures() {
  static const std::vector<TableOrFigure> all = make_tables_and_figures();
  return all;
}

std::span<const PrintedRow> rows_of(const TableOrFigure& what) {
  static const std::vector<PrintedRow> extensions = make_rows(table_or_figure("extensions"));
  static const std::vector<PrintedRow> claims = make_rows(table_or_figure("claims"));
  if (what.kind == Exhibit::extensions) return extensions;
  return what.kind == Exhibit::claims ? claims : printed_table();
}

const TableOrFigure& table_or_figure(std::string_view name) {
  std::vector<std::string> names;
  for (const TableOrFigure& one : tables_and_figures()) {
    if (one.name == name) return one;
    names.emplace_back(one.name);
  }
  throw UsageError(fmt::format("unknown exhibit '{}': one of {}", name, fmt::join(names, ", ")));
}

}  // namespace mvsgd::sim
