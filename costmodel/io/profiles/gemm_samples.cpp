#include "costmodel/io/profiles/gemm_samples.h"

#include <fmt/format.h>

#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/tsv_table.h"
#include "costmodel/names.h"

namespace paraplan {
namespace {

GemmSample sample_of(const TsvTable& table, const TsvTable::Row& row) {
  GemmSample sample;
  const std::string word = table.cell(row, "precision");
  const std::optional<Precision> precision = from_string<Precision>(word);
  if (!precision) {
    table.fail(row, "precision",
               fmt::format("\"{}\" is none of {}", word, comma_separated(name_list<Precision>())));
  }
  sample.precision = *precision;
  sample.m = table.needed_integer(row, "m");
  sample.n = table.needed_integer(row, "n");
  sample.k = table.needed_integer(row, "k");
  sample.batch = table.positive_integer(row, "batch").value_or(1);
  const std::optional<double> seconds = table.positive_number(row, "seconds");
  if (!seconds) table.fail(row, "seconds", "must be a number above 0, is empty");
  sample.seconds = *seconds;
  sample.source = table.cell(row, "source");
  if (sample.source.empty()) table.fail(row, "source", "must say where the time comes from, is empty");
  return sample;
}

}  // namespace

std::vector<GemmSample> load_gemm_samples(const std::filesystem::path& file) {
  const TsvTable table = TsvTable::load(file, {"precision", "m", "n", "k", "batch", "seconds", "source"},
                                        {"precision", "m", "n", "k", "seconds", "source"});
  std::vector<GemmSample> samples;
  for (const TsvTable::Row& row : table.rows) samples.push_back(sample_of(table, row));
  return samples;
}

std::string to_tsv(const std::vector<GemmSample>& samples) {
  std::string text = "precision\tm\tn\tk\tbatch\tseconds\tsource\n";
  for (const GemmSample& s : samples) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", to_string(s.precision), s.m, s.n, s.k, s.batch,
                        s.seconds, s.source);
  }
  return text;
}

}  // namespace paraplan
