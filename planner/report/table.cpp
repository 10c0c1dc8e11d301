#include "planner/report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace paraplan {
namespace {

constexpr double kMib = 1024.0 * 1024.0;
constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

std::string padded_line(const Table& table, const std::vector<size_t>& widths,
                        const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const bool left = table.columns[i].align == Align::left;
    line +=
        left ? fmt::format("  {:<{}}", cells[i], widths[i]) : fmt::format("  {:>{}}", cells[i], widths[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::vector<std::string> titles(const Table& table) {
  std::vector<std::string> cells;
  for (const Column& column : table.columns) cells.push_back(column.title);
  return cells;
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    if (!line.empty() || &cell != &cells.front()) line += ',';
    if (cell.find_first_of(",\"\r\n") == std::string::npos) {
      line += cell;
      continue;
    }
    line += '"';
    for (const char c : cell) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + "\n";
}

}  // namespace

std::string to_text(const Table& table) {
  std::vector<size_t> widths;
  for (const Column& column : table.columns) widths.push_back(column.title.size());
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text = padded_line(table, widths, titles(table));
  for (const auto& row : table.rows) text += padded_line(table, widths, row);
  return text;
}

std::string to_csv(const Table& table) {
  std::string text = csv_line(titles(table));
  for (const auto& row : table.rows) text += csv_line(row);
  return text;
}

std::string format_time(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  if (std::abs(seconds) >= 1 || seconds == 0) return fmt::format("{:.3f} s", seconds);
  if (std::abs(seconds) >= 1e-3) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} us", seconds * 1e6);
}

std::string format_bytes(double bytes) {
  if (std::abs(bytes) < 0.1 * kGib) return fmt::format("{:.2f} MiB", bytes / kMib);
  return fmt::format("{:.2f} GiB", bytes / kGib);
}

std::string format_gib(double bytes) {
  return fmt::format("{:.2f}", bytes / kGib);
}

std::string format_percent(double fraction) {
  return fmt::format("{:.1f}", fraction * 100);
}

std::string format_signed_percent(double fraction) {
  return fmt::format("{:+.1f}", fraction * 100);
}

}  // namespace paraplan
