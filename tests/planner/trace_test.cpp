#include "planner/report/trace.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "costmodel/cost_model.h"
#include "costmodel/io/files/file_kind.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

using nlohmann::json;

std::string trace_text(const Timeline& timeline) {
  std::ostringstream out;
  write_chrome_trace(timeline, out);
  return out.str();
}

json parsed(const Timeline& timeline) {
  return json::parse(trace_text(timeline));
}

std::vector<json> events_of(const json& trace, const std::string& phase) {
  std::vector<json> events;
  for (const json& event : trace.at("traceEvents")) {
    if (event.at("ph") == phase) events.push_back(event);
  }
  return events;
}

Timeline two_stages() {
  Timeline timeline;
  timeline.events = {{0, Lane::compute, "forward", 0, 1e-3, 0, 1},
                     {1, Lane::compute, "backward", 2e-3, 3.5e-3, 0, 0},
                     {0, Lane::communication, "send \"up\"", 1e-3, 1.25e-3, 0, 1},
                     {0, Lane::compute, "optimizer", 4e-3, 5e-3}};
  timeline.memory = {{0, 0, 1073741824.0}, {1, 1e-3, 0}};
  timeline.end_s = 5e-3;
  return timeline;
}

TEST(Trace, BarsAreInMicrosecondsOfTheirStageAndLane) {
  const std::vector<json> bars = events_of(parsed(two_stages()), "X");
  ASSERT_EQ(bars.size(), 4U);
  const json& send = bars[1];
  EXPECT_EQ(send.at("name"), "send \"up\"");
  EXPECT_EQ(send.at("pid"), 0);
  EXPECT_EQ(send.at("tid"), 1);
  EXPECT_DOUBLE_EQ(send.at("ts"), 1000);
  EXPECT_DOUBLE_EQ(send.at("dur"), 250);
  EXPECT_EQ(send.at("args"), (json{{"micro_batch", 0}, {"chunk", 1}}));
  EXPECT_EQ(bars[3].at("args"), (json{{"chunk", 0}})) << "the optimizer step is of no micro-batch";
}

TEST(Trace, StagesAndLanesHaveNames) {
  std::map<std::pair<int, int>, std::string> threads;
  std::map<int, std::string> processes;
  for (const json& event : events_of(parsed(two_stages()), "M")) {
    const int stage = event.at("pid");
    if (event.at("name") == "process_name") processes[stage] = event.at("args").at("name");
    if (event.at("name") == "thread_name") threads[{stage, event.at("tid")}] = event.at("args").at("name");
  }
  EXPECT_EQ(processes, (std::map<int, std::string>{{0, "stage 0"}, {1, "stage 1"}}));
  EXPECT_EQ((threads[{1, 0}]), "compute");
  EXPECT_EQ((threads[{1, 1}]), "communication");
}

TEST(Trace, SaysWhoseItIs) {
  EXPECT_EQ(parsed(two_stages()).at("otherData"), (json{{"producer", "paraplan"}}));
  const std::string text = trace_text(two_stages());
  EXPECT_LT(text.find(kTraceProducer), text.find('\n'));
}

TEST(Trace, MemoryIsACounter) {
  const std::vector<json> counters = events_of(parsed(two_stages()), "C");
  ASSERT_EQ(counters.size(), 2U);
  EXPECT_EQ(counters[0].at("name"), "memory GiB");
  EXPECT_DOUBLE_EQ(counters[0].at("args").at("GiB"), 1);
  EXPECT_EQ(counters[1].at("pid"), 1);
  EXPECT_DOUBLE_EQ(counters[1].at("ts"), 1000);
}

TEST(Trace, EmptyTimelineIsATrace) {
  EXPECT_EQ(parsed({}).at("traceEvents"), json::array());
}

TEST(Trace, ReportsAFailingStream) {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_THROW(write_chrome_trace(two_stages(), out), std::runtime_error);
}

// A predicted step: bars are ordered by time and those of a lane follow each other.
TEST(Trace, BarsOfALaneDoNotOverlap) {
  CostModel model(toy_scenario());
  const Timeline timeline = model.timeline({.data = 2, .pipeline = 4, .micro_batch = 1});
  const json trace = parsed(timeline);
  const std::vector<json> bars = events_of(trace, "X");
  ASSERT_EQ(bars.size(), timeline.events.size());
  ASSERT_GT(bars.size(), 4U * 16);
  constexpr double kRounding = 2e-6;  // two figures rounded to 1e-6 us
  std::map<std::pair<int, int>, double> lane_end;
  double last_start = 0;
  for (const json& bar : bars) {
    const double start = bar.at("ts");
    EXPECT_GE(start, last_start);
    last_start = start;
    double& end = lane_end[{bar.at("pid"), bar.at("tid")}];
    EXPECT_GE(start, end - kRounding) << bar;
    end = start + bar.at("dur").get<double>();
    EXPECT_LE(end, 1e6 * timeline.end_s + kRounding);
  }
}

}  // namespace
}  // namespace paraplan
