#include "costmodel/io/text/layout_text.h"

#include <gtest/gtest.h>

#include "costmodel/base/input_error.h"

namespace paraplan {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_layout(text, "command line");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(LayoutText, StageLayersAreAListOfNumbers) {
  const Layout layout = parse_layout("pipeline=4,stage_layers=13-14-14-7", "x");
  EXPECT_EQ(layout.stage_layers, (std::vector<int64_t>{13, 14, 14, 7}));
  EXPECT_EQ(parse_layout(to_string(layout), "x"), layout);
  for (const char* wrong : {"13-", "13,14", "0-5", "a"})
    EXPECT_THROW(parse_layout(std::string("stage_layers=") + wrong, "x"), InputError) << wrong;
}

TEST(LayoutText, ReadsEverySetting) {
  const Layout layout = parse_layout(
      "data=8,tensor=2,pipeline=4,context=3,expert=1,virtual_stages=2,micro_batch=5,recompute=layers,"
      "recompute_layers=3,sequence_parallel=on,zero_stage=1,offload=optimizer+parameters,schedule="
      "interleaved,"
      "placement=data-tensor-context-pipeline",
      "command line");
  EXPECT_EQ(layout.data, 8);
  EXPECT_EQ(layout.tensor, 2);
  EXPECT_EQ(layout.pipeline, 4);
  EXPECT_EQ(layout.context, 3);
  EXPECT_EQ(layout.devices(), 192);
  EXPECT_EQ(layout.virtual_stages, 2);
  EXPECT_EQ(layout.micro_batch, 5);
  EXPECT_EQ(layout.recompute, Recompute::layers);
  EXPECT_EQ(layout.recompute_layers, 3);
  EXPECT_TRUE(layout.sequence_parallel);
  EXPECT_EQ(layout.zero_stage, 1);
  EXPECT_EQ(layout.offload, Offload::optimizer_and_parameters);
  EXPECT_EQ(layout.schedule, PipelineSchedule::interleaved);
  EXPECT_EQ(layout.placement, (std::array{Axis::data, Axis::tensor, Axis::context, Axis::pipeline}));
}

TEST(LayoutText, LeavesTheRestAtItsDefault) {
  Layout expected;
  expected.tensor = 2;
  EXPECT_EQ(parse_layout("tensor=2", ""), expected);
}

TEST(LayoutText, VirtualStagesImplyTheInterleavedSchedule) {
  EXPECT_EQ(parse_layout("pipeline=2,virtual_stages=2", "").schedule, PipelineSchedule::interleaved);
}

TEST(LayoutText, WritesWhatItReads) {
  for (const char* text : {
           "data=8,tensor=2,pipeline=4,micro_batch=4",
           "data=8,tensor=2,pipeline=4,micro_batch=4,recompute=full,sequence_parallel=on,zero_stage=1",
           "data=1,tensor=1,pipeline=4,micro_batch=1,context=2,virtual_stages=3,recompute=layers,recompute_"
           "layers=2,"
           "zero_stage=3,offload=optimizer,schedule=interleaved,placement=pipeline-data-context-tensor",
           "data=1,tensor=1,pipeline=4,micro_batch=1,schedule=gpipe",
       }) {
    EXPECT_EQ(to_string(parse_layout(text, "")), text);
  }
}

TEST(LayoutText, RefusesWhatIsNoSetting) {
  EXPECT_EQ(error_of("data=1,tenser=2"), "command line: tenser: unknown setting; did you mean \"tensor\"?");
  EXPECT_EQ(
      error_of("x=2"),
      "command line: x: unknown setting; known: data, tensor, pipeline, context, expert, virtual_stages, "
      "micro_batch, recompute, recompute_layers, sequence_parallel, zero_stage, offload, schedule, "
      "stage_layers, placement");
  EXPECT_EQ(
      error_of("data"),
      "command line: layout: \"data\" must be NAME=VALUE, like data=8,tensor=2,pipeline=4,micro_batch=4");
  EXPECT_EQ(error_of("").substr(0, 44), "command line: layout: \"\" must be NAME=VALUE,");
  EXPECT_EQ(error_of("data=1,").substr(0, 44), "command line: layout: \"\" must be NAME=VALUE,");
  EXPECT_EQ(error_of("data=2,data=2"), "command line: data: given twice");
}

TEST(LayoutText, RefusesBrokenValues) {
  const std::string size = "must be an integer from 1 to 2^40";
  for (const char* value : {"", "0", "-1", "1.5", "2x", "2 3", "0x2", "1e3", "99999999999999999999"}) {
    EXPECT_EQ(error_of(std::string("data=") + value),
              std::string("command line: data: \"") + value + "\" " + size);
  }
  EXPECT_EQ(error_of("recompute=some"),
            "command line: recompute: \"some\" must be one of none, selective, full, layers");
  EXPECT_EQ(error_of("offload=all"),
            "command line: offload: \"all\" must be one of none, optimizer, optimizer+parameters");
  EXPECT_EQ(
      error_of("schedule=zb-v"),
      "command line: schedule: \"zb-v\" must be one of gpipe, 1f1b, interleaved, zb-h1; not supported yet: "
      "pipeline schedules of the zero-bubble and DualPipe kind");
  EXPECT_EQ(error_of("zero_stage=4"), "command line: zero_stage: \"4\" must be 0, 1, 2 or 3");
  EXPECT_EQ(error_of("sequence_parallel=yes"),
            "command line: sequence_parallel: \"yes\" must be on or off (or 1, 0, true, false)");
  EXPECT_EQ(error_of("expert=2"),
            "command line: expert: \"2\" must be 1: expert parallelism is not supported yet");
  for (const char* value : {"tensor", "tensor-tensor-data-pipeline", "tensor-context-data-expert", ""}) {
    EXPECT_EQ(
        error_of(std::string("placement=") + value),
        std::string("command line: placement: \"") + value +
            "\" must be tensor, context, data and pipeline in some order, fastest first, joined by '-'");
  }
}

TEST(LayoutText, SpacesAroundNamesAndValuesDoNotMatter) {
  EXPECT_EQ(to_string(parse_layout(" data=8, tensor = 2 ,\tmicro_batch= 4 ", "")),
            to_string(parse_layout("data=8,tensor=2,micro_batch=4", "")));
  EXPECT_EQ(
      error_of("data=8 tensor=2"),
      "command line: layout: \"data=8 tensor=2\" must be one NAME=VALUE; settings are separated by commas");
}

TEST(LayoutText, TakesTheNamesOfOtherPrograms) {
  EXPECT_EQ(to_string(parse_layout("dp=2,tp=4,pp=2,cp=2,ep=1,vpp=2,mbs=3,ac=selective,sp=on,zero=1", "")),
            "data=2,tensor=4,pipeline=2,micro_batch=3,context=2,virtual_stages=2,recompute=selective,"
            "sequence_parallel=on,zero_stage=1,schedule=interleaved");
  EXPECT_EQ(to_string(parse_layout("d=8,m=2,p=1,mb=4", "")), "data=8,tensor=2,pipeline=1,micro_batch=4");
  EXPECT_EQ(parse_layout("Tensor-Model-Parallel-Size=2,micro_batch_size=5", "").tensor, 2);
  EXPECT_EQ(error_of("tp=2,tensor=4"), "command line: tensor: given twice");
}

TEST(LayoutText, HintsAtWhatIsSaidOtherwise) {
  const std::string fsdp = "fully sharded data parallelism is zero_stage=3";
  EXPECT_EQ(error_of("fsdp=8"), "command line: fsdp: unknown setting; " + fsdp);
  EXPECT_NE(error_of("data=8,fsdp").find("\"fsdp\" must be NAME=VALUE"), std::string::npos);
  EXPECT_NE(error_of("data=8,fsdp").find(fsdp), std::string::npos);
  EXPECT_EQ(error_of("zero=fsdp"), "command line: zero_stage: \"fsdp\" must be 0, 1, 2 or 3; " + fsdp);
  EXPECT_NE(error_of("offload=cpu").find("; what goes to the CPU is said by optimizer or"),
            std::string::npos);
  EXPECT_EQ(error_of("hsdp=2").substr(0, 55), "command line: hsdp: not supported yet: hybrid sharding:");
  EXPECT_EQ(error_of("batch_size=8"),
            "command line: batch_size: unknown setting; did you mean \"micro_batch\"?");
  EXPECT_EQ(error_of("seq_len=8"),
            "command line: seq_len: unknown setting; \"seq_length\" belongs to [training] of a scenario");
  EXPECT_EQ(error_of("recompute=Full"),
            "command line: recompute: \"Full\" must be one of none, selective, full, layers; did you mean "
            "\"full\"?");
}

TEST(LayoutText, RefusesContradictions) {
  EXPECT_EQ(error_of("virtual_stages=2,schedule=1f1b"),
            "command line: schedule: must be interleaved for virtual_stages=2, is 1f1b");
  EXPECT_EQ(error_of("schedule=interleaved"),
            "command line: virtual_stages: must be above 1 for schedule=interleaved");
  EXPECT_EQ(error_of("recompute=layers"),
            "command line: recompute_layers: must be above 0 for recompute=layers");
  EXPECT_EQ(error_of("recompute=full,recompute_layers=2"),
            "command line: recompute_layers: belongs to recompute=layers, recompute is full");
  EXPECT_EQ(error_of("data=1099511627776,tensor=8193"),
            "command line: data: data x tensor x pipeline x context must be at most 2^53");
}

TEST(LayoutText, AcceptsAMillionDevices) {
  EXPECT_EQ(parse_layout("data=1000,tensor=100,pipeline=10,context=1", "").devices(), 1000000);
}

}  // namespace
}  // namespace paraplan
