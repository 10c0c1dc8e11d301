#include "costmodel/step/schedule_check.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

using Stages = std::vector<std::vector<PipelineStep>>;

constexpr auto F = Pass::forward, B = Pass::backward, D = Pass::data, W = Pass::weight;

std::string fault(const Stages& stages, int64_t micro_batches = 1, int64_t virtual_stages = 1) {
  return schedule_fault(stages, micro_batches, virtual_stages).value_or("none");
}

TEST(ScheduleCheck, TakesWhatRuns) {
  EXPECT_EQ(fault({{{F, 0}, {B, 0}}}), "none");
  EXPECT_EQ(fault({{{F, 0}, {D, 0}, {W, 0}}, {{F, 0}, {B, 0}}}), "none");  // each stage as it likes
  EXPECT_EQ(fault({{{F, 0, 0}, {F, 0, 1}, {B, 0, 1}, {B, 0, 0}}}, 1, 2), "none");
}

TEST(ScheduleCheck, NamesWhatIsMissing) {
  EXPECT_EQ(fault({{{F, 0}, {B, 0}}}, 2), "stage 0: forward of micro-batch 1, chunk 0 is missing");
  EXPECT_EQ(fault({{{F, 0}}}), "stage 0: backward of micro-batch 0, chunk 0 is missing");
  EXPECT_EQ(fault({{{F, 0}, {D, 0}}}), "stage 0: weight gradients of micro-batch 0, chunk 0 is missing");
  EXPECT_EQ(fault({{{F, 0, 0}, {B, 0, 0}}}, 1, 2),
            "stage 0: backward of micro-batch 0, chunk 0 waits for ever");
}

TEST(ScheduleCheck, NamesWhatComesTwiceOrTooEarly) {
  EXPECT_EQ(fault({{{F, 0}, {F, 0}, {B, 0}}}), "stage 0: forward of micro-batch 0, chunk 0 comes twice");
  EXPECT_EQ(fault({{{F, 0}, {B, 0}, {D, 0}}}),
            "stage 0: data gradients of micro-batch 0, chunk 0 comes twice");
  EXPECT_EQ(fault({{{B, 0}, {F, 0}}}), "stage 0: backward of micro-batch 0, chunk 0 comes before forward");
  EXPECT_EQ(fault({{{F, 0}, {W, 0}, {D, 0}}}),
            "stage 0: weight gradients of micro-batch 0, chunk 0 comes before data gradients");
  EXPECT_EQ(fault({{{F, 1}, {B, 1}}}), "stage 0: forward of micro-batch 1, chunk 0 is not of this step");
}

TEST(ScheduleCheck, FindsDeadlocks) {
  // The second stage wants micro-batch 1 first, whose forward pass the first stage has behind a backward pass
  // that needs the second.
  EXPECT_EQ(fault({{{F, 0}, {B, 0}, {F, 1}, {B, 1}}, {{F, 1}, {F, 0}, {B, 0}, {B, 1}}}, 2),
            "stage 0: backward of micro-batch 0, chunk 0 waits for ever");
}

}  // namespace
}  // namespace paraplan
