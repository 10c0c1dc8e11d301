#include <gtest/gtest.h>

#include "costmodel/base/input_error.h"
#include "costmodel/io/text/layout_text.h"
#include "costmodel/model/family.h"
#include "planner/export/support.h"
#include "planner/export/targets.h"
#include "planner/export/writers/megatron_settings.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

Launch launch_with(const FeatureExample& example) {
  Scenario scenario = toy_scenario();
  scenario.model = model_of({.name = "small",
                             .family = example.family,
                             .layers = 8,
                             .hidden = 64,
                             .heads = 4,
                             .ffn = 256,
                             .vocab = 512,
                             .qkv_bias = example.qkv_bias});
  scenario.precision = example.precision;
  const Layout layout = parse_layout(example.layout, "test");
  scenario.cluster = {.nodes = 1, .devices_per_node = layout.devices()};
  return launch_of(scenario, layout);
}

std::string starting_file(const Launch& launch, Target target,
                          LauncherKind launcher = LauncherKind::torchrun) {
  return export_launch(launch, target, launcher, {"a remark"}).files.back().text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ExportSupport, EveryExampleUsesItsFeature) {
  for (const Feature& feature : export_features())
    EXPECT_TRUE(feature.is_used(launch_with(feature.example))) << feature.key << " " << feature.name;
}

TEST(ExportSupport, WhatATargetCannotExpressIsRefusedByName) {
  int refused = 0, written = 0;
  for (const Feature& feature : export_features()) {
    const Launch launch = launch_with(feature.example);
    for (int i = 0; i < kTargets; ++i) {
      const auto target = static_cast<Target>(i);
      const auto obstacle = inexpressible(launch, target);
      EXPECT_TRUE(obstacle || feature.missing[i] == nullptr) << feature.key << " " << to_string(target);
      try {
        EXPECT_FALSE(starting_file(launch, target).empty());
        EXPECT_FALSE(obstacle);
        ++written;
      } catch (const InputError& error) {
        ASSERT_TRUE(obstacle);
        EXPECT_EQ(error.key, obstacle->key);
        EXPECT_TRUE(contains(error.what(), "cannot express")) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(written, 0);
}

TEST(Export, RefusesAModelOfNoPreset) {
  Launch launch = launch_with({"data=2"});
  launch.model.kinds.front().norm = NormKind::layer;
  try {
    export_launch(launch, Target::megatron, LauncherKind::torchrun, {});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(error.key, "model");
  }
}

TEST(Export, WritesUnequalStagesAsMegatronsLayout) {
  EXPECT_EQ(megatron_stages({3, 4, 1}), "Et*3|t*4|t*1L");
  const Launch launch = launch_with({"pipeline=2,stage_layers=3-5"});
  EXPECT_TRUE(
      contains(starting_file(launch, Target::megatron), "--pipeline-model-parallel-layout \"Et*3|t*5L\""));
}

TEST(Export, SetsTheConnectionsThatMegatronAsserts) {
  const std::string variable = "CUDA_DEVICE_MAX_CONNECTIONS=1";
  EXPECT_TRUE(contains(starting_file(launch_with({"tensor=2"}), Target::megatron), variable));
  EXPECT_FALSE(contains(starting_file(launch_with({"data=2"}), Target::megatron), variable));
  EXPECT_FALSE(
      contains(starting_file(launch_with({"data=2,tensor=2,zero_stage=3"}), Target::megatron), variable));
}

TEST(Export, StartsWithEveryLauncher) {
  const Launch launch = launch_with({"data=2"});
  const auto file = [&](LauncherKind launcher) {
    return export_launch(launch, Target::megatron, launcher, {"a remark"}).files.back();
  };
  EXPECT_TRUE(contains(file(LauncherKind::srun).text,
                       "\nsrun --nodes 1 --ntasks-per-node 1 --gpus-per-node 2 bash -c '"));
  EXPECT_EQ(file(LauncherKind::sbatch).name, "launch.sbatch");
  EXPECT_TRUE(contains(file(LauncherKind::sbatch).text, "#SBATCH --nodes=1\n"));
  EXPECT_TRUE(contains(file(LauncherKind::kubernetes).text, "kind: JobSet\n"));
  for (const std::string& name : launcher_names())
    EXPECT_TRUE(contains(file(launcher_named(name)).text, "# a remark\n")) << name;
}

}  // namespace
}  // namespace paraplan
