#include "costmodel/io/launch/shell_script.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

// The words of the last command, joined by '|'.
std::string last_command(const std::string& script) {
  const std::vector<ShellCommand> commands = shell_commands(script);
  std::string text;
  if (commands.empty()) return text;
  for (const ShellWord& word : commands.back()) text += (text.empty() ? "" : "|") + word.text;
  return text;
}

TEST(ShellScript, JoinsContinuedLinesAndPassesOverComments) {
  EXPECT_EQ(last_command("# first\ntorchrun \\\n  train.py --lr 1e-4 # last\n"),
            "torchrun|train.py|--lr|1e-4");
}

TEST(ShellScript, ExpandsVariablesAndArrays) {
  EXPECT_EQ(last_command(
                "N=8\nARGS=(\n  --a 1 # one\n  --b \"two words\"\n)\nrun $N ${N} ${ARGS[@]} \"${ARGS[@]}\""),
            "run|8|8|--a|1|--b|two|words|--a|1|--b|two words");
}

TEST(ShellScript, SplitsUnquotedValuesAlone) {
  EXPECT_EQ(last_command("A=\"--x 1\n --y 2\"; run $A \"$A\""), "run|--x|1|--y|2|--x 1\n --y 2");
  EXPECT_EQ(last_command("A=(1); A+=(2); run ${A[*]}"), "run|1|2");
}

TEST(ShellScript, TakesDefaultsAndLeavesWhatOnlyARunShows) {
  EXPECT_EQ(last_command("run ${A:-4} ${B} $C $(nproc) '$D'"), "run|4|${B}|$C|$(nproc)|$D");
}

TEST(ShellScript, PassesOverRedirectionsAndPipes) {
  const std::vector<ShellCommand> commands = shell_commands("run --a 1 2>&1 > log | tee out");
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(commands[0].size(), 3U);
  EXPECT_EQ(commands[1].front().text, "tee");
}

TEST(ShellScript, LooksIntoTheScriptOfAnInnerShell) {
  const std::vector<ShellCommand> commands =
      shell_commands("srun --nodes 2 bash -c '\n  torchrun --x \"a|b\"\n'\n");
  ASSERT_EQ(commands.size(), 2U);
  EXPECT_EQ(commands[0].back().text, "a|b");
  EXPECT_EQ(commands[1].front().text, "srun");
}

TEST(ShellScript, KnowsTheLines) {
  const std::vector<ShellCommand> commands = shell_commands("\n\nrun \\\n --a\n");
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(commands[0][0].line, 3);
  EXPECT_EQ(commands[0][1].line, 4);
}

TEST(ShellScript, EndsAtTheEndOfABrokenScript) {
  EXPECT_EQ(last_command("run 'open"), "run|open");
  EXPECT_EQ(last_command("run \"${open"), "run|${ope}");
  EXPECT_EQ(last_command("A=(1 2"), "");
}

}  // namespace
}  // namespace paraplan
