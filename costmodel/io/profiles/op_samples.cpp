#include "costmodel/io/profiles/op_samples.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/text.h"
#include "costmodel/io/text/tsv_table.h"
#include "costmodel/names.h"

namespace paraplan {
namespace {

std::vector<std::string> op_columns() {
  return {"precision", "kind",   "derivative", "m",     "n",       "k",    "batch",
          "bytes",     "random", "causal",     "ranks", "seconds", "noise"};
}

// Files from before flash attention was measured have no column for its mask.
std::vector<std::string> required_op_columns() {
  std::vector<std::string> columns = op_columns();
  std::erase(columns, "causal");
  return columns;
}

std::vector<std::string> collective_columns() {
  return {"kind", "ranks", "bytes", "seconds", "noise"};
}

// One row, read cell by cell.
class SampleRow {
 public:
  SampleRow(const TsvTable& table, const TsvTable::Row& row) : table_(table), row_(row) {}

  template <class E>
  E word(const std::string& column) const {
    const std::string text = table_.cell(row_, column);
    const std::optional<E> value = from_string<E>(text);
    if (!value) fail(column, fmt::format("\"{}\" is none of {}", text, comma_separated(name_list<E>())));
    return *value;
  }

  int64_t integer(const std::string& column, int64_t min, int64_t max = kMaxSize) const {
    const std::string text = table_.cell(row_, column);
    const std::optional<int64_t> value = parse_integer(text);
    if (!value || *value < min || *value > max) {
      const std::string end = max == kMaxSize ? "2^40" : fmt::format("{}", max);
      fail(column, fmt::format("must be an integer from {} to {}, is \"{}\"", min, end, text));
    }
    return *value;
  }

  double positive(const std::string& column) const {
    const std::optional<double> value = table_.positive_number(row_, column);
    if (!value) fail(column, "must be a number above 0, is empty");
    return *value;
  }

  double not_negative(const std::string& column) const {
    const std::string text = table_.cell(row_, column);
    const std::optional<double> value = parse_number(text);
    if (!value || *value < 0) fail(column, fmt::format("must be a number from 0, is \"{}\"", text));
    return *value;
  }

  // Empty where the file lacks the column.
  std::string text(const std::string& column) const { return table_.cell(row_, column); }

  // Whether the file has this column.
  bool has(const std::string& column) const {
    return std::ranges::find(table_.columns, column) != table_.columns.end();
  }

  [[noreturn]] void fail(const std::string& column, const std::string& message) const {
    table_.fail(row_, column, message);
  }

 private:
  const TsvTable& table_;
  const TsvTable::Row& row_;
};

OpSample op_sample(const SampleRow& row) {
  OpSample sample;
  sample.precision = row.word<Precision>("precision");
  sample.kind = row.word<OpKind>("kind");
  if (is_collective(sample.kind)) {
    row.fail("kind", fmt::format("\"{}\" belongs among the collective samples", to_string(sample.kind)));
  }
  sample.derivative = row.word<Derivative>("derivative");
  // Only matrix products and what consists of them have sizes.
  const bool flash = sample.kind == OpKind::flash_attention;
  const bool sized = flash || sample.kind == OpKind::gemm || sample.kind == OpKind::attention_scores ||
                     sample.kind == OpKind::attention_context;
  const int64_t smallest = sized ? 1 : 0;
  sample.m = row.integer("m", smallest);
  sample.n = row.integer("n", smallest);
  sample.k = row.integer("k", smallest);
  sample.batch = flash ? static_cast<double>(row.integer("batch", 1)) : row.positive("batch");
  sample.bytes = row.not_negative("bytes");
  sample.random = row.integer("random", 0, 1) == 1;
  sample.causal = row.has("causal") && row.integer("causal", 0, flash ? 1 : 0) == 1;
  sample.ranks = row.integer("ranks", 1);
  sample.seconds = row.positive("seconds");
  sample.noise = row.not_negative("noise");
  return sample;
}

CollectiveSample collective_sample(const SampleRow& row) {
  CollectiveSample sample;
  sample.kind = row.word<CollectiveSample::Kind>("kind");
  sample.ranks = row.integer("ranks", 2);
  sample.bytes = row.positive("bytes");
  sample.seconds = row.positive("seconds");
  sample.noise = row.not_negative("noise");
  sample.source = row.text("source");
  return sample;
}

}  // namespace

std::vector<OpSample> load_op_samples(const std::filesystem::path& file) {
  const TsvTable table = TsvTable::load(file, op_columns(), required_op_columns());
  std::vector<OpSample> samples;
  for (const TsvTable::Row& row : table.rows) samples.push_back(op_sample({table, row}));
  return samples;
}

std::vector<CollectiveSample> load_collective_samples(const std::filesystem::path& file) {
  std::vector<std::string> columns = collective_columns();
  columns.emplace_back("source");
  const TsvTable table = TsvTable::load(file, columns, collective_columns());
  std::vector<CollectiveSample> samples;
  for (const TsvTable::Row& row : table.rows) samples.push_back(collective_sample({table, row}));
  return samples;
}

std::string to_tsv(const std::vector<OpSample>& samples) {
  std::string text = fmt::format("{}\n", fmt::join(op_columns(), "\t"));
  for (const OpSample& s : samples) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", to_string(s.precision),
                        to_string(s.kind), to_string(s.derivative), s.m, s.n, s.k, s.batch, s.bytes,
                        s.random ? 1 : 0, s.causal ? 1 : 0, s.ranks, s.seconds, s.noise);
  }
  return text;
}

std::string to_tsv(const std::vector<CollectiveSample>& samples) {
  const bool sourced = std::ranges::any_of(samples, [](const auto& s) { return !s.source.empty(); });
  std::string text = fmt::format("{}{}\n", fmt::join(collective_columns(), "\t"), sourced ? "\tsource" : "");
  for (const CollectiveSample& s : samples) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}{}\n", to_string(s.kind), s.ranks, s.bytes, s.seconds, s.noise,
                        sourced ? "\t" + s.source : "");
  }
  return text;
}

}  // namespace paraplan
