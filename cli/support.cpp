#include "planner/export/support.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "costmodel/base/input_error.h"
#include "costmodel/io/files/data_folders.h"
#include "costmodel/io/files/search_path.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/text/layout_text.h"
#include "costmodel/model/family.h"
#include "costmodel/model/layout_rules.h"
#include "executor/walk/program.h"
#include "planner/report/table.h"

namespace paraplan {
namespace {

using Json = nlohmann::ordered_json;

// What the table says of one feature: the answers of the code that decides, on a small job that uses it.
struct Answer {
  const Feature* feature;
  std::vector<std::string> not_priced_by;  // software profiles
  std::optional<std::string> not_run;      // why
};

constexpr const char* kExecutorSoftware = "paraplan";

// A job of eight layers on hardware that has all that a layout may ask for.
Scenario small_job(const FeatureExample& example, const Layout& layout, const SoftwareProfile& software) {
  static constexpr int64_t kMicroBatches = 4;
  Scenario job;
  job.name = "example";
  job.model = model_of({.name = "example",
                        .family = example.family,
                        .layers = 8,
                        .hidden = 64,
                        .heads = 4,
                        .ffn = 256,
                        .vocab = 512,
                        .tied_embeddings = example.family != Family::llama,
                        .qkv_bias = example.qkv_bias});
  job.software = software;
  job.cluster = {.nodes = 1, .devices_per_node = layout.devices()};
  job.seq_length = 32;
  job.global_batch = layout.data * layout.micro_batch * kMicroBatches;
  job.precision = example.precision;
  Host& host = job.hardware.host;
  for (Constant* rate :
       {&host.device_link_bytes_per_s, &host.node_link_bytes_per_s, &host.adam_parameters_per_s})
    rate->value = 1;
  return job;
}

std::optional<std::string> why_not_run(const Scenario& job, const Layout& layout) {
  try {
    const Program compiled(job, layout);
  } catch (const InputError& error) {
    return std::string(error.what());
  }
  return std::nullopt;
}

Answer answer_for(const Feature& feature, const std::vector<SoftwareProfile>& profiles) {
  Answer answer{&feature, {}, std::nullopt};
  const Layout layout = parse_layout(feature.example.layout, "example");
  for (const SoftwareProfile& software : profiles) {
    const Scenario job = small_job(feature.example, layout, software);
    const std::optional<Infeasible> rule = check_layout(job, layout);
    if (rule) answer.not_priced_by.push_back(software.name);
    if (software.name == kExecutorSoftware) answer.not_run = rule ? rule->detail : why_not_run(job, layout);
  }
  return answer;
}

std::string yes(bool value) {
  return value ? "yes" : "-";
}

std::string priced_cell(const Answer& answer, size_t profiles) {
  if (answer.not_priced_by.empty()) return "yes";
  return answer.not_priced_by.size() == profiles ? "-" : "some";
}

std::string support_table(const std::vector<Answer>& answers, size_t profiles) {
  Table table{{{"setting", Align::left}, {"", Align::left}, {"priced", Align::left}, {"run", Align::left}},
              {}};
  for (const std::string& target : target_names()) table.columns.push_back({target, Align::left});
  for (const Answer& answer : answers) {
    std::vector<std::string> row = {answer.feature->key, answer.feature->name, priced_cell(answer, profiles),
                                    yes(!answer.not_run)};
    for (const char* missing : answer.feature->missing) row.push_back(yes(missing == nullptr));
    table.rows.push_back(row);
  }
  return to_text(table) +
         "\n  priced: by the cost model, with all software profiles or some; run: by the executor on a CPU; "
         "others: "
         "export --to\n  --json has the reasons\n";
}

Json support_json(const std::vector<Answer>& answers) {
  Json features = Json::array();
  for (const Answer& answer : answers) {
    Json exports = Json::object();
    for (int i = 0; i < kTargets; ++i) {
      const char* missing = answer.feature->missing[i];
      exports[to_string(static_cast<Target>(i))] = missing == nullptr ? Json(true) : Json(missing);
    }
    features.push_back({{"setting", answer.feature->key},
                        {"what", answer.feature->name},
                        {"not_priced_by", answer.not_priced_by},
                        {"run", answer.not_run ? Json(*answer.not_run) : Json(true)},
                        {"export", exports}});
  }
  return features;
}

int run_support(bool json) {
  std::vector<SoftwareProfile> profiles;
  const std::vector<std::string> folders =
      search_folders(std::filesystem::current_path() / "x.toml", data_folders());
  for (const auto& file : files_of_kind(folders, NamedFile::software))
    profiles.push_back(load_software(file));
  std::vector<Answer> answers;
  for (const Feature& feature : export_features()) answers.push_back(answer_for(feature, profiles));
  Outputs({}, {false, json})
      .deliver({}, json ? support_json(answers).dump(2) + "\n" : support_table(answers, profiles.size()));
  return kDone;
}

}  // namespace

void add_support(CLI::App& app, Command& chosen) {
  const auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("support", "What can be priced, run and exported");
  command->add_flag("--json", *json, "Print JSON, with reasons");
  command->callback([json, &chosen] { chosen = [json] { return run_support(*json); }; });
}

}  // namespace paraplan
