#include "costmodel/io/measured_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/files/search_path.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/text/layout_text.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/tsv_table.h"

namespace paraplan {
namespace {

using Row = TsvTable::Row;

const std::vector<std::string>& job_columns() {
  static const std::vector<std::string> columns = {
      "model", "layers", "seq_length", "nodes", "devices_per_node", "clock_ghz", "global_batch"};
  return columns;
}

const std::vector<std::string>& result_columns() {
  static const std::vector<std::string> columns = {"iteration_time_s", "samples_per_s",
                                                   "tokens_per_s_per_device", "peak_memory_mib", "outcome"};
  return columns;
}

std::vector<std::string> known_columns() {
  std::vector<std::string> known = {"id"};
  for (const auto& columns : {job_columns(), LayoutSettings::names(), result_columns()}) {
    known.insert(known.end(), columns.begin(), columns.end());
  }
  return known;
}

// The file of the row's model, found as the scenario finds its own; empty: it is the scenario's.
std::string model_file(const TsvTable& table, const Row& row, const Scenario& base) {
  const std::string name = table.cell(row, "model");
  if (name.empty() || name == base.model.name) return "";
  const Lookup found = look_up(base.folders, NamedFile::model, name);
  if (found.file.empty()) table.fail(row, "model", found.missing);
  return found.file.string();
}

ModelSpec read_model(const TsvTable& table, const Row& row, const Scenario& base, const std::string& file) {
  ModelSpec model = file.empty() ? base.model : load_model(file);
  const auto layers = table.positive_integer(row, "layers");
  if (layers && model.kinds.size() > 1 && *layers != model.layers())
    table.fail(row, "layers",
               fmt::format("must be {}: model \"{}\" has several kinds of layers, in an order of "
                           "their own; is {}",
                           model.layers(), model.name, *layers));
  if (layers && model.kinds.size() == 1) model.resize(*layers);
  return model;
}

Job read_job(const TsvTable& table, const Row& row, const Scenario& base, const std::string& model_file) {
  Job job = job_of(base);
  job.model = read_model(table, row, base, model_file);
  job.seq_length = table.positive_integer(row, "seq_length").value_or(job.seq_length);
  job.global_batch = table.positive_integer(row, "global_batch").value_or(job.global_batch);
  job.cluster.nodes = table.positive_integer(row, "nodes").value_or(job.cluster.nodes);
  job.cluster.devices_per_node =
      table.positive_integer(row, "devices_per_node").value_or(job.cluster.devices_per_node);
  if (const auto clock_ghz = table.positive_number(row, "clock_ghz")) job.cluster.clock_hz = 1e9 * *clock_ghz;
  const JobFault fault = check_job(apply(base, job));
  if (!fault.key.empty()) table.fail(row, fault.key == "clock_GHz" ? "clock_ghz" : fault.key, fault.message);
  return job;
}

Layout read_layout(const TsvTable& table, const Row& row) {
  LayoutSettings settings(table.file, row.line);
  for (const std::string& name : LayoutSettings::names()) {
    const std::string text = table.cell(row, name);
    if (!text.empty()) settings.set(name, text);
  }
  for (const char* name : {"data", "tensor", "pipeline", "micro_batch"}) {
    if (table.cell(row, name).empty()) table.fail(row, name, "must be an integer from 1 to 2^40, is empty");
  }
  return settings.finish();
}

void check_fit(const TsvTable& table, const Row& row, const Job& job, const Layout& layout) {
  if (layout.devices() != job.cluster.devices()) {
    table.fail(row, "data",
               fmt::format("data x tensor x pipeline x context = {}, but nodes x devices_per_node = {}",
                           layout.devices(), job.cluster.devices()));
  }
  if (layout.micro_batch > job.global_batch / layout.data ||
      job.global_batch % (layout.micro_batch * layout.data) != 0) {
    table.fail(row, "global_batch",
               fmt::format("must be a multiple of micro_batch x data = {} x {}, is {}", layout.micro_batch,
                           layout.data, job.global_batch));
  }
  for (const LayerKind& kind : job.model.kinds) {
    if (kind.attention.heads % layout.tensor == 0) continue;
    table.fail(row, "tensor",
               fmt::format("must divide the {} heads of model \"{}\", is {}", kind.attention.heads,
                           job.model.name, layout.tensor));
  }
}

void read_results(const TsvTable& table, const Row& row, MeasuredRow& measured) {
  measured.iteration_time_s = table.positive_number(row, "iteration_time_s");
  measured.samples_per_s = table.positive_number(row, "samples_per_s");
  measured.tokens_per_s_per_device = table.positive_number(row, "tokens_per_s_per_device");
  measured.peak_memory_mib = table.positive_number(row, "peak_memory_mib");
  const std::string outcome = table.cell(row, "outcome");
  if (!outcome.empty() && outcome != "ok" && outcome != "oom") {
    table.fail(row, "outcome", fmt::format("must be ok or oom, is \"{}\"", outcome));
  }
  if (!outcome.empty()) measured.oom = outcome == "oom";
  const bool any_number = measured.iteration_time_s || measured.samples_per_s ||
                          measured.tokens_per_s_per_device || measured.peak_memory_mib;
  if (!any_number && !measured.oom) {
    table.fail(row, "", "has no result; needs at least one of " + comma_separated(result_columns()));
  }
  if (any_number && measured.oom.value_or(false)) {
    table.fail(row, "outcome", "is oom, so the row cannot have other results");
  }
}

MeasuredRow read_row(const TsvTable& table, const Row& row, const Scenario& base) {
  MeasuredRow measured;
  measured.id = table.cell(row, "id");
  measured.line = row.line;
  if (measured.id.empty()) table.fail(row, "id", "must not be empty");
  measured.layout = read_layout(table, row);
  measured.model_file = model_file(table, row, base);
  measured.job = read_job(table, row, base, measured.model_file);
  check_fit(table, row, measured.job, measured.layout);
  read_results(table, row, measured);
  return measured;
}

void need_result_column(const TsvTable& table) {
  for (const std::string& column : result_columns()) {
    for (const std::string& present : table.columns) {
      if (present == column) return;
    }
  }
  throw InputError(table.file, table.header_line, "",
                   "has no column with results; needs one of " + comma_separated(result_columns()));
}

}  // namespace

std::vector<MeasuredRow> load_measured(const std::filesystem::path& file, const Scenario& base) {
  refuse_other_kind(file, {FileKind::measured_rows});
  const TsvTable table =
      TsvTable::load(file, known_columns(), {"id", "data", "tensor", "pipeline", "micro_batch"});
  need_result_column(table);
  std::vector<MeasuredRow> rows;
  std::map<std::string, int> line_of_id;
  for (const Row& row : table.rows) {
    rows.push_back(read_row(table, row, base));
    const auto [first, inserted] = line_of_id.emplace(rows.back().id, row.line);
    if (!inserted)
      table.fail(row, "id", fmt::format("\"{}\" is already the id of line {}", first->first, first->second));
  }
  return rows;
}

std::vector<std::string> measured_files(const std::filesystem::path& file,
                                        const std::vector<MeasuredRow>& rows) {
  std::vector<std::string> files = {file.string()};
  for (const MeasuredRow& row : rows)
    if (!row.model_file.empty() && std::ranges::find(files, row.model_file) == files.end())
      files.push_back(row.model_file);
  return files;
}

}  // namespace paraplan
