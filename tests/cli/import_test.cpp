#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

std::string config_of(const std::string& model) {
  return fmt::format("{}/tests/golden/huggingface/configs/{}.json", PARAPLAN_SOURCE_DIR, model);
}

TEST(ImportCommand, PrintsTotalAndActiveParameters) {
  const Outcome result = run_paraplan("import " + config_of("mixtral_8x7b"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out,
            "mixtral_8x7b: 32 layers, hidden 4096, vocabulary 32000\n"
            "parameters: 46.70 billion (46702792704)\n"
            "active per token: 12.88 billion (12879925248)\n");
}

TEST(ImportCommand, ShippedModelsAreWhatItWrites) {
  int models = 0;
  const fs::path shipped = fs::path(PARAPLAN_SOURCE_DIR) / "scenarios/models";
  for (const auto& entry : fs::directory_iterator(shipped)) {
    const std::string model = entry.path().stem().string();
    const std::string text = content_of(entry.path());
    if (text.find("imported from the Hugging Face configuration") == std::string::npos) continue;
    const Outcome result = run_paraplan("import " + config_of(model) + " --out -");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, text);
    ++models;
  }
  EXPECT_GE(models, 8);
}

TEST(ImportCommand, AScenarioNamesAConfigurationOrTheFileMadeOfIt) {
  const fs::path folder = scratch_file("import");
  fs::create_directories(folder / "qwen");
  fs::copy_file(config_of("qwen3_30b_a3b"), folder / "qwen/config.json",
                fs::copy_options::overwrite_existing);
  const std::string job =
      "hardware = \"h100_sxm\"\nsoftware = \"megatron_core\"\n[cluster]\nnodes = 1\ndevices_per_node = 8\n"
      "[training]\nseq_length = 4096\nglobal_batch = 16\nprecision = \"bf16\"\n";
  ASSERT_EQ(
      run_paraplan("import " + folder.string() + "/qwen --out " + folder.string() + "/qwen.toml").exit_code,
      0);
  const auto predicted = [&](const std::string& model) {
    std::ofstream(folder / "job.toml") << "model = \"" << model << "\"\n" << job;
    return run_paraplan("predict " + folder.string() +
                        "/job.toml --layout data=2,tensor=4,pipeline=1,micro_batch=1 --json");
  };
  const Outcome config = predicted("qwen/"), file = predicted("qwen.toml");
  EXPECT_EQ(config.exit_code, 0) << config.err;
  EXPECT_NE(config.out.find("\"iteration_time_s\""), std::string::npos);
  EXPECT_EQ(file.out, config.out);
}

TEST(ImportCommand, RefusesWhatItDoesNotUnderstand) {
  const fs::path folder = scratch_file("not_imported");
  fs::create_directories(folder);
  std::ofstream(folder / "config.json") << "{\"model_type\": \"vit\"}\n";
  const Outcome result = run_paraplan("import " + folder.string());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("config.json:1: model_type: \"vit\" is not known"), std::string::npos)
      << result.err;
}

TEST(ImportCommand, ATrainingRunNamesTheKernelThatIsMissing) {
  const fs::path folder = scratch_file("import_run");
  fs::create_directories(folder);
  std::ofstream(folder / "config.json")
      << "{\"model_type\": \"qwen3\", \"hidden_size\": 64, \"intermediate_size\": 128, "
         "\"num_attention_heads\": 4, "
         "\"head_dim\": 16, \"num_hidden_layers\": 2, \"vocab_size\": 256}\n";
  std::ofstream(folder / "job.toml")
      << "model = \"config.json\"\nhardware = \"generic_cpu\"\nsoftware = \"paraplan\"\n[cluster]\nnodes = "
         "1\n"
         "devices_per_node = 1\n[training]\nseq_length = 32\nglobal_batch = 2\nprecision = \"fp32\"\n";
  const Outcome result = run_paraplan("run " + (folder / "job.toml").string() +
                                      " --layout data=1,tensor=1,pipeline=1,micro_batch=1 --steps 1");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(
      result.err.find("the executor has no kernels for attention.query_key_norm = \"head\" of its layers"),
      std::string::npos)
      << result.err;
}

}  // namespace
}  // namespace paraplan
