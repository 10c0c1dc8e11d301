#include "tests/costmodel/io/scenario_tree.h"

namespace paraplan {

ScenarioTree::ScenarioTree() {
  write("profiles/hardware/v100.toml", hardware_text());
  write("profiles/networks/roce.toml", network_text());
  write("profiles/software/megatron.toml", software_text());
  write("jobs/models/gpt.toml", model_text("max_positions = 2048\n"));
  write("jobs/a.toml", scenario_text());
}

std::string scenario_text() {
  return R"(model = "gpt"
hardware = "v100"
network = "roce"
software = "megatron"
[cluster]
nodes = 4
devices_per_node = 2
[training]
seq_length = 1024
global_batch = 64
precision = "fp16"
)";
}

std::string model_text(const std::string& extra) {
  return "family = \"gpt\"\nlayers = 24\nhidden = 1024\nheads = 16\nvocab = 50257\nsource = \"a paper\"\n" +
         extra;
}

}  // namespace paraplan
