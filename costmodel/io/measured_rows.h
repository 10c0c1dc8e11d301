#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/io/job.h"
#include "costmodel/model/layout.h"
#include "costmodel/model/scenario.h"

namespace paraplan {

// A published training step: what was run and what came out. `apply(base, job)` is the scenario of the row.
struct MeasuredRow {
  std::string id;
  int line = 0;
  Job job;
  std::string model_file;  // the job's model was read from; empty: the scenario's
  Layout layout;
  // Empty: not measured. At least one is there.
  std::optional<double> iteration_time_s;
  std::optional<double> samples_per_s;
  std::optional<double> tokens_per_s_per_device;
  std::optional<double> peak_memory_mib;  // at the scenario's memory level
  std::optional<bool> oom;                // true: ran out of memory; then no other result
};

// Rows of a tab-separated file for the scenario `base`. Columns: id, model, layers, seq_length, nodes,
// devices_per_node, clock_ghz, global_batch, the settings of a layout, and the results. An empty cell or an
// absent column takes the scenario's value or the layout's default. Throws InputError.
std::vector<MeasuredRow> load_measured(const std::filesystem::path& file, const Scenario& base);

// Files that load_measured has read for these rows: `file`, and models that rows name.
std::vector<std::string> measured_files(const std::filesystem::path& file,
                                        const std::vector<MeasuredRow>& rows);

}  // namespace paraplan
