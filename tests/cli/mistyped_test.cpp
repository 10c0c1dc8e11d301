#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

constexpr const char* kScenario = "scenarios/megatron2023_gpt2_v100.toml";
constexpr size_t kShort = 500;  // characters; nobody reads more

// A mistyped command line, and words of the message that say what would be right.
struct Mistake {
  std::string arguments;
  std::vector<std::string> said;
};

void expect_answered(const Mistake& mistake) {
  const Outcome outcome = run_paraplan(mistake.arguments);
  EXPECT_EQ(outcome.exit_code, 2) << mistake.arguments;
  EXPECT_EQ(outcome.out, "") << mistake.arguments;
  EXPECT_EQ(outcome.err.substr(0, 10), "paraplan: ") << mistake.arguments;
  EXPECT_LT(outcome.err.size(), kShort) << mistake.arguments << "\n" << outcome.err;
  for (const std::string& words : mistake.said)
    EXPECT_NE(outcome.err.find(words), std::string::npos) << mistake.arguments << "\n" << outcome.err;
}

std::string with_scenario(const std::string& command, const std::string& options) {
  return fmt::format("{} {} {}", command, kScenario, options);
}

TEST(Mistyped, CommandsAndOptions) {
  for (const Mistake& mistake : std::vector<Mistake>{
           {"", {"needs a command: one of plan, predict,", "paraplan --help"}},
           {with_scenario("plna", ""), {"unknown command \"plna\"; did you mean \"plan\"?"}},
           {with_scenario("valdate", ""), {"unknown command \"valdate\"; did you mean \"validate\"?"}},
           {"fly", {"unknown command \"fly\"; give one of plan, predict,"}},
           {"--versoin", {"--versoin: unknown option of paraplan; did you mean \"--version\"?"}},
           {fmt::format("--hlep {}", kScenario),
            {"--hlep: unknown option of paraplan; did you mean \"--help\"?"}},
           {with_scenario("plan", "-t 3"), {"-t: unknown option of plan; known: --help, --devices, --top,"}},
           {with_scenario("plan", "--topp 5"), {"--topp: unknown option of plan; did you mean \"--top\"?"}},
           {with_scenario("plan --topp=5", ""), {"--topp: unknown option of plan; did you mean \"--top\"?"}},
           {with_scenario("plan --topp 5", ""), {"did you mean \"--top\"?"}},
           {with_scenario("predict", "--layuot data=8"), {"did you mean \"--layout\"?"}},
           {with_scenario("plan", "--gpus 8"),
            {"--gpus: unknown option of plan; did you mean \"--devices\"?"}},
           {with_scenario("plan", "--tp 2"), {"--tp: unknown option", "\"tensor\" is part of a layout"}},
           {with_scenario("plan", "--lora"), {"--lora: not supported yet: adapters such as LoRA"}},
           {with_scenario("plan", "--colour red"),
            {"--colour: unknown option of plan; known: --help, --devices"}},
           {"plan", {"SCENARIO is required; see paraplan plan --help"}},
           {with_scenario("predict", ""), {"--layout is required; see paraplan predict --help"}},
           {with_scenario("plan", "--top"), {"--top: needs a value; see paraplan plan --help"}},
           {with_scenario("plan", "--top 2 --top 3"), {"--top: may be given once"}},
           {with_scenario("plan", "extra"), {"unexpected argument \"extra\" of plan"}},
       })
    expect_answered(mistake);
}

TEST(Mistyped, Numbers) {
  const std::string profile = "profile --out " + scratch_file("never.toml").string();
  for (const Mistake& mistake : std::vector<Mistake>{
           {profile + " --ranks 0", {"--ranks: must be a whole number from 1 to 1024, is 0"}},
           {profile + " --ranks -3", {"--ranks: must be a whole number from 1 to 1024, is -3"}},
           {profile + " --budget-s -1", {"--budget-s: must be a number above 0, is -1"}},
           {profile + " --budget-s soon", {"--budget-s: must be a number above 0, is \"soon\""}},
           {with_scenario("plan", "--top 0"), {"--top: must be a whole number from 1 to 1000000, is 0"}},
           {with_scenario("plan", "--top many"), {"--top: must be a whole number", "is \"many\""}},
           {with_scenario("plan", "--top 1.5"), {"--top: must be a whole number", "is 1.5"}},
           {with_scenario("plan", "--headroom nan"),
            {"--headroom: must be a number from 0 to 0.9, is \"nan\""}},
           {with_scenario("plan", "--headroom 2"), {"--headroom: must be a number from 0 to 0.9, is 2"}},
           {with_scenario("plan", "--headroom -0.1"), {"must be a number from 0 to 0.9, is -0.1"}},
           {with_scenario("plan", "--headroom 5%"), {"is \"5%\"; give a share such as 0.05"}},
           {with_scenario("run", "--ranks 0"), {"--ranks: must be a whole number from 1 to 1000000, is 0"}},
           {with_scenario("run", "--steps 0"), {"--steps: must be a whole number from 1 to "}},
           {with_scenario("run", "--warmup -1"), {"--warmup: must be a whole number from 0 to "}},
           {"compare a b --ops -1", {"--ops: must be a whole number from 0 to 1000000, is -1"}},
           {with_scenario("calibrate", "--prior 0"), {"--prior: must be a number above 0, is 0"}},
           {with_scenario("calibrate", "--row-error x"), {"--row-error: must be a number above 0, is \"x\""}},
       })
    expect_answered(mistake);
}

TEST(Mistyped, Words) {
  for (const Mistake& mistake : std::vector<Mistake>{
           {with_scenario("plan", "--objective tmie"),
            {"--objective: must be one of time, memory, cost, is \"tmie\"; did you mean \"time\"?"}},
           {with_scenario("run", "--device gpu"), {"--device: must be one of cpu, cuda", "mean \"cuda\"?"}},
           {with_scenario("predict", "--layout data=8, tensor=2"),
            {"unexpected argument \"tensor=2\" of predict", "must be in quotes"}},
           {with_scenario("predict", "--layout 'data=8, tensr=2'"),
            {"tensr: unknown setting; did you mean \"tensor\"?"}},
           {with_scenario("predict", "--layout dp=8,fsdp"), {"zero_stage=3"}},
           {with_scenario("predict", "--layout dp=8,hsdp=2"), {"hsdp: not supported yet: hybrid sharding"}},
           {with_scenario("predict", "--layout dp=8,ep=2"), {"expert parallelism is not supported yet"}},
           {with_scenario("predict", "--layout dp=8,ulysses=2"), {"ulysses: not supported yet"}},
           {with_scenario("sweep", "--vary node=1,2"), {"node: cannot be varied; did you mean \"nodes\"?"}},
           {with_scenario("sweep", "--vary tp=1,2"),
            {"tp: cannot be varied; \"tensor\" is part of a layout"}},
           {with_scenario("sweep", "--vary nodes=one,two"),
            {"nodes: must be an integer from 1 to 2^40, is \"one\""}},
       })
    expect_answered(mistake);
}

// The files need only say what they are.
TEST(Mistyped, Files) {
  const auto written = [](const char* name, const std::string& text) {
    std::ofstream(scratch_file(name)) << text;
    return scratch_file(name).string();
  };
  const std::string head = "scenario = \"s\"\nscenario_file = \"s.toml\"\ndigest = \"d\"\n";
  const std::string plan = written("a_plan.toml", head + "[layout]\ndata = 1\n[prediction]\nmfu = 1\n");
  const std::string run = written("a_run.toml", head + "device = \"cpu\"\ntransport = \"threads\"\n");
  const std::string config = written("config.json", "{\n  \"hidden_size\": 4096\n}\n");
  const std::string model = "scenarios/models/gpt2_345m.toml",
                    rows = "scenarios/measured/libai_bert_v100.tsv",
                    hardware = "profiles/hardware/h100_sxm.toml",
                    network = "profiles/networks/roce_100g.toml",
                    software = "profiles/software/megatron_core.toml";
  const std::string needs_scenario = "; a scenario is needed here";
  for (const Mistake& mistake : std::vector<Mistake>{
           {fmt::format("compare {} {}", run, plan),
            {"compare takes PLAN RUN, in this order", run + " is a run and " + plan + " is a plan"}},
           {fmt::format("compare {} {}", plan, plan), {plan + ": is a plan (", "; a run is needed here"}},
           {fmt::format("compare {} {}", kScenario, run), {"is a scenario; a plan is needed here"}},
           {"run " + run, {run + ": is a run (", "; a plan or a scenario is needed here"}},
           {"run " + model, {model + ": is a model (", "; a plan or a scenario is needed here"}},
           {"plan " + config,
            {config + ": is JSON, which is not read", needs_scenario, "a scenario is TOML"}},
           {"plan " + plan, {plan + ": is a plan (", needs_scenario}},
           {"plan " + run, {run + ": is a run (", needs_scenario}},
           {"plan " + hardware, {hardware + ": is a hardware profile (", needs_scenario}},
           {"plan " + network, {network + ": is a network profile (", needs_scenario}},
           {"plan " + software, {software + ": is a software profile (", needs_scenario}},
           {"plan " + model, {model + ": is a model (", needs_scenario}},
           {"validate " + rows, {rows + ": is a table of measured rows (", "--measured", needs_scenario}},
           {with_scenario("validate", fmt::format("--measured {}", kScenario)),
            {"is a scenario; a table of measured rows is needed here"}},
       })
    expect_answered(mistake);
}

// What a user types who comes from other programs.
TEST(Mistyped, AliasesAndSpacesAreUnderstood) {
  const Outcome usual =
      run_paraplan(with_scenario("predict", "--json --layout data=4,tensor=2,pipeline=1,micro_batch=2"));
  const Outcome other = run_paraplan(with_scenario("predict", "--json --layout 'dp=4, tp=2, pp=1, mbs=2'"));
  EXPECT_EQ(usual.exit_code, 0) << usual.err;
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_EQ(usual.out, other.out);
}

}  // namespace
}  // namespace paraplan
