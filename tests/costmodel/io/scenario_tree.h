#pragma once

#include <filesystem>
#include <string>

#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {

// A user's tree: profiles/hardware/v100.toml, profiles/networks/roce.toml, profiles/software/megatron.toml,
// jobs/models/gpt.toml (24 layers, hidden 1024, 16 heads, 2048 positions) and jobs/a.toml, the scenario.
class ScenarioTree : public TemporaryFolder {
 public:
  ScenarioTree();
  std::filesystem::path scenario() const { return path() / "jobs" / "a.toml"; }
};

// The text of jobs/a.toml: 4 nodes of 2 devices, sequences of 1024, a global batch of 64, fp16.
std::string scenario_text();

// A 24-layer model with hidden 1024 and 16 heads, `extra` lines appended.
std::string model_text(const std::string& extra);

}  // namespace paraplan
