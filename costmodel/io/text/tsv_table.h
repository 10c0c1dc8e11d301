#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace paraplan {

// A tab-separated file with a header line. Empty lines and a byte order mark are skipped.
struct TsvTable {
  struct Row {
    int line = 0;
    std::vector<std::string> cells;  // one per column
  };

  std::string file;
  int header_line = 0;
  std::vector<std::string> columns;
  std::vector<Row> rows;

  // Throws InputError unless every column is one of `known`, none comes twice, all of `required` are there,
  // and every row has one cell per column.
  static TsvTable load(const std::filesystem::path& file, const std::vector<std::string>& known,
                       const std::vector<std::string>& required);

  // The cell of a column; empty when the table has no such column or the cell is empty.
  std::string cell(const Row& row, const std::string& column) const;

  // Cells as numbers; empty as above. Throw InputError for anything else than a finite positive number.
  std::optional<int64_t> positive_integer(const Row& row, const std::string& column) const;
  std::optional<double> positive_number(const Row& row, const std::string& column) const;
  // The same for a cell that must not be empty.
  int64_t needed_integer(const Row& row, const std::string& column) const;

  // Throws InputError at the row's line; `column` may be empty.
  [[noreturn]] void fail(const Row& row, const std::string& column, const std::string& message) const;
};

}  // namespace paraplan
