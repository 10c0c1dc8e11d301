#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "costmodel/io/launch/structured_file.h"
#include "tests/cli/command.h"

namespace paraplan {
namespace {

using Json = nlohmann::json;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// In the form of Megatron-LM's own examples: arrays, variables, comments.
constexpr const char* kMegatron = R"(#!/bin/bash
GPUS_PER_NODE=8
DISTRIBUTED_ARGS=(
    --nproc_per_node $GPUS_PER_NODE
    --nnodes ${SLURM_NNODES:-4}
)
MODEL_ARGS="
    --num-layers 24 --hidden-size 2048 --num-attention-heads 16
    --seq-length 2048 --max-position-embeddings 2048
"
torchrun ${DISTRIBUTED_ARGS[@]} pretrain_gpt.py $MODEL_ARGS \
    --micro-batch-size 4 --global-batch-size=256 --train-iters 500000 --lr 6e-5 --fp16 \
    --tensor-model-parallel-size 4 --pipeline-model-parallel-size 2 --recompute-activations \
    --data-path $DATA_PATH --tokenizer-type GPT2BPETokenizer 2>&1 | tee log
)";
constexpr const char* kCluster = "--hardware a100_sxm_80 --network infiniband_hdr_8x200g --vocab 50257";

std::filesystem::path launch(const std::string& name, const std::string& text) {
  const std::filesystem::path file = scratch_file(name);
  std::ofstream(file) << text;
  return file;
}

Outcome check(const std::filesystem::path& file, const std::string& options) {
  return run_paraplan(fmt::format("check {} {}", file.string(), options));
}

std::string replaced(std::string text, const std::string& former, const std::string& now) {
  return text.replace(text.find(former), former.size(), now);
}

TEST(Check, ReadsAScriptOfMegatron) {
  const Outcome outcome = check(launch("megatron.sh", kMegatron), fmt::format("{} --json", kCluster));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["framework"], "megatron-lm");
  EXPECT_EQ(json["layout_argument"], "data=4,tensor=4,pipeline=2,micro_batch=4,recompute=selective");
  EXPECT_EQ(json["nodes"], 4);
  EXPECT_EQ(json["micro_batches"], 16);
  const Json ignored = json["ignored"];
  EXPECT_NE(std::ranges::find(ignored, "data_path"), ignored.end());
  for (const Json& better : json["better"]) EXPECT_LT(better["iteration_time_s"], json["iteration_time_s"]);
}

TEST(Check, TakesAMeasuredTimeApart) {
  const auto file = launch("measured.sh", kMegatron);
  const Json json = Json::parse(check(file, fmt::format("{} --measured 20s --json", kCluster)).out);
  EXPECT_EQ(json["difference"]["measured_s"], 20);
  EXPECT_FALSE(json["difference"]["parts"].empty());
  const Outcome text = check(file, fmt::format("{} --measured 20s", kCluster));
  EXPECT_TRUE(contains(text.out, "Measured 20.000 s per step")) << text.out;
}

TEST(Check, NamesAnUnknownSettingWithItsLine) {
  const std::string text =
      replaced(kMegatron, "--pipeline-model-parallel-size", "--pipline-model-parallel-size");
  const Outcome outcome = check(launch("unknown.sh", text), kCluster);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(contains(outcome.err, "unknown.sh:13: pipline_model_parallel_size: unknown setting"))
      << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "did you mean \"pipeline_model_parallel_size\"")) << outcome.err;
  EXPECT_EQ(
      check(launch("unknown.sh", text), fmt::format("{} --ignore pipline_model_parallel_size", kCluster))
          .exit_code,
      0);
}

TEST(Check, SaysWhatALaunchLeavesOpen) {
  const auto file = launch("open.sh", kMegatron);
  EXPECT_TRUE(contains(check(file, "").err, "--hardware: needed"));
  const Outcome no_vocabulary = check(file, "--hardware a100_sxm_80 --network infiniband_hdr_8x200g");
  EXPECT_TRUE(contains(no_vocabulary.err, "vocab_size: ")) << no_vocabulary.err;
  const auto no_batch = launch("no_batch.sh", replaced(kMegatron, "--micro-batch-size 4", ""));
  EXPECT_TRUE(contains(check(no_batch, kCluster).err, "give --micro-batch"));
  EXPECT_EQ(check(no_batch, fmt::format("{} --micro-batch 4", kCluster)).exit_code, 0);
}

TEST(Check, RefusesWhatIsNotPriced) {
  for (const char* flag :
       {"--expert-model-parallel-size 8", "--fp8-format hybrid", "--recompute-modules moe"}) {
    const Outcome outcome = check(launch("refused.sh", replaced(kMegatron, "--fp16", flag)), kCluster);
    EXPECT_EQ(outcome.exit_code, 2) << flag;
  }
  EXPECT_TRUE(contains(check(launch("none.sh", "echo hello\n"), kCluster).err, "starts no training"));
  EXPECT_TRUE(contains(check(launch("job.py", "x = 1\n"), kCluster).err,
                       "which is read only where `paraplan export` wrote it"));
}

TEST(Check, SaysWhenALaunchDoesNotFit) {
  const std::string text =
      replaced(replaced(kMegatron, "--tensor-model-parallel-size 4", "--tensor-model-parallel-size 1"),
               "--hidden-size 2048", "--hidden-size 12288");
  const Outcome outcome = check(launch("large.sh", text), kCluster);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "does not fit in device memory")) << outcome.out;
}

TEST(Check, ReadsDeepspeedsJson) {
  if (!reads_structured_files()) GTEST_SKIP() << "built without yaml-cpp";
  const auto file =
      launch("ds.json", R"({"train_micro_batch_size_per_gpu": 2, "gradient_accumulation_steps": 8,
    "bf16": {"enabled": true}, "zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}},
    "optimizer": {"type": "AdamW", "params": {"lr": 1e-4}}})");
  const std::string options = "--hardware a100_sxm_80 --model llama2_7b --devices 8 --seq-length 2048 --json";
  const Outcome outcome = check(file, options);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["layout_argument"],
            "data=8,tensor=1,pipeline=1,micro_batch=2,zero_stage=3,offload=optimizer");
  EXPECT_EQ(json["micro_batches"], 8);
  const auto wrong = launch("wrong.json", "{\"zero_optimization\": {\"stage\": 5}}");
  EXPECT_TRUE(
      contains(check(wrong, options).err, "wrong.json:1: zero_optimization.stage: must be 0, 1, 2 or 3"));
  const auto unknown =
      launch("unknown.json", "{\"train_batch_size\": 8,\n\"tensr_parallel\": {\"autotp_size\": 2}}");
  EXPECT_TRUE(contains(check(unknown, options).err, "unknown.json:2: tensr_parallel.autotp_size"))
      << check(unknown, options).err;
}

TEST(Check, ReadsMegatronsYaml) {
  if (!reads_structured_files()) GTEST_SKIP() << "built without yaml-cpp";
  const auto file = launch("megatron.yaml",
                           "model:\n  tensor_model_parallel_size: 2\n  num_layers: 8\n  hidden_size: 1024\n"
                           "  num_attention_heads: 8\n  seq_length: 1024\n  bf16: true\n  vocab_size: 32000\n"
                           "train:\n  micro_batch_size: 1\n  global_batch_size: 16\n");
  const Outcome outcome = check(file, "--hardware a100_sxm_80 --devices 8 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out)["layout_argument"], "data=4,tensor=2,pipeline=1,micro_batch=1");
}

TEST(PlanGoals, EndWithThreeWhenTheyAreMissed) {
  const std::string plan = "plan scenarios/llama3_70b_h100.toml --top 1 --tokens 15T ";
  EXPECT_EQ(run_paraplan(plan + "--deadline 400d --json").exit_code, 0);
  const Outcome late = run_paraplan(plan + "--deadline 30d --json");
  EXPECT_EQ(late.exit_code, 3);
  const Json json = Json::parse(late.out);
  EXPECT_EQ(json["goals"]["missed"].size(), 1U);
  EXPECT_TRUE(json["layouts"][0]["run"]["cost"].is_null());
  EXPECT_TRUE(contains(run_paraplan(plan).out, "price      unknown"));
  EXPECT_EQ(run_paraplan(plan + "--max-cost 1e6 --price-per-hour 2.5").exit_code, 3);
  EXPECT_EQ(run_paraplan(plan + "--max-cost 1e6").exit_code, 2);
  EXPECT_EQ(run_paraplan("plan scenarios/llama3_70b_h100.toml --min-mfu 99").exit_code, 3);
  EXPECT_EQ(run_paraplan("plan scenarios/llama3_70b_h100.toml --deadline 3d").exit_code, 2);
}

}  // namespace
}  // namespace paraplan
