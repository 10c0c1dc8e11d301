#include "tests/costmodel/io/temporary_folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <vector>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"

namespace paraplan {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "paraplan-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // a leftover in the temporary folder is no reason to fail
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryFolder::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  write_text_file(file, text);
  return file;
}

std::string TemporaryFolder::error_of(const std::function<void()>& action) const {
  try {
    action();
  } catch (const InputError& error) {
    std::string text = error.what();
    const std::string prefix = path_.string() + "/";
    for (size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
      text.erase(at, prefix.size());
    }
    return text;
  }
  ADD_FAILURE() << "no InputError";
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos || text.find(from, at + 1) != std::string::npos) {
    ADD_FAILURE() << '"' << from << "\" does not stand exactly once in:\n" << text;
    return text;
  }
  return text.replace(at, from.size(), to);
}

std::string hardware_text() {
  return R"(description = "a mesh of two"
[device]
memory_GiB = { value = 16, kind = "datasheet", source = "maker" }
memory_bandwidth_GBps = { value = 900, kind = "datasheet", source = "maker" }
memory_efficiency = { value = 0.8, kind = "assumed", source = "guess" }
peak_fp16_TFLOPs = { value = 112.5, kind = "datasheet", source = "maker" }
gemm_efficiency = { value = 0.7, kind = "fitted", source = "three rows", tables = ["a.tsv", "b.tsv"], prior = 0.8, standard_error = 0.02 }
gemm_depth_overhead = { value = 100, kind = "assumed", source = "guess" }
batched_gemm_efficiency = { value = 0.5, kind = "assumed", source = "guess" }
processors = { value = 80, kind = "datasheet", source = "maker" }
tile_rows = { value = 128, kind = "assumed", source = "guess" }
tile_columns = { value = 64, kind = "assumed", source = "guess" }
kernel_floor_us = { value = 3, kind = "measured", source = "empty kernel" }
overlap_slowdown = { value = 1.1, kind = "assumed", source = "guess" }
[node]
topology = "mesh"
devices = 2
pairs = ["0-1:2"]
link_GBps = { value = 25, kind = "datasheet", source = "maker" }
host_link_GBps = { value = 8, kind = "assumed", source = "guess" }
collective_efficiency = { value = 0.9, kind = "assumed", source = "guess" }
latency_us = { value = 20, kind = "assumed", source = "guess" }
hop_us = { value = 0.7, kind = "assumed", source = "guess" }
)";
}

std::string network_text() {
  return R"(nics_per_node = { value = 4, kind = "datasheet", source = "maker" }
nic_GBps = { value = 12.5, kind = "datasheet", source = "100 Gb/s" }
collective_efficiency = { value = 0.8, kind = "assumed", source = "guess" }
point_to_point_efficiency = { value = 0.9, kind = "assumed", source = "guess" }
latency_us = { value = 30, kind = "assumed", source = "guess" }
hop_us = { value = 5, kind = "assumed", source = "guess" }
)";
}

std::string software_text() {
  return R"(description = "a framework"
stage_balance = "layers"
[fusion]
softmax = false
[host]
launch_us = { value = 7, kind = "fitted", source = "rows of a table", tables = ["a.tsv"], prior = 9, standard_error = 0.5 }
backward_launch_us = { value = 6, kind = "assumed", source = "guess" }
collective_launch_us = { value = 30, kind = "assumed", source = "guess" }
recompute_us = { value = 40, kind = "assumed", source = "guess" }
gather_us = { value = 100, kind = "assumed", source = "guess" }
micro_batch_ms = { value = 2, kind = "assumed", source = "guess" }
step_ms = { value = 10, kind = "assumed", source = "guess" }
[state]
gradient_bytes = { value = 2, kind = "inferred", source = "fp16" }
moment_bytes = { value = 8, kind = "inferred", source = "Adam" }
master_weight_bytes = { value = 4, kind = "inferred", source = "fp32 copy" }
gradient_copy_bytes = { value = 4, kind = "inferred", source = "fp32 copy" }
update_temporary_bytes = { value = 0, kind = "inferred", source = "fused" }
reduced_gradient_bytes = { value = 2, kind = "inferred", source = "fp16" }
[optimizer]
bytes_per_parameter = { value = 40, kind = "inferred", source = "passes" }
launches_per_tensor = { value = 0, kind = "assumed", source = "fused" }
[communication]
gradient_reduction = "overlapped"
bucket_MB = { value = 25, kind = "datasheet", source = "default" }
[memory]
frees_saved = "op"
fixed_MiB = { value = 100, kind = "assumed", source = "guess" }
loss_forward_bytes = { value = 4, kind = "assumed", source = "guess" }
reserve_factor = { value = 1.05, kind = "assumed", source = "guess" }
context_MiB = { value = 500, kind = "assumed", source = "guess" }
communicator_MiB = { value = 20, kind = "assumed", source = "guess" }
)";
}

}  // namespace paraplan
