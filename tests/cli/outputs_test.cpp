#include "cli/outputs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "costmodel/base/input_error.h"
#include "costmodel/io/plan_file.h"
#include "costmodel/io/profiles/profiles.h"
#include "tests/cli/user_files.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The plan of a scenario beside it, as it is written to `file`.
std::string some_plan(const fs::path& file) {
  PlanFile plan;
  plan.scenario_file = file.parent_path() / "scenario.toml";
  return plan_text(plan, file);
}

class OutputsTest : public testing::Test {
 protected:
  OutputsTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }

  std::string written(const std::string& name, const std::string& text) const {
    write_text_file(at(name), text);
    return at(name);
  }

  // The error of an output, without the folder's name; empty: there is none.
  std::string refusal(Outputs outputs, const std::string& path, FileKind kind = FileKind::plan) const {
    try {
      outputs.add("--out", path, {kind});
    } catch (const InputError& error) {
      std::string text = error.what();
      for (size_t i = text.find(at("")); i != std::string::npos; i = text.find(at("")))
        text.erase(i, at("").size());
      return text;
    }
    return "";
  }

  const fs::path folder_ = scratch_file("outputs");
};

TEST_F(OutputsTest, AnInputIsRefusedUnlessItIsRenewed) {
  const std::string input = written("in.toml", "layout = 1\nprediction = 2\n");
  fs::create_symlink(input, at("soft"));
  Outputs outputs({input}, {.force = true});
  EXPECT_EQ(refusal(outputs, input),
            "command line: --out: in.toml is read by this command; name another file");
  EXPECT_EQ(refusal(outputs, at("soft")),
            "command line: --out: soft is the same file as in.toml, and that is read by this command; name "
            "another file");
  outputs.renew({at("soft")});
  EXPECT_EQ(refusal(outputs, input), "");
}

TEST_F(OutputsTest, TwoOutputsAreTwoFiles) {
  Outputs outputs;
  outputs.add("--trace", at("new"), {FileKind::trace});
  fs::create_symlink("new", at("dangling"));
  const std::string also = " is also the file of --trace; name another one";
  EXPECT_EQ(refusal(outputs, at("new")), "command line: --out: new" + also);
  EXPECT_EQ(refusal(outputs, at("./new")), "command line: --out: ./new" + also);
  EXPECT_EQ(refusal(outputs, at("dangling")), "command line: --out: dangling" + also);
  EXPECT_EQ(refusal(outputs, at("newer")), "");
}

TEST_F(OutputsTest, DevicesTakeAnyNumber) {
  Outputs outputs;
  outputs.add("--trace", "/dev/null", {FileKind::trace});
  EXPECT_EQ(refusal(outputs, "/dev/null"), "");
  EXPECT_EQ(refusal(outputs, "/dev/null", FileKind::hardware_profile),
            "command line: --out: /dev/null is no regular file; a hardware profile has tables beside it");
}

TEST_F(OutputsTest, OnlyTheSameKindIsReplaced) {
  const std::string plan = written("plan.toml", some_plan(at("plan.toml"))),
                    model = written("model.toml", "family = \"gpt\"\nlayers = 2\n"),
                    other = written("letter", "Dear all,\n"),
                    notes = written("notes", "layout of the office\ncluster meeting\n"),
                    empty = written("empty", "");
  EXPECT_EQ(refusal(Outputs(), plan), "");
  EXPECT_EQ(refusal(Outputs(), empty), "");
  EXPECT_EQ(refusal(Outputs(), model),
            "command line: --out: model.toml is a model; a plan goes there only with --force");
  EXPECT_EQ(refusal(Outputs(), other),
            "command line: --out: letter is a file of another kind; a plan goes there only with --force");
  EXPECT_EQ(refusal(Outputs(), notes),
            "command line: --out: notes is a file of another kind; a plan goes there only with --force");
  EXPECT_EQ(refusal(Outputs({}, {.force = true}), model), "");
}

TEST_F(OutputsTest, AHardwareProfileComesWithItsTables) {
  const std::string rows = written("mine.ops.tsv", "id\tdata\ttensor\tpipeline\n");
  EXPECT_EQ(
      refusal(Outputs(), at("mine.toml"), FileKind::hardware_profile),
      "command line: --out: mine.ops.tsv is a table of measured rows; a table of op samples goes there only "
      "with --force");
  EXPECT_TRUE(contains(refusal(Outputs({rows}, {.force = true}), at("mine.toml"), FileKind::hardware_profile),
                       "mine.ops.tsv is read by this command"));
}

TEST_F(OutputsTest, APlaceMustBeThere) {
  fs::create_symlink("circle", at("circle"));
  written("file", "");
  EXPECT_TRUE(contains(refusal(Outputs(), at("none/plan.toml")), "there is no folder none"));
  EXPECT_TRUE(contains(refusal(Outputs(), at("file/plan.toml")), "there is no folder file"));
  EXPECT_TRUE(contains(refusal(Outputs(), at("new/")), "there is no folder new"));
  EXPECT_TRUE(contains(refusal(Outputs(), folder_.string()), " is a folder; a file is needed"));
  EXPECT_EQ(refusal(Outputs(), at("circle")),
            "command line: --out: circle cannot be looked at: Too many levels of symbolic links");
}

TEST_F(OutputsTest, ADiskIsNotWritten) {
  constexpr unsigned int kLoopDevices = 7;
  if (mknod(at("disk").c_str(), S_IFBLK | 0600, makedev(kLoopDevices, 0)) != 0)
    GTEST_SKIP() << "only root makes block devices";
  EXPECT_EQ(refusal(Outputs({}, {.force = true}), at("disk")),
            "command line: --out: disk is a disk or another block device; a file is needed");
}

TEST_F(OutputsTest, StandardOutputTakesOneThing) {
  Outputs outputs;
  outputs.add("--trace", "-", {FileKind::trace});
  EXPECT_EQ(refusal(outputs, "-"), "command line: --out: standard output already takes --trace; name a file");
  EXPECT_EQ(refusal(Outputs({}, {.json = true}), "-"),
            "command line: --out: standard output takes the JSON; name a file");
}

// The report of long work is not lost with a file.
TEST_F(OutputsTest, OneFailureHoldsUpNothingElse) {
  const Outputs outputs;
  testing::internal::CaptureStdout();
  EXPECT_THROW(outputs.deliver({{{at("none/a"), "a"}}, {{at("b"), "b"}}}, "report\n"), std::runtime_error);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "report\n");
  EXPECT_EQ(read_text_file(at("b")), "b");
}

TEST_F(OutputsTest, WhatIsReplacedLaterIsOnlySavedInFiles) {
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
  const Outputs outputs;
  outputs.save({at("pipe"), "text"});  // would wait for a reader
  outputs.save({"/dev/full", "text"});
  outputs.save({at("file"), "text"});
  EXPECT_EQ(read_text_file(at("file")), "text");
}

class CommandOutputs : public testing::Test {
 protected:
  void expect_refused(const std::string& command, const std::string& text) const {
    const auto before = files_.contents();
    const Outcome outcome = files_.shell("timeout 60 " + command);
    EXPECT_EQ(outcome.exit_code, 2) << command;
    EXPECT_TRUE(contains(outcome.err, text)) << command << ": " << outcome.err;
    EXPECT_EQ(files_.changes_since(before), "") << command;
  }

  const UserFiles files_;
};

TEST_F(CommandOutputs, NeedFilesOfTheirOwn) {
  const std::string p = "\"$PARAPLAN\" ", run = p + "run plan.toml --data tokens.bin ";
  expect_refused(p + "plan job.toml --out job.toml", "--out: job.toml is read by this command");
  expect_refused(p + "sweep job.toml --vary nodes=1 --csv job.toml", "--csv: job.toml is read");
  expect_refused(p + "predict job.toml --layout data=2,micro_batch=1 --trace job.toml",
                 "--trace: job.toml is read");
  expect_refused(p + "calibrate job.toml --measured rows.tsv --out job.toml", "--out: job.toml is read");
  expect_refused(p + "calibrate job.toml --measured rows.tsv --out rows.tsv", "--out: rows.tsv is read");
  expect_refused(run + "--trace tokens.bin", "--trace: tokens.bin is read");
  expect_refused(run + "--out job.toml", "--out: job.toml is read");
  expect_refused(run + "--out cpu.toml", "--out: cpu.toml is read");
  expect_refused(run + "--trace x --out x", "--trace: x is also the file of --out");
}

TEST_F(CommandOutputs, ACalibrationIntoAFolderSparesWhatItReads) {
  fs::create_directories(files_("software"));
  fs::copy(files_("far_off.toml"), files_("software/far_off.toml"));
  std::string job = content_of(files_("fit.toml"));
  job.replace(job.find("far_off.toml"), 12, "software/far_off.toml");
  files_.write("fit.toml", job);
  expect_refused("\"$PARAPLAN\" calibrate fit.toml --out .", "--out: ./software/far_off.toml is ");
}

TEST_F(CommandOutputs, ShareNothingWithStandardOutput) {
  const auto before = files_.contents();
  for (const char* redirection : {">> job.toml", "1<> model.toml"}) {
    const Outcome outcome = files_.paraplan("plan job.toml", redirection);
    EXPECT_EQ(outcome.exit_code, 2) << redirection;
    EXPECT_TRUE(contains(outcome.err, "standard output: goes into ")) << outcome.err;
    EXPECT_EQ(files_.changes_since(before), "") << redirection;
  }
  const Outcome outcome = files_.paraplan("plan job.toml --out new.toml", "> new.toml");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(contains(outcome.err, "--out: new.toml is where standard output goes")) << outcome.err;
}

TEST_F(CommandOutputs, ReplaceOtherKindsOnlyWhenForced) {
  const std::string p = "\"$PARAPLAN\" ", predict = p + "predict job.toml --layout data=2,micro_batch=1 ";
  expect_refused(p + "plan job.toml --out mine.toml",
                 "mine.toml is a hardware profile; a plan goes there only with");
  expect_refused(p + "plan job.toml --out fit.toml", "fit.toml is a scenario");
  expect_refused(p + "plan job.toml --out run.toml", "run.toml is a run");
  expect_refused(p + "run plan.toml --out fit.toml", "fit.toml is a scenario; a run goes there only");
  expect_refused(predict + "--trace plan.toml", "plan.toml is a plan; a trace goes there only");
  expect_refused(p + "sweep job.toml --vary nodes=1 --csv tokens.bin",
                 "tokens.bin is a file of another kind");
  expect_refused(p + "calibrate fit.toml --out mine.toml --fit software.host.launch_us --no-leave-one-out",
                 "mine.toml is a hardware profile; a software profile goes there only");
  expect_refused(p + "calibrate fit.toml --out plan.toml", "plan.toml is a plan");
  expect_refused(p + "profile --for job.toml --budget-s 0.2 --out fit.toml",
                 "fit.toml is a scenario; a hardware profile goes");
  expect_refused(p + "profile --for job.toml --budget-s 0.2 --out cpu.toml",
                 "cpu.toml is a hardware profile measured on no machine, and this is ");
  const Outcome forced = files_.paraplan("plan job.toml --force --out fit.toml");
  EXPECT_EQ(forced.exit_code, 0) << forced.err;
  EXPECT_EQ(content_of(files_("fit.toml")), content_of(files_("plan.toml")));
}

// Their words are those of paraplan, but it has not written them.
TEST_F(CommandOutputs, KeepForeignFiles) {
  files_.write("notes.txt", "layout of the office\ncluster meeting\n");
  files_.write("machines.txt", "node 1 is old\nhost 2\ndevice 3\n");
  files_.write("train.toml", "device = \"cuda\"\nsteps = 100\n");
  files_.write("mine.csv", "devices,samples_per_s\n1,2\n");
  files_.write("torch.json", "{\"displayTimeUnit\": \"ms\", \"traceEvents\": []}\n");
  const std::string p = "\"$PARAPLAN\" ", other = " is a file of another kind; ";
  expect_refused(p + "plan job.toml --out notes.txt", "notes.txt" + other + "a plan goes");
  expect_refused(p + "run plan.toml --out train.toml", "train.toml" + other + "a run goes");
  expect_refused(p + "sweep job.toml --vary nodes=1 --csv mine.csv", "mine.csv" + other);
  expect_refused(p + "predict job.toml --layout data=2,micro_batch=1 --trace torch.json",
                 "torch.json" + other + "a trace goes");
  expect_refused(p + "profile --for job.toml --budget-s 0.2 --out machines.txt",
                 "machines.txt" + other + "a hardware profile goes");
}

// As when a variable of the shell is not set.
TEST_F(CommandOutputs, NeedAName) {
  for (const char* command :
       {"plan job.toml --out", "predict job.toml --layout data=2,micro_batch=1 --trace",
        "sweep job.toml --vary nodes=1 --csv", "calibrate fit.toml --out", "profile --for job.toml --out",
        "run plan.toml --out", "run plan.toml --trace", "compare plan.toml run.toml --update"}) {
    const std::string option = std::string(command).substr(std::string(command).rfind("--"));
    expect_refused(fmt::format("\"$PARAPLAN\" {} \"$NOT_SET\"", command),
                   option + ": must be the name of a file, is \"\"");
  }
}

// Without a word.
TEST_F(CommandOutputs, ReplaceTheirOwnKind) {
  for (const char* arguments :
       {"plan job.toml --out plan.toml", "plan job.toml --top 1 --out plan.toml",
        "sweep job.toml --vary nodes=1 --csv new.csv", "sweep job.toml --vary global_batch=8 --csv new.csv",
        "predict job.toml --layout data=2,micro_batch=1 --trace new.json",
        "predict job.toml --layout data=2,micro_batch=2 --trace new.json"}) {
    const Outcome outcome = files_.paraplan(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << arguments;
    EXPECT_EQ(outcome.err, "") << arguments;
  }
}

TEST_F(CommandOutputs, AProfileOfAnotherMachineIsReplacedOnlyWhenForced) {
  std::string mine = content_of(files_("mine.toml"));
  const size_t name = mine.find("machine = \"") + 11;
  files_.write("yours.toml", mine.replace(name, mine.find('"', name) - name, "yours"));
  const std::string command = "\"$PARAPLAN\" profile --for job.toml --budget-s 0.2 --out yours.toml";
  expect_refused(command, "yours.toml is a hardware profile measured on yours, and this is ");
  const Outcome forced = files_.shell(command + " --force > stdout");
  EXPECT_EQ(forced.exit_code, 0) << forced.err;
  EXPECT_EQ(load_hardware(files_("yours.toml")).measured_on->machine,
            load_hardware(files_("mine.toml")).measured_on->machine);
}

// The scenario names the profile that the command goes on with.
TEST_F(CommandOutputs, AProfileOfThisMachineIsAddedTo) {
  std::string job = content_of(files_("longer.toml"));
  job.replace(job.find("cpu.toml"), 8, "mine.toml");
  files_.write("job.toml", job.replace(job.find("devices_per_node = 2"), 20, "devices_per_node = 1"));
  const size_t before = load_hardware(files_("mine.toml")).device.op_samples.size();
  const Outcome outcome = files_.paraplan("profile --for job.toml --budget-s 0.5 --out mine.toml");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_GT(load_hardware(files_("mine.toml")).device.op_samples.size(), before);
}

TEST_F(CommandOutputs, DashIsStandardOutput) {
  const Outcome sweep = files_.paraplan("sweep job.toml --vary global_batch=4,8 --csv -");
  EXPECT_EQ(sweep.exit_code, 0);
  EXPECT_TRUE(sweep.out.starts_with("global_batch,devices,fits,layout,")) << sweep.out;
  EXPECT_TRUE(contains(sweep.err, "tokens/s/GPU")) << sweep.err;
  EXPECT_FALSE(fs::exists(files_("-")));
  files_.write("models/piped.toml", files_.paraplan("plan job.toml --out -").out);
  const Outcome piped = files_.paraplan("run models/piped.toml --steps 1 --warmup 0");
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  const Outcome trace = files_.paraplan("run plan.toml --steps 1 --warmup 0 --trace -");
  EXPECT_FALSE(nlohmann::json::parse(trace.out)["traceEvents"].empty());
  EXPECT_TRUE(contains(trace.err, "step     1  loss ")) << trace.err;
  expect_refused("\"$PARAPLAN\" plan job.toml --json --out -", "--out: standard output takes the JSON");
  expect_refused("\"$PARAPLAN\" run plan.toml --out - --trace -", "standard output already takes --out");
  expect_refused("\"$PARAPLAN\" profile --out -", "--out: - is no regular file");
}

TEST_F(CommandOutputs, OnlyRegularFilesAreInputs) {
  ASSERT_EQ(mkfifo(files_("pipe").c_str(), 0600), 0);
  const std::string p = "\"$PARAPLAN\" ";
  for (const char* command :
       {"plan pipe", "validate job.toml --measured pipe", "run pipe", "compare pipe run.toml",
        "compare plan.toml pipe", "compare plan.toml run.toml --update pipe", "run plan.toml --data pipe",
        "profile --for pipe --out new.toml"})
    expect_refused(p + command, "pipe: is a pipe, not a file");
  expect_refused(p + "plan /dev/zero", "/dev/zero: is a device, not a file");
  expect_refused(p + "plan models", "models: is a folder, not a file");
  expect_refused(p + "plan -", "-: standard input is not read");
  expect_refused(p + "profile --for job.toml --budget-s 0.2 --out /dev/full", "/dev/full is no regular file");
  files_.write("job.toml", content_of(files_("job.toml")).replace(9, 10, "pipe.toml"));
  fs::create_symlink("pipe", files_("pipe.toml"));
  expect_refused(p + "plan job.toml", "pipe.toml: is a pipe, not a file");
}

}  // namespace
}  // namespace paraplan
