#include "planner/search/plan_file.h"

#include "costmodel/io/plan_file.h"
#include "planner/search/digest.h"

namespace paraplan {

std::string plan_file_text(const Scenario& scenario, const PricedLayout& plan,
                           const std::filesystem::path& file) {
  Scenario used = scenario;
  used.cluster = plan.cluster;
  const Prediction& prediction = plan.prediction;
  return plan_text({.scenario = scenario.name,
                    .scenario_file = scenario.path,
                    .digest = scenario_digest(used),
                    .cluster = plan.cluster,
                    .layout = prediction.layout,
                    .iteration_time_s = prediction.iteration_time_s,
                    .samples_per_s = prediction.samples_per_s,
                    .tokens_per_s_per_device = prediction.tokens_per_s_per_device,
                    .mfu = prediction.mfu,
                    .peak_memory_bytes = prediction.peak_memory_bytes,
                    .memory_level = scenario.memory_level,
                    .device_memory_bytes = prediction.device_memory_bytes,
                    .available_memory_bytes = prediction.available_memory_bytes,
                    .breakdown = prediction.breakdown,
                    .memory = prediction.memory},
                   file);
}

}  // namespace paraplan
