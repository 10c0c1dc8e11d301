#include "costmodel/io/plan_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/profiles/record_tables.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

constexpr Range kRates{0, 1e18, false};

std::string prediction_table(const PlanFile& plan) {
  return fmt::format(
      "\n[prediction]\n"
      "iteration_time_s = {}\nsamples_per_s = {}\ntokens_per_s_per_device = {}\nmfu = {}\n"
      "peak_memory_bytes = {}\nmemory_level = \"{}\"\ndevice_memory_bytes = {}\navailable_memory_bytes = "
      "{}\n",
      float_text(plan.iteration_time_s), float_text(plan.samples_per_s),
      float_text(plan.tokens_per_s_per_device), float_text(plan.mfu), float_text(plan.peak_memory_bytes),
      to_string(plan.memory_level), float_text(plan.device_memory_bytes),
      float_text(plan.available_memory_bytes));
}

void read_prediction_table(TomlReader& reader, PlanFile& plan) {
  plan.iteration_time_s = reader.number("prediction.iteration_time_s", kTimes);
  plan.samples_per_s = reader.number("prediction.samples_per_s", kRates);
  plan.tokens_per_s_per_device = reader.number("prediction.tokens_per_s_per_device", kRates);
  plan.mfu = reader.number("prediction.mfu", kRates);
  plan.peak_memory_bytes = reader.number("prediction.peak_memory_bytes", kBytes);
  plan.memory_level = reader.word<MemoryLevel>("prediction.memory_level");
  plan.device_memory_bytes = reader.number("prediction.device_memory_bytes", kBytes);
  plan.available_memory_bytes = reader.number("prediction.available_memory_bytes", kBytes);
}

// The folder that holds `file`, links to folders followed.
fs::path folder_of(const fs::path& file) {
  return fs::weakly_canonical(fs::absolute(file).parent_path());
}

// Where a plan lies if `file` is a link to it.
fs::path folder_of_plan(const fs::path& file) {
  return folder_of(fs::weakly_canonical(fs::absolute(file)));
}

std::string stored_path(const fs::path& scenario, const fs::path& plan) {
  const fs::path folder = folder_of_plan(plan), file = folder_of(scenario) / scenario.filename();
  const auto apart = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first;
  const bool only_root_shared = std::distance(folder.begin(), apart) <= 1;
  const bool goes_anywhere = plan == "-" || is_special_file(plan);
  return (only_root_shared || goes_anywhere ? file : file.lexically_relative(folder)).string();
}

std::string found_scenario(const TomlReader& reader, const std::string& stored) {
  const fs::path file = (folder_of_plan(reader.file()) / stored).lexically_normal();
  if (file_exists(file)) return file.string();
  reader.fail("scenario_file",
              fmt::format("there is no {}; move a plan together with its scenario, or make it again with "
                          "`paraplan plan`",
                          file.string()));
}

}  // namespace

std::string plan_text(const PlanFile& plan, const fs::path& file) {
  return fmt::format("scenario = {}\nscenario_file = {}\ndigest = {}\n", quoted(plan.scenario),
                     quoted(stored_path(plan.scenario_file, file)), quoted(plan.digest)) +
         cluster_table(plan.cluster) + layout_table(plan.layout) + prediction_table(plan) +
         category_table("breakdown_s", plan.breakdown) + category_table("memory_bytes", plan.memory);
}

PlanFile load_plan(const fs::path& file) {
  refuse_other_kind(file, {FileKind::plan});
  TomlReader reader(file);
  PlanFile plan;
  plan.scenario = reader.text("scenario");
  plan.scenario_file = reader.text("scenario_file");
  plan.digest = reader.text("digest");
  plan.cluster = read_cluster_table(reader);
  plan.layout = read_layout_table(reader);
  read_prediction_table(reader, plan);
  plan.breakdown = read_breakdown_table(reader, "breakdown_s");
  plan.memory = read_memory_table(reader, "memory_bytes");
  reader.finish();
  refuse_contradictions(reader, plan.layout);
  plan.scenario_file = found_scenario(reader, plan.scenario_file);
  return plan;
}

}  // namespace paraplan
