#include "costmodel/io/scenario_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "tests/costmodel/io/scenario_tree.h"

namespace paraplan {
namespace {

class ScenarioFile : public testing::Test {
 protected:
  // With nothing but the tree to look in, whatever is installed here.
  Scenario load(const std::string& text) { return load_scenario(tree_.write("jobs/a.toml", text), {}); }
  std::string error_of(const std::string& text) {
    return tree_.error_of([&] { load(text); });
  }
  std::string error_of(const std::string& from, const std::string& to) {
    return error_of(replaced(scenario_text(), from, to));
  }

  ScenarioTree tree_;
};

TEST_F(ScenarioFile, GathersModelProfilesAndSizes) {
  const Scenario scenario = load("description = \"a job\"\n" + scenario_text());
  EXPECT_EQ(scenario.name, "a");
  EXPECT_EQ(scenario.description, "a job");
  EXPECT_EQ(scenario.path, tree_.scenario().string());
  EXPECT_EQ(scenario.model.name, "gpt");
  EXPECT_EQ(scenario.model.hidden, 1024);
  EXPECT_EQ(scenario.hardware.name, "v100");
  EXPECT_EQ(scenario.network.name, "roce");
  EXPECT_EQ(scenario.software.name, "megatron");
  EXPECT_EQ(scenario.cluster, (Cluster{4, 2, 0, 0}));
  EXPECT_EQ(scenario.seq_length, 1024);
  EXPECT_EQ(scenario.global_batch, 64);
  EXPECT_EQ(scenario.precision, Precision::fp16);
  EXPECT_EQ(scenario.memory_level, MemoryLevel::allocated);
  EXPECT_TRUE(scenario.search.tensor.empty());
  EXPECT_TRUE(scenario.measured_path.empty());
}

TEST_F(ScenarioFile, GathersWarnings) {
  EXPECT_EQ(all_warnings(load(scenario_text())), std::vector<std::string>{});
  tree_.write("profiles/hardware/v100.toml",
              replaced(replaced(hardware_text(), "value = 900,", "value = 0.9,"), "[node]\n",
                       "clock_GHz = { value = 1.5, kind = \"assumed\", source = \"guess\" }\n[node]\n"));
  tree_.write("profiles/networks/roce.toml", replaced(network_text(), "value = 12.5,", "value = 12500,"));
  const Scenario scenario = load(replaced(scenario_text(), "[training]", "clock_GHz = 0.0015\n[training]"));
  const std::vector<std::string> warnings = all_warnings(scenario);
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_EQ(warnings[0], tree_.scenario().string() +
                             ":8: cluster.clock_GHz: 0.0015 GHz is far below the 1 to 3.5 GHz of shipped "
                             "profiles; the unit is GHz");
  EXPECT_NE(warnings[1].find("v100.toml:4: device.memory_bandwidth_GBps: 0.9 GB/s"), std::string::npos);
  EXPECT_NE(warnings[2].find("roce.toml:2: nic_GBps: 12500 GB/s"), std::string::npos);
}

TEST_F(ScenarioFile, NamesAllFilesThatBelongToIt) {
  tree_.write("jobs/rows.tsv", "");
  tree_.write("profiles/hardware/v100.gemm.tsv",
              "precision\tm\tn\tk\tseconds\tsource\nfp16\t8\t8\t8\t1e-6\ta test\n");
  tree_.write("profiles/hardware/v100.toml", "gemm_samples = \"v100.gemm.tsv\"\n" + hardware_text());
  std::set<std::string> names;
  for (const std::string& file : load("measured = \"rows.tsv\"\n" + scenario_text()).files)
    names.insert(std::filesystem::path(file).filename().string());
  EXPECT_EQ(names, (std::set<std::string>{"a.toml", "gpt.toml", "v100.toml", "v100.gemm.tsv", "roce.toml",
                                          "megatron.toml", "rows.tsv"}));
}

TEST_F(ScenarioFile, ReadsTheSearchSpace) {
  const SearchSpace search =
      load(scenario_text() +
           "memory_level = \"reserved\"\n[search]\ntensor = [1, 2]\npipeline = [4]\ncontext = [1]\n"
           "virtual_stages = [1, 2]\nmicro_batch = [8]\nrecompute = [\"none\", \"layers\"]\n"
           "recompute_layers = [3]\nsequence_parallel = [true, false]\nzero_stage = [0, 3]\n"
           "offload = [\"optimizer+parameters\"]\nschedule = [\"1f1b\"]\n")
          .search;
  EXPECT_EQ(search.tensor, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(search.pipeline, (std::vector<int64_t>{4}));
  EXPECT_EQ(search.context, (std::vector<int64_t>{1}));
  EXPECT_EQ(search.virtual_stages, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(search.micro_batch, (std::vector<int64_t>{8}));
  EXPECT_EQ(search.recompute, (std::vector<Recompute>{Recompute::none, Recompute::layers}));
  EXPECT_EQ(search.recompute_layers, (std::vector<int64_t>{3}));
  EXPECT_EQ(search.sequence_parallel, (std::vector<bool>{true, false}));
  EXPECT_EQ(search.zero_stage, (std::vector<int>{0, 3}));
  EXPECT_EQ(search.offload, (std::vector<Offload>{Offload::optimizer_and_parameters}));
  EXPECT_EQ(search.schedule, (std::vector<PipelineSchedule>{PipelineSchedule::one_f_one_b}));
}

TEST_F(ScenarioFile, FindsProfilesAboveAndByRelativePath) {
  tree_.write("jobs/deep/down/models/gpt.toml", model_text(""));
  EXPECT_EQ(load_scenario(tree_.write("jobs/deep/down/b.toml", scenario_text())).hardware.name, "v100");
  tree_.write("jobs/own/fast.toml", network_text());
  EXPECT_EQ(load(replaced(scenario_text(), "\"roce\"", "\"own/fast.toml\"")).network.name, "fast");
}

TEST_F(ScenarioFile, OneNodeNeedsNoNetwork) {
  const std::string text = replaced(scenario_text(), "network = \"roce\"\n", "");
  EXPECT_EQ(load(replaced(text, "nodes = 4", "nodes = 1")).network.name, "");
  EXPECT_EQ(error_of(text), "jobs/a.toml: network: missing; needed for cluster.nodes = 4");
}

TEST_F(ScenarioFile, FindsModelsAboveAsItFindsProfiles) {
  EXPECT_EQ(load_scenario(tree_.write("jobs/deep/down/b.toml", scenario_text()), {}).model.name, "gpt");
  tree_.write("jobs/deep/scenarios/models/gpt.toml", replaced(model_text(""), "= 24", "= 12"));
  EXPECT_EQ(load_scenario(tree_.path() / "jobs/deep/down/b.toml", {}).model.layers(), 12);
}

TEST_F(ScenarioFile, FindsWhatComesWithTheProgram) {
  const TemporaryFolder alone;
  const auto copy = alone.write("copy.toml", "measured = \"measured/rows.tsv\"\n" + scenario_text());
  tree_.write("scenarios/models/gpt.toml", model_text(""));
  tree_.write("scenarios/measured/rows.tsv", "id\n");
  const Scenario scenario = load_scenario(copy, {tree_.path()});
  EXPECT_EQ(scenario.hardware.name, "v100");
  EXPECT_EQ(scenario.model.name, "gpt");
  EXPECT_EQ(scenario.measured_path, (tree_.path() / "scenarios/measured/rows.tsv").string());
}

// Given without its folder, its own folder is an empty path.
TEST_F(ScenarioFile, FindsAndListsFilesBesideItInTheWorkingFolder) {
  const auto before = std::filesystem::current_path();
  tree_.write("jobs/my_model.toml", model_text(""));
  tree_.write("jobs/b.toml", replaced(scenario_text(), "\"gpt\"", "\"my_model.toml\""));
  tree_.write("jobs/c.toml", replaced(scenario_text(), "\"gpt\"", "\"my_modle.toml\""));
  std::filesystem::current_path(tree_.path() / "jobs");
  EXPECT_EQ(load_scenario("b.toml", {}).model.name, "my_model");
  EXPECT_EQ(tree_.error_of([] { load_scenario("c.toml", {}); }),
            "c.toml:1: model: there is no my_modle.toml in jobs; did you mean \"my_model.toml\"? There is: "
            "a.toml, b.toml, c.toml, my_model.toml");
  std::filesystem::current_path(before);
}

TEST_F(ScenarioFile, SuggestsProfilesAndModelsThatExist) {
  tree_.write("profiles/networks/efa.toml", network_text());
  EXPECT_EQ(
      error_of("\"roce\"", "\"rocee\""),
      "jobs/a.toml:3: network: there is no rocee.toml in profiles/networks; did you mean \"roce\"? There "
      "is: efa, roce");
  EXPECT_EQ(error_of("\"gpt\"", "\"llama\""),
            "jobs/a.toml:1: model: there is no llama.toml in jobs/models; there is: gpt");
  EXPECT_EQ(error_of("\"v100\"", "\"fast_one.toml\""),
            "jobs/a.toml:2: hardware: there is no fast_one.toml in jobs; there is: a.toml");
  EXPECT_EQ(error_of("[cluster]", "measured = \"rows.tsv\"\n[cluster]"),
            "jobs/a.toml:5: measured: there is no rows.tsv in jobs; there is: nothing");
  EXPECT_EQ(error_of("\"v100\"", "\"none/x.toml\""),
            "jobs/a.toml:2: hardware: there is no jobs/none/x.toml, nor its folder");
}

TEST_F(ScenarioFile, SuggestsANameForAPathThatIsNotThere) {
  EXPECT_EQ(error_of("\"v100\"", "\"v100.toml\""),
            "jobs/a.toml:2: hardware: there is no jobs/v100.toml; did you mean \"v100\"?");
  EXPECT_EQ(error_of("\"gpt\"", "\"none/gpt.toml\""),
            "jobs/a.toml:1: model: there is no jobs/none/gpt.toml; did you mean \"gpt\"?");
}

TEST_F(ScenarioFile, TakesAHuggingFaceConfigurationOrItsFolder) {
  const std::string config = R"({"model_type": "llama", "hidden_size": 1024, "intermediate_size": 4096,
    "num_attention_heads": 16, "num_hidden_layers": 24, "vocab_size": 32000})";
  tree_.write("jobs/tiny/config.json", config);
  for (const char* name : {"\"tiny/config.json\"", "\"./tiny\"", "\"tiny/\""}) {
    const auto file = tree_.write("jobs/a.toml", replaced(scenario_text(), "\"gpt\"", name));
    EXPECT_EQ(load_scenario(file).model.layers(), 24) << name;
  }
  EXPECT_EQ(error_of("\"gpt\"", "\"./other\""),
            "jobs/a.toml:1: model: there is no other in jobs/.; there is: models, tiny");
}

TEST_F(ScenarioFile, ListsEveryFolderThatANameWasLookedForIn) {
  const TemporaryFolder data;
  data.write("profiles/hardware/v200.toml", hardware_text());
  const auto file = tree_.write("jobs/a.toml", replaced(scenario_text(), "\"v100\"", "\"v300\""));
  EXPECT_EQ(tree_.error_of([&] { load_scenario(file, {data.path()}); }),
            "jobs/a.toml:2: hardware: there is no v300.toml in profiles/hardware or " + data.path().string() +
                "/profiles/hardware; did you mean \"v100\" or \"v200\"? There is: v100, v200");
  std::filesystem::remove_all(tree_.path() / "profiles");
  const std::string error = error_of("\"roce\"", "\"rocee\"");
  EXPECT_TRUE(
      error.starts_with("jobs/a.toml:2: hardware: there is no v100.toml, nor a folder profiles/hardware in "))
      << error;
}

TEST_F(ScenarioFile, SaysHowAProfileBesideItIsNamed) {
  tree_.write("jobs/mine.toml", hardware_text());
  EXPECT_EQ(error_of("\"v100\"", "\"mine\""),
            "jobs/a.toml:2: hardware: there is no mine.toml in profiles/hardware; there is: v100; the file "
            "beside the scenario is \"mine.toml\"");
}

// `profile --for` is told of a scenario whose hardware it is to write.
TEST_F(ScenarioFile, HardwareMayBeStillToBeMeasured) {
  const auto file = tree_.write("jobs/a.toml", replaced(scenario_text(), "\"v100\"", "\"mine.toml\""));
  const Scenario scenario = load_scenario_to_measure(file, tree_.path() / "jobs/deep/../mine.toml");
  EXPECT_EQ(scenario.hardware.name, "mine");
  EXPECT_EQ(scenario.hardware.device.memory_bytes, 0);
  EXPECT_EQ(scenario.model.name, "gpt");
  EXPECT_EQ(tree_.error_of([&] { load_scenario_to_measure(file, tree_.path() / "jobs/yours.toml"); }),
            "jobs/a.toml:2: hardware: there is no mine.toml in jobs; there is: a.toml");
  tree_.write("jobs/mine.toml", hardware_text());
  EXPECT_GT(load_scenario_to_measure(file, tree_.path() / "jobs/mine.toml").hardware.device.memory_bytes, 0);
}

TEST_F(ScenarioFile, ErrorsInAProfileStandInTheProfile) {
  tree_.write("profiles/networks/roce.toml", replaced(network_text(), "hop_us", "hop_ms"));
  EXPECT_EQ(error_of(scenario_text()),
            "profiles/networks/roce.toml:6: hop_ms: unknown key; did you mean \"hop_us\"?");
}

TEST_F(ScenarioFile, MeasuredRowsAreRelativeToTheScenario) {
  tree_.write("jobs/measured/rows.tsv", "id\n");
  const Scenario scenario = load("measured = \"measured/rows.tsv\"\n" + scenario_text());
  EXPECT_EQ(scenario.measured_path, (tree_.path() / "jobs/measured/rows.tsv").string());
}

TEST_F(ScenarioFile, ChecksTheClusterAgainstTheHardware) {
  EXPECT_EQ(error_of("devices_per_node = 2", "devices_per_node = 3"),
            "jobs/a.toml:7: cluster.devices_per_node: must be at most 2, the devices of a node of hardware "
            "\"v100\", "
            "is 3");
  EXPECT_EQ(error_of("nodes = 4", "nodes = 4\nclock_GHz = 1.5"),
            "jobs/a.toml:7: cluster.clock_GHz: hardware \"v100\" has a fixed clock (no device.clock_GHz); "
            "leave this "
            "out");
  tree_.write("profiles/hardware/v100.toml",
              replaced(hardware_text(), "[device]",
                       "[device]\nclock_GHz = { value = 1.4, kind = \"datasheet\", source = \"maker\" }"));
  EXPECT_EQ(load(replaced(scenario_text(), "nodes = 4", "nodes = 4\nclock_GHz = 1.5")).cluster.clock_hz,
            1.5e9);
}

TEST_F(ScenarioFile, ChecksPrecisionAndFlashAttentionAgainstTheHardware) {
  EXPECT_EQ(error_of("\"fp16\"", "\"bf16\""),
            "jobs/a.toml:11: training.precision: hardware \"v100\" does not support bf16: its "
            "device.peak_bf16_TFLOPs "
            "is 0 or absent");
  tree_.write("profiles/software/megatron.toml",
              replaced(software_text(), "softmax = false", "flash_attention = true"));
  EXPECT_EQ(error_of(scenario_text()),
            "jobs/a.toml:4: software: \"megatron\" uses flash attention, but hardware \"v100\" has no "
            "device.flash_forward_efficiency");
}

TEST_F(ScenarioFile, ChecksTheSequenceAgainstThePositions) {
  EXPECT_EQ(load(replaced(scenario_text(), "= 1024", "= 2048")).seq_length, 2048);
  EXPECT_EQ(
      error_of("= 1024", "= 2049"),
      "jobs/a.toml:9: training.seq_length: must be at most 2048, max_positions of model \"gpt\", is 2049");
}

TEST_F(ScenarioFile, TakesAMillionDevicesAndTokensButNoProductBeyondExactIntegers) {
  tree_.write("jobs/models/gpt.toml", model_text(""));
  const std::string large = replaced(
      replaced(replaced(scenario_text(), "= 4", "= 500000"), "= 1024", "= 1000000"), "= 64", "= 1000000");
  EXPECT_EQ(load(large).cluster.devices(), 1000000);
  EXPECT_EQ(error_of(replaced(large, "seq_length = 1000000", "seq_length = 10000000000")),
            "jobs/a.toml:10: training.global_batch: global_batch x seq_length must be at most 2^53");
  EXPECT_EQ(error_of("= 1024", "= 1099511627776"),
            "jobs/a.toml:9: training.seq_length: seq_length x the widest layer must be at most 2^53");
  EXPECT_EQ(error_of("= 4", "= 9007199254740993"),
            "jobs/a.toml:6: cluster.nodes: must be an integer from 1 to 2^40, is 9007199254740993");
}

TEST_F(ScenarioFile, TakesNoBatchOfTokens) {
  EXPECT_EQ(load(replaced(scenario_text(), "= 64", "= 1048576")).global_batch, 1048576);
  for (const char* batch : {"1048577", "10000000000"})
    EXPECT_EQ(
        error_of("= 64", fmt::format("= {}", batch)),
        fmt::format("jobs/a.toml:10: training.global_batch: counts samples, not tokens; must be at most "
                    "1048576, is {}",
                    batch));
}

TEST_F(ScenarioFile, RefusesKeysAndValuesOfTheWrongKind) {
  EXPECT_EQ(error_of("nodes = 4", "node = 4"),
            "jobs/a.toml:6: cluster.node: unknown key; did you mean \"nodes\"?");
  EXPECT_EQ(error_of("software = \"megatron\"\n", "software = \"megatron\"\nseq_length = 5\n"),
            "jobs/a.toml:5: seq_length: unknown key; it belongs to training.seq_length");
  EXPECT_EQ(error_of("nodes = 4", "num_nodes = 4"),
            "jobs/a.toml:6: cluster.num_nodes: unknown key; did you mean \"nodes\"?");
  EXPECT_EQ(error_of("precision", "micro_batch_size"),
            "jobs/a.toml:11: training.micro_batch_size: unknown key; did you mean \"search.micro_batch\"?");
  EXPECT_EQ(error_of(scenario_text() + "[search]\ntp = [1, 2]\n"),
            "jobs/a.toml:13: search.tp: unknown key; did you mean \"tensor\"?");
  EXPECT_EQ(error_of(scenario_text() + "[search]\nep = [1, 2]\n"),
            "jobs/a.toml:13: search.ep: not supported yet: mixture of experts and expert parallelism");
  EXPECT_EQ(error_of("nodes = 4\n", ""),
            "jobs/a.toml:5: cluster.nodes: missing; must be an integer from 1 to 2^40");
  EXPECT_EQ(error_of("nodes = 4", "nodes = 4.5"),
            "jobs/a.toml:6: cluster.nodes: must be an integer from 1 to 2^40, is a number with a fraction");
  EXPECT_EQ(
      error_of("\"fp16\"", "\"fp8\""),
      "jobs/a.toml:11: training.precision: \"fp8\" is none of fp16, bf16, fp32, fp64; not supported yet: "
      "8-bit and 4-bit floating point");
  EXPECT_EQ(error_of(scenario_text() + "[search]\nrecompute = \"full\"\n"),
            "jobs/a.toml:13: search.recompute: must be a list of at least one value, like [\"a string\"]; "
            "leave the "
            "key out for all");
  EXPECT_EQ(
      error_of(scenario_text() + "[search]\nrecompute = [\"fully\"]\n"),
      "jobs/a.toml:13: search.recompute: \"fully\" is none of none, selective, full, layers; did you mean "
      "\"full\"?");
  EXPECT_EQ(error_of(scenario_text() + "[search]\nzero_stage = [4]\n"),
            "jobs/a.toml:13: search.zero_stage: each item must be an integer from 0 to 3, one is 4");
}

TEST_F(ScenarioFile, ShippedScenariosLoad) {
  int loaded = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PARAPLAN_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".toml") continue;
    EXPECT_NO_THROW(load_scenario(entry.path())) << entry.path();
    ++loaded;
  }
  EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace paraplan
