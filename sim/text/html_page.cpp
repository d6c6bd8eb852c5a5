#include "sim/text/html_page.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <ostream>
#include <utility>

namespace mvsgd::sim {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
)";

constexpr std::string_view kStyle = R"(<style>
:root { color-scheme: light dark; --page: #fff; --ink: #1b1b1b; --faint: #5c5c5c; --line: #d8d8d8; }
@media (prefers-color-scheme: dark) {
  :root { --page: #161616; --ink: #e6e6e6; --faint: #a8a8a8; --line: #3c3c3c; }
}
body { margin: 0 auto; padding: 1rem; max-width: 84rem; background: var(--page); color: var(--ink);
       font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p { max-width: 46rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr));
         gap: 1rem; align-items: start; }
.legend { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: .1rem 1.25rem; margin: 0;
          padding: .35rem 0; max-width: none; background: var(--page); font-size: .8125rem; }
figure { margin: 0; max-width: 30rem; }
figure svg { display: block; width: 100%; height: auto; }
svg [color=black] { color: var(--ink); }
svg [stroke=black] { stroke: var(--ink); }
svg [fill=black] { fill: var(--ink); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); text-align: right;
         vertical-align: top; white-space: nowrap; font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 600; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
.differs { font-weight: 700; }
.line { display: inline-block; width: 1.6rem; margin-right: .5rem; vertical-align: middle;
        border-top: .2rem solid; }
code { font-size: .8125rem; }
summary { cursor: pointer; padding: .25rem 0; }
</style>
</head>
<body>
)";

std::string inlined(std::string svg, const std::string& name) {
  svg.erase(0, svg.find("<svg"));
  const auto cut = [&](std::string_view open, std::string_view close) {
    for (std::size_t at = svg.find(open); at != std::string::npos; at = svg.find(open, at)) {
      svg.erase(at, svg.find(close, at) + close.size() - at);
    }
  };
  cut("<title>", "</title>");
  cut("<desc>", "</desc>");
  const auto rename = [&](std::string_view before) {
    for (std::size_t at = svg.find(before); at != std::string::npos;
         at = svg.find(before, at + before.size())) {
      svg.insert(at + before.size(), name + '-');
    }
  };
  for (const std::string_view before : {" id=\"", " id='", "href='#", "url(#"}) rename(before);
  const std::size_t size = svg.find("width=");
  svg.replace(size, svg.find("viewBox", size) - size,
              fmt::format("role=\"img\" aria-label=\"{}\"\n ", html_text(name)));
  return svg;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

void begin_page(std::ostream& out, std::string_view title) {
  fmt::print(out, "{0}<title>{1}</title>\n{2}<h1>{1}</h1>\n", kHead, html_text(title), kStyle);
}

void end_page(std::ostream& out) { fmt::print(out, "</body>\n</html>\n"); }

void write_figure(std::ostream& out, const std::string& name, std::string svg) {
  fmt::print(out, "<figure id=\"{}\">{}</figure>\n", html_text(name),
             inlined(std::move(svg), name));
}

HtmlTable::HtmlTable(std::ostream& out, const std::vector<std::string>& heads,
                     std::string_view kind)
    : out_(&out) {
  fmt::print(*out_, "<div class=\"wide {}\"><table>\n", kind);
  row(heads, "th");
}

HtmlTable::~HtmlTable() { fmt::print(*out_, "</table></div>\n"); }

void HtmlTable::row(const std::vector<std::string>& cells, std::string_view tag) {
  fmt::print(*out_, "<tr>");
  for (const std::string& cell : cells) fmt::print(*out_, "<{0}>{1}</{0}>", tag, cell);
  fmt::print(*out_, "</tr>\n");
}

}  // namespace mvsgd::sim
