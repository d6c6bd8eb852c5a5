// Pages of HTML that open from the disk: no script, and nothing that is not in the file.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace mvsgd::sim {

/// `text` where HTML has text or a quoted attribute.
[[nodiscard]] std::string html_text(std::string_view text);

/// Everything before the body's first paragraph; the title is its heading.
void begin_page(std::ostream& out, std::string_view title);
void end_page(std::ostream& out);

/// An SVG document as a figure of the page: it loses its own header, and its names differ from
/// those of every other figure. `name` is its anchor and what readers of the page are told.
void write_figure(std::ostream& out, const std::string& name, std::string svg);

/// One table, which its destructor ends; cells are HTML already.
class HtmlTable {
 public:
  /// `kind`: "words" for cells to be read and not compared.
  HtmlTable(std::ostream& out, const std::vector<std::string>& heads, std::string_view kind = "");
  ~HtmlTable();
  HtmlTable(const HtmlTable&) = delete;
  HtmlTable& operator=(const HtmlTable&) = delete;

  void row(const std::vector<std::string>& cells, std::string_view tag = "td");

 private:
  std::ostream* out_;
};

}  // namespace mvsgd::sim
