#include "costmodel/io/text/tsv_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/text/known_words.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A cell as a message shows it: on one line, and shortened.
std::string shown(const std::string& cell) {
  constexpr size_t kMostShown = 60;  // bytes
  if (cell.size() > kMostShown) {
    size_t end = kMostShown;
    while ((static_cast<unsigned char>(cell[end]) & 0xc0) == 0x80) --end;  // keeps characters whole
    return shown(cell.substr(0, end)) + "...";
  }
  const std::string text = quoted(cell);
  return text.substr(1, text.size() - 2);
}

void check_columns(const TsvTable& table, const std::vector<std::string>& known,
                   const std::vector<std::string>& required) {
  if (table.columns.size() == 1 && table.columns.front().find_first_of(",; ") != std::string::npos)
    throw InputError(table.file, table.header_line, "",
                     fmt::format("columns are separated by tabs; there is no tab in \"{}\"",
                                 shown(table.columns.front())));
  std::vector<std::string> seen;
  for (const std::string& column : table.columns) {
    if (!contains(known, column)) {
      throw InputError(table.file, table.header_line, shown(column), unknown_word("column", column, known));
    }
    if (contains(seen, column))
      throw InputError(table.file, table.header_line, column, "this column comes twice");
    seen.push_back(column);
  }
  for (const std::string& column : required) {
    if (!contains(seen, column))
      throw InputError(table.file, table.header_line, column, "this column is missing");
  }
}

}  // namespace

TsvTable TsvTable::load(const std::filesystem::path& file, const std::vector<std::string>& known,
                        const std::vector<std::string>& required) {
  TsvTable table;
  table.file = file.string();
  std::string content = read_text_file(file);
  if (content.starts_with(kByteOrderMark)) content.erase(0, kByteOrderMark.size());
  int line = 0;
  for (std::string& text : split(content, '\n')) {
    ++line;
    if (text.ends_with('\r')) text.pop_back();
    if (text.empty()) continue;
    if (!is_utf8(text)) throw InputError(table.file, line, "", "is not valid UTF-8; save the file as UTF-8");
    std::vector<std::string> cells = split(text, '\t');
    if (table.columns.empty()) {
      table.columns = std::move(cells);
      table.header_line = line;
      check_columns(table, known, required);
      continue;
    }
    if (cells.size() != table.columns.size()) {
      throw InputError(
          table.file, line, "",
          fmt::format("has {} tab-separated cells, the header has {}", cells.size(), table.columns.size()));
    }
    table.rows.push_back({line, std::move(cells)});
  }
  if (table.columns.empty()) throw InputError(table.file, 0, "", "is empty; needs a header line");
  if (table.rows.empty()) throw InputError(table.file, 0, "", "has a header line but no rows");
  return table;
}

std::string TsvTable::cell(const Row& row, const std::string& column) const {
  const auto at = std::find(columns.begin(), columns.end(), column);
  return at == columns.end() ? "" : row.cells[static_cast<size_t>(at - columns.begin())];
}

std::optional<int64_t> TsvTable::positive_integer(const Row& row, const std::string& column) const {
  const std::string text = cell(row, column);
  if (text.empty()) return std::nullopt;
  const std::optional<int64_t> value = parse_integer(text);
  if (!value || *value < 1 || *value > kMaxSize) {
    fail(row, column, fmt::format("must be an integer from 1 to 2^40, is \"{}\"", shown(text)));
  }
  return value;
}

int64_t TsvTable::needed_integer(const Row& row, const std::string& column) const {
  const std::optional<int64_t> value = positive_integer(row, column);
  if (!value) fail(row, column, "must be an integer from 1 to 2^40, is empty");
  return *value;
}

std::optional<double> TsvTable::positive_number(const Row& row, const std::string& column) const {
  const std::string text = cell(row, column);
  if (text.empty()) return std::nullopt;
  const std::optional<double> value = parse_number(text);
  if (!value || *value <= 0)
    fail(row, column, fmt::format("must be a number above 0, is \"{}\"", shown(text)));
  return value;
}

void TsvTable::fail(const Row& row, const std::string& column, const std::string& message) const {
  throw InputError(file, row.line, column, message);
}

}  // namespace paraplan
