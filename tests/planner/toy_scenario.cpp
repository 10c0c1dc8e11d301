#include "tests/planner/toy_scenario.h"

#include "costmodel/io/profiles/profiles.h"
#include "costmodel/model/family.h"

namespace paraplan {

Scenario toy_scenario() {
  Scenario scenario;
  scenario.name = "toy";
  scenario.model = paraplan::model_of({.name = "toy gpt",
                                       .family = Family::gpt,
                                       .layers = 8,
                                       .hidden = 2048,
                                       .heads = 16,
                                       .kv_heads = 16,
                                       .ffn = 8192,
                                       .vocab = 32000});
  scenario.hardware = load_hardware(PARAPLAN_SOURCE_DIR "/profiles/hardware/a100_sxm_80.toml");
  scenario.hardware.name = "toy device";
  scenario.hardware.device.memory_bytes.value = 10e9;
  scenario.hardware.node.devices = 4;
  scenario.network = load_network(PARAPLAN_SOURCE_DIR "/profiles/networks/infiniband_hdr_200g.toml");
  scenario.software = load_software(PARAPLAN_SOURCE_DIR "/profiles/software/megatron_core.toml");
  scenario.cluster = {.nodes = 2, .devices_per_node = 4};
  scenario.seq_length = 1024;
  scenario.global_batch = 32;
  return scenario;
}

}  // namespace paraplan
