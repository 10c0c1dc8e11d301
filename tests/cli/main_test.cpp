#include <gtest/gtest.h>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(CommandLine, VersionAndHelpGoToStandardOutput) {
  const Outcome version = run_paraplan("--version");
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out.substr(0, 9), "paraplan ");
  EXPECT_TRUE(contains(version.out, "\nMPI: "));
  EXPECT_EQ(version.err, "");
  for (const char* command : {"", "plan", "predict", "sweep", "validate", "calibrate", "run"}) {
    const Outcome help = run_paraplan(std::string(command) + " --help");
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_TRUE(contains(help.out, "Usage: ")) << command;
    EXPECT_EQ(help.err, "") << command;
  }
}

TEST(CommandLine, ArgumentsThatAreWrongAreBadInput) {
  const char* scenario = "scenarios/megatron2023_gpt2_v100.toml";
  const std::string plan = std::string("plan ") + scenario;
  const std::string sweep = std::string("sweep ") + scenario;
  for (const std::string& arguments :
       {std::string(), std::string("fly"), std::string("plan"), plan + " --top 0", plan + " --top many",
        plan + " --objective joy", plan + " --devices 3.5", plan + " --devices -8", plan + " --devices 12",
        plan + " --fast", plan + " extra", std::string("predict ") + scenario, sweep,
        sweep + " --vary nodes=1 --csv a --json", std::string("validate")}) {
    const Outcome outcome = run_paraplan(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_NE(outcome.err, "") << arguments;
  }
}

TEST(CommandLine, AMissingScenarioIsNamed) {
  for (const char* command : {"plan", "sweep --vary nodes=1", "validate"}) {
    const Outcome outcome = run_paraplan(std::string(command) + " scenarios/none.toml");
    EXPECT_EQ(outcome.exit_code, 2) << command;
    EXPECT_TRUE(contains(outcome.err, "scenarios/none.toml")) << outcome.err;
    EXPECT_EQ(outcome.out, "") << command;
  }
}

}  // namespace
}  // namespace paraplan
