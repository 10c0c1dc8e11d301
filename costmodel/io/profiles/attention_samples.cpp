#include "costmodel/io/profiles/attention_samples.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/tsv_table.h"
#include "costmodel/names.h"

namespace paraplan {
namespace {

const std::vector<std::string>& sample_columns() {
  static const std::vector<std::string> columns = {"kernel", "pass",       "causal",  "heads",
                                                   "width",  "seq_length", "seconds", "source"};
  return columns;
}

// The second of two words is true.
bool choice(const TsvTable& table, const TsvTable::Row& row, const std::string& column, const char* no,
            const char* yes) {
  const std::string word = table.cell(row, column);
  if (word != no && word != yes)
    table.fail(row, column, fmt::format("must be {} or {}, is \"{}\"", no, yes, word));
  return word == yes;
}

AttentionSample attention_sample(const TsvTable& table, const TsvTable::Row& row) {
  AttentionSample sample;
  const std::string word = table.cell(row, "kernel");
  const std::optional<AttentionKernel> kernel = from_string<AttentionKernel>(word);
  if (!kernel) {
    table.fail(row, "kernel",
               fmt::format("\"{}\" is none of {}", word, comma_separated(name_list<AttentionKernel>())));
  }
  sample.kernel = *kernel;
  sample.backward = choice(table, row, "pass", "forward", "backward");
  sample.causal = choice(table, row, "causal", "0", "1");
  sample.heads = table.needed_integer(row, "heads");
  sample.width = table.needed_integer(row, "width");
  sample.seq_length = table.needed_integer(row, "seq_length");
  const std::optional<double> seconds = table.positive_number(row, "seconds");
  if (!seconds) table.fail(row, "seconds", "must be a number above 0, is empty");
  sample.seconds = *seconds;
  sample.source = table.cell(row, "source");
  if (sample.source.empty()) table.fail(row, "source", "must say where the time comes from, is empty");
  return sample;
}

}  // namespace

std::vector<AttentionSample> load_attention_samples(const std::filesystem::path& file) {
  const TsvTable table = TsvTable::load(file, sample_columns(), sample_columns());
  std::vector<AttentionSample> samples;
  for (const TsvTable::Row& row : table.rows) samples.push_back(attention_sample(table, row));
  return samples;
}

std::string to_tsv(const std::vector<AttentionSample>& samples) {
  std::string text = fmt::format("{}\n", fmt::join(sample_columns(), "\t"));
  for (const AttentionSample& s : samples) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", to_string(s.kernel),
                        s.backward ? "backward" : "forward", s.causal ? 1 : 0, s.heads, s.width, s.seq_length,
                        s.seconds, s.source);
  }
  return text;
}

}  // namespace paraplan
