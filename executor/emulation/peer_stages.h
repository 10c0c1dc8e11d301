#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/time/pipeline_replay.h"

namespace paraplan {

// The other stages of a pipeline, as long as the cost model says their passes take, around one stage that
// runs for real. They follow their work lists and wait for what the real stage sends and when. Seconds count
// from the beginning of the step.
class PeerStages {
 public:
  // `real`: the stage that is not simulated.
  PeerStages(const PipelineTimes& times, int64_t micro_batches, int64_t real);

  void begin_step();
  // The real stage has ended a pass of virtual stage `part`, whose output is now on its way to a neighbour.
  void sent(Pass pass, int64_t part, int64_t micro_batch, double at_s);
  // When the output of that pass of another stage has arrived. Throws std::logic_error where the real stage
  // must send something first.
  double arrival_s(Pass pass, int64_t part, int64_t micro_batch);
  // How long the message takes.
  double transfer_s(Pass pass, int64_t part) const;
  // End of each stage's work list, 0 for the real one. Throws std::logic_error before all is sent.
  const std::vector<double>& ends();

 private:
  static constexpr double kUnknown = -1;

  void advance();
  bool try_next(size_t stage);
  double input_s(const PipelineStep& step, int64_t part) const;
  size_t place(bool forward, int64_t part, int64_t micro_batch) const;  // in arrivals_

  PipelineTimes times_;
  int64_t micro_batches_, real_, parts_;
  std::vector<std::vector<PipelineStep>> lists_;  // by stage
  std::vector<size_t> next_;                      // by stage
  std::vector<double> ends_;                      // by stage
  std::vector<double> free_at_;                   // by stage
  std::vector<double> arrivals_;                  // by direction, part and micro-batch
};

}  // namespace paraplan
