// HTML pages that open from the disk: they have no script and refer to no other file.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace mvsgd::sim {

/// `text` escaped for use as HTML text or in a quoted attribute.
[[nodiscard]] std::string html_text(std::string_view text);

/// Writes everything before the body's first paragraph. The title is also the page's heading.
void begin_page(std::ostream& out, std::string_view title);
void end_page(std::ostream& out);

/// Writes an SVG document as a figure of the page. The SVG loses its own header, and its ids are
/// made different from those of every other figure. `name` is the figure's anchor and its label for
/// screen readers.
void write_figure(std::ostream& out, const std::string& name, std::string svg);

/// One table; the destructor closes it. Cells are HTML already.
class HtmlTable {
 public:
  /// `kind`: "words" for cells that are read rather than compared.
  HtmlTable(std::ostream& out, const std::vector<std::string>& heads, std::string_view kind = "");
  ~HtmlTable();
  HtmlTable(const HtmlTable&) = delete;
  HtmlTable& operator=(const HtmlTable&) = delete;

  void row(const std::vector<std::string>& cells, std::string_view tag = "td");

 private:
  std::ostream* out_;
};

}  // namespace mvsgd::sim
