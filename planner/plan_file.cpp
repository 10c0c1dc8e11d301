#include "planner/plan_file.h"

#include <fmt/format.h>

#include "costmodel/io/text.h"
#include "planner/digest.h"

namespace paraplan {
namespace {

// TOML tells floats from integers by the point.
std::string number(double value) {
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string layout_table(const Layout& layout) {
  return fmt::format(
      "\n[layout]\n"
      "data = {}\ntensor = {}\npipeline = {}\ncontext = {}\nvirtual_stages = {}\nmicro_batch = {}\n"
      "recompute = \"{}\"\nrecompute_layers = {}\nsequence_parallel = {}\nzero_stage = {}\n"
      "offload = \"{}\"\nschedule = \"{}\"\n",
      layout.data, layout.tensor, layout.pipeline, layout.context, layout.virtual_stages, layout.micro_batch,
      to_string(layout.recompute), layout.recompute_layers, layout.sequence_parallel, layout.zero_stage,
      to_string(layout.offload), to_string(layout.schedule));
}

std::string prediction_table(const Scenario& scenario, const Prediction& prediction) {
  return fmt::format(
      "\n[prediction]\n"
      "iteration_time_s = {}\nsamples_per_s = {}\ntokens_per_s_per_device = {}\nmfu = {}\n"
      "peak_memory_bytes = {}\nmemory_level = \"{}\"\ndevice_memory_bytes = {}\navailable_memory_bytes = "
      "{}\n",
      number(prediction.iteration_time_s), number(prediction.samples_per_s),
      number(prediction.tokens_per_s_per_device), number(prediction.mfu),
      number(prediction.peak_memory_bytes), to_string(scenario.memory_level),
      number(prediction.device_memory_bytes), number(prediction.available_memory_bytes));
}

template <class Category, class T, int N>
std::string category_table(const char* title, const ByCategory<Category, T, N>& values) {
  std::string text = fmt::format("\n[{}]\n", title);
  for (int i = 0; i < N; ++i) {
    const auto category = static_cast<Category>(i);
    text += fmt::format("{} = {}\n", to_string(category), number(values[category]));
  }
  return text;
}

}  // namespace

std::string plan_file_text(const Scenario& scenario, const PricedLayout& plan) {
  Scenario used = scenario;
  used.cluster = plan.cluster;
  std::string text = fmt::format(
      "scenario = {}\nscenario_file = {}\ndigest = \"{}\"\n\n[cluster]\nnodes = {}\ndevices_per_node = {}\n",
      quoted(scenario.name), quoted(scenario.path), scenario_digest(used), plan.cluster.nodes,
      plan.cluster.devices_per_node);
  text += layout_table(plan.prediction.layout);
  text += prediction_table(scenario, plan.prediction);
  text += category_table("breakdown_s", plan.prediction.breakdown);
  text += category_table("memory_bytes", plan.prediction.memory);
  return text;
}

}  // namespace paraplan
