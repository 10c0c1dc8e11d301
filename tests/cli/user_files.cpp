#include "tests/cli/user_files.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "costmodel/io/profiles/op_samples.h"
#include "costmodel/io/profiles/profiles.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModel =
    "family = \"gpt\"\nlayers = 2\nhidden = 32\nheads = 4\nvocab = 64\nsource = \"small enough for a "
    "test\"\n";

constexpr const char* kJob = R"(model = "model.toml"
hardware = "cpu.toml"
network = "network.toml"
software = "software.toml"
measured = "rows.tsv"
[cluster]
nodes = 1
devices_per_node = 2
[training]
seq_length = 16
global_batch = 4
precision = "fp32"
)";

std::string shipped(const std::string& name) {
  return content_of(fs::path(PARAPLAN_SOURCE_DIR) / name);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

std::string some_samples() {
  OpSample sample;
  sample.precision = Precision::fp32;
  sample.kind = OpKind::gemm;
  sample.m = sample.n = sample.k = 8;
  sample.batch = 1;
  sample.ranks = 1;
  sample.seconds = 1e-6;
  return to_tsv(std::vector<OpSample>{sample});
}

// A shipped scenario of Megatron-LM, but for its software profile.
std::string fit_job() {
  const std::string root = PARAPLAN_SOURCE_DIR;
  return fmt::format(R"(model = "{0}/scenarios/models/gpt2_345m.toml"
hardware = "{0}/profiles/hardware/v100_sxm2_16.toml"
software = "far_off.toml"
measured = "{0}/scenarios/measured/megatron2023_gpt2_v100.tsv"
[cluster]
nodes = 1
devices_per_node = 8
[training]
seq_length = 512
global_batch = 16
precision = "fp16"
)",
                     root);
}

SoftwareProfile far_off_software() {
  SoftwareProfile software =
      load_software(std::string(PARAPLAN_SOURCE_DIR) + "/profiles/software/megatron_lm_2023.toml");
  software.host.launch_s.value = 200e-6;
  return software;
}

}  // namespace

UserFiles::UserFiles() : folder_(scratch_file("user")) {
  fs::remove_all(folder_);
  fs::create_directories(folder_ / "models");
  write("job.toml", kJob);
  write("longer.toml", replaced(kJob, "seq_length = 16", "seq_length = 32"));
  write("model.toml", kModel);
  write("models/other.toml", kModel);
  write("cpu.toml", "op_samples = \"cpu_ops.tsv\"\n" + shipped("profiles/hardware/generic_cpu.toml"));
  write("cpu_ops.tsv", some_samples());
  write("network.toml", shipped("profiles/networks/roce_100g.toml"));
  write("software.toml", shipped("profiles/software/paraplan.toml"));
  write("other.toml", shipped("profiles/software/paraplan.toml"));
  write("rows.tsv",
        "id\tmodel\tdata\ttensor\tpipeline\tmicro_batch\titeration_time_s\none\tother\t1\t2\t1\t2\t0.1\n");
  write("tokens.bin", std::string(400, '\0'));
  write("fit.toml", fit_job());
  write_software(far_off_software(), folder_ / "far_off.toml");
  for (const char* arguments :
       {"plan job.toml --out plan.toml", "run plan.toml --steps 1 --warmup 0 --out run.toml",
        "profile --for job.toml --budget-s 0.2 --out mine.toml"}) {
    const Outcome made = paraplan(arguments);
    if (made.exit_code != 0) throw std::runtime_error(fmt::format("{}: {}", arguments, made.err));
  }
}

void UserFiles::write(const std::string& name, const std::string& text) const {
  std::ofstream(folder_ / name, std::ios::binary) << text;
}

Outcome UserFiles::paraplan(const std::string& arguments, const std::string& redirections) const {
  return shell(fmt::format("\"$PARAPLAN\" {} {}", arguments, redirections));
}

Outcome UserFiles::shell(const std::string& command) const {
  const fs::path out = folder_ / "stdout", err = scratch_file("stderr");
  const std::string whole = fmt::format("cd '{}' && export PARAPLAN='{}' && {{ {}\n }} 2> '{}'",
                                        folder_.string(), PARAPLAN_BINARY, command, err.string());
  const int status = std::system(whole.c_str());
  const Outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(out), content_of(err)};
  fs::remove(out);
  return outcome;
}

UserFiles::Contents UserFiles::contents() const {
  Contents files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder_)) {
    const std::string name = entry.path().lexically_relative(folder_).string();
    if (entry.is_symlink()) {
      files[name] = "-> " + fs::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file()) {
      files[name] = content_of(entry.path());
    }
  }
  return files;
}

std::string UserFiles::changes_since(const Contents& before) const {
  const Contents now = contents();
  std::string names;
  for (const auto& [name, content] : now)
    if (!before.contains(name) || before.at(name) != content) names += name + " ";
  for (const auto& [name, content] : before)
    if (!now.contains(name)) names += name + " ";
  return names;
}

}  // namespace paraplan
