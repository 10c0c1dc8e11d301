#pragma once

#include <string>
#include <vector>

namespace paraplan {

enum class Align { left, right };

struct Column {
  std::string title;
  Align align = Align::right;
};

// Text in columns for a terminal.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // one cell per column
};

// Lines of two-space indented, space-padded columns; no space at the end of a line.
std::string to_text(const Table& table);

// One line of titles and one per row; cells with a comma, quote or line break are quoted (RFC 4180).
std::string to_csv(const Table& table);

// Numbers as the reports print them.
std::string format_time(double seconds);             // "1.234 s", "12.3 ms", "4.56 us"
std::string format_bytes(double bytes);              // "12.34 GiB", "56.78 MiB"
std::string format_gib(double bytes);                // "12.34": GiB without the unit
std::string format_percent(double fraction);         // "12.3"
std::string format_signed_percent(double fraction);  // "+12.3"

}  // namespace paraplan
