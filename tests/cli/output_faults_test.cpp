#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/cli/user_files.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// One output of one command.
struct Writer {
  const char* name;
  const char* arguments;            // but for the output's path, which comes last
  std::vector<const char*> inputs;  // besides those of job.toml, of which it reads all
  const char* old = "old";          // a file that it may replace; made by it where there is none
  const char* job = arguments;      // one that comes to its end
};

const std::vector<Writer> kWriters = {
    {"plan", "plan job.toml --out", {}, "plan.toml"},
    {"predict", "predict job.toml --layout data=1,tensor=2,pipeline=1,micro_batch=2 --trace", {}},
    {"sweep",
     "sweep job.toml --vary software=software.toml,other.toml --vary global_batch=4,8,16,32 --csv",
     {"other.toml"}},
    {"calibrate",
     "calibrate job.toml --measured rows.tsv --out",
     {"models/other.toml"},
     "old.toml",
     "calibrate fit.toml --fit software.host.launch_us --no-leave-one-out --out"},
    {"profile",
     "profile --for job.toml --budget-s 0.2 --out",
     {},
     "mine.toml",
     "profile --for longer.toml --budget-s 0.2 --out"},
    {"run",
     "run plan.toml --data tokens.bin --steps 1 --warmup 0 --out",
     {"plan.toml", "tokens.bin"},
     "run.toml"},
    {"run_trace",
     "run plan.toml --data tokens.bin --steps 1 --warmup 0 --trace",
     {"plan.toml", "tokens.bin"}},
    {"compare", "compare plan.toml run.toml --update", {"plan.toml", "run.toml"}, "mine.toml"},
};

std::ostream& operator<<(std::ostream& out, const Writer& writer) {
  return out << writer.name;
}

class OutputFaults : public testing::TestWithParam<Writer> {
 protected:
  std::vector<std::string> inputs() const {
    std::vector<std::string> files = {"job.toml",     "model.toml",    "cpu.toml", "cpu_ops.tsv",
                                      "network.toml", "software.toml", "rows.tsv"};
    files.insert(files.end(), GetParam().inputs.begin(), GetParam().inputs.end());
    return files;
  }

  // `compare` knows no --force. `profile` may be forced to measure anew what describes the machine.
  bool can_be_forced(const std::string& input) const {
    const std::string name = GetParam().name;
    return name != "compare" && !(name == "profile" && input == "cpu.toml");
  }

  Outcome write_to(const std::string& output, const std::string& more = "") const {
    return files_.paraplan(fmt::format("{} {} {}", GetParam().arguments, output, more));
  }

  UserFiles files_;
};

TEST_P(OutputFaults, NoInputIsWritten) {
  for (const std::string& input : inputs()) {
    fs::remove(files_("soft"));
    fs::remove(files_("hard"));
    fs::create_symlink(input, files_("soft"));
    fs::create_hard_link(files_(input), files_("hard"));
    const auto before = files_.contents();
    for (const std::string& output :
         {input, "./" + input, files_(input).string(), std::string("soft"), std::string("hard")}) {
      const Outcome outcome = write_to(output);
      EXPECT_EQ(outcome.exit_code, 2) << output << " is " << input << ": " << outcome.err;
      EXPECT_EQ(files_.changes_since(before), "") << output << " is " << input;
      if (!can_be_forced(input)) continue;
      const Outcome forced = write_to(output, "--force");
      EXPECT_EQ(forced.exit_code, 2) << output << " is " << input << ": " << forced.err;
      EXPECT_NE(forced.err.find(" is read by this command"), std::string::npos) << forced.err;
      EXPECT_EQ(files_.changes_since(before), "") << output << " is " << input;
    }
  }
}

TEST_P(OutputFaults, WhatCannotBeWrittenIsAnError) {
  fs::create_symlink("circle", files_("circle"));
  std::vector<std::string> outputs = {"/dev/full", "no_folder/out.toml", "job.toml/out.toml",
                                      "/proc/out.toml", "circle"};
  if (GetParam().name != std::string("calibrate"))
    outputs.emplace_back("models");  // there it may be a folder
  const auto before = files_.contents();
  for (const std::string& output : outputs) {
    const Outcome outcome =
        files_.shell(fmt::format("timeout 60 \"$PARAPLAN\" {} {} > stdout", GetParam().job, output));
    EXPECT_TRUE(outcome.exit_code == 1 || outcome.exit_code == 2) << output << ": " << outcome.exit_code;
    const std::string named = output.substr(0, output.find("/out"));
    EXPECT_NE(outcome.err.find(named), std::string::npos) << output << ": " << outcome.err;
    EXPECT_EQ(files_.changes_since(before), "") << output;
  }
}

// The limit of 512 bytes stands for a disk that is full in the middle of a file.
TEST_P(OutputFaults, ADiskThatFillsUpLeavesTheOldFile) {
  const Writer& writer = GetParam();
  const std::string command = fmt::format("\"$PARAPLAN\" {} {}", writer.job, writer.old);
  if (!fs::exists(files_(writer.old))) {
    const Outcome first = files_.shell(command + " > stdout");
    ASSERT_EQ(first.exit_code, 0) << first.err;
  }
  const auto before = files_.contents();
  ASSERT_TRUE(before.contains(writer.old));
  const Outcome full = files_.shell(fmt::format(
      "{{ (ulimit -f 1; exec {}) 2>&1 > /dev/null; echo \"exit code $?\"; }} | cat > stdout", command));
  EXPECT_NE(full.out.find("exit code 1\n"), std::string::npos) << full.out;
  EXPECT_NE(full.out.find("cannot be written: File too large"), std::string::npos) << full.out;
  EXPECT_EQ(files_.changes_since(before), "");
}

INSTANTIATE_TEST_SUITE_P(Commands, OutputFaults, testing::ValuesIn(kWriters),
                         [](const auto& writer) { return std::string(writer.param.name); });

// Everything that the program can print.
const std::vector<const char*> kPrinting = {
    "--version",
    "--help",
    "plan --help",
    "plan job.toml",
    "plan job.toml --json",
    "predict job.toml --layout data=2,micro_batch=1",
    "predict job.toml --layout data=2,micro_batch=1 --json",
    "sweep job.toml --vary global_batch=4,8",
    "sweep job.toml --vary global_batch=4,8 --json",
    "sweep job.toml --vary global_batch=4,8 --csv -",
    "validate job.toml",
    "validate job.toml --summary",
    "validate job.toml --json",
    "calibrate fit.toml --fit software.host.launch_us --no-leave-one-out",
    "calibrate fit.toml --fit software.host.launch_us --no-leave-one-out --json",
    "profile --for job.toml --out mine.toml",
    "run plan.toml --steps 1",
    "run plan.toml --steps 1 --json",
    "compare plan.toml run.toml",
    "compare plan.toml run.toml --json",
};

TEST(StandardOutput, OnAFullDiskIsAnError) {
  const UserFiles files;
  for (const char* arguments : kPrinting) {
    const Outcome outcome = files.paraplan(arguments, "> /dev/full");
    EXPECT_EQ(outcome.exit_code, 1) << arguments;
    EXPECT_NE(outcome.err.find("standard output: cannot be written: No space left on device\n"),
              std::string::npos)
        << arguments << ": " << outcome.err;
  }
}

// A command line whose standard output is a pipe that nobody reads.
std::string unread(const std::string& command) {
  return fmt::format(
      "rm -f gone; {{ while [ ! -e gone ]; do sleep 0.01; done; {} }} | {{ exec <&-; : > gone; }}", command);
}

// Whoever starts the program may have SIGPIPE ignored.
TEST(StandardOutput, IntoAClosedPipeEndsQuietly) {
  const UserFiles files;
  const int by_sigpipe = 128 + 13;
  for (const char* ignore : {"", "trap '' PIPE;"}) {
    for (const char* arguments : kPrinting) {
      const Outcome outcome =
          files.shell(unread(fmt::format("{} \"$PARAPLAN\" {}; echo $? > stdout;", ignore, arguments)));
      EXPECT_EQ(outcome.out, fmt::format("{}\n", by_sigpipe)) << arguments;
      EXPECT_EQ(outcome.err.find("standard output"), std::string::npos) << arguments << ": " << outcome.err;
    }
  }
}

// Files come first.
TEST(StandardOutput, LostDoesNotLoseTheFile) {
  const UserFiles files;
  const std::string command = "\"$PARAPLAN\" plan job.toml --out new.toml";
  for (const std::string& whole : {command + " > /dev/full", unread(command + ";")}) {
    fs::remove(files("new.toml"));
    files.shell(whole);
    EXPECT_EQ(content_of(files("new.toml")), content_of(files("plan.toml"))) << whole;
  }
}

}  // namespace
}  // namespace paraplan
