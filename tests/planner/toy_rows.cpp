#include "tests/planner/toy_rows.h"

#include <string>

#include "costmodel/cost_model.h"
#include "costmodel/io/profiles/profile_fields.h"

namespace paraplan {
namespace {

constexpr double kMib = 1024.0 * 1024.0;

MeasuredRow measure(const Scenario& truth, int64_t seq_length, int64_t global_batch, const Layout& layout) {
  MeasuredRow row;
  row.job = job_of(truth);
  row.job.seq_length = seq_length;
  row.job.global_batch = global_batch;
  row.job.cluster.nodes = layout.devices() <= 4 ? 1 : 2;
  row.job.cluster.devices_per_node = layout.devices() / row.job.cluster.nodes;
  row.layout = layout;
  row.id = std::to_string(seq_length) + " " + std::to_string(global_batch) + " " + to_string(layout);
  const auto prediction = std::get<Prediction>(CostModel(apply(truth, row.job)).predict(layout));
  row.iteration_time_s = prediction.iteration_time_s;
  row.peak_memory_mib = prediction.peak_memory_bytes / kMib;
  return row;
}

}  // namespace

Scenario true_scenario() {
  Scenario scenario = toy_scenario();
  scenario.hardware.device.gemm_samples.clear();
  scenario.hardware.device.gemm_efficiency.value = 0.6;
  scenario.network.collective_efficiency.value = 0.5;
  scenario.software.host.launch_s.value = 20e-6;
  scenario.software.host.backward_launch_s.value = 20e-6;
  scenario.software.host.step_s.value = 30e-3;
  scenario.software.memory.fixed_bytes.value = 256 * kMib;
  for (const ConstantField& field : profile_fields(scenario.software).constants)
    field.constant->provenance = Provenance::assumed;
  return scenario;
}

std::vector<MeasuredRow> measure(const Scenario& truth) {
  return {measure(truth, 128, 1, {.micro_batch = 1}),
          measure(truth, 2048, 8, {.micro_batch = 8}),
          measure(truth, 1024, 16, {.data = 4, .micro_batch = 4}),
          measure(truth, 2048, 16, {.data = 8, .micro_batch = 2}),
          measure(truth, 256, 64, {.data = 4, .tensor = 2, .micro_batch = 2}),
          measure(truth, 128, 16, {.data = 2, .pipeline = 4, .micro_batch = 1}),
          measure(truth, 2048, 32, {.data = 2, .tensor = 4, .micro_batch = 4}),
          measure(truth, 512, 8, {.tensor = 4, .micro_batch = 1})};
}

void scale(Constant& constant, double factor) {
  constant.value *= factor;
}
void scale(double& value, double factor) {
  value *= factor;
}

}  // namespace paraplan
