#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "costmodel/step/pipeline_schedule.h"
#include "executor/data/batch.h"
#include "executor/memory/memory_pool.h"
#include "executor/run/step_clock.h"
#include "executor/state/parameters.h"
#include "executor/walk/launcher.h"
#include "executor/walk/program.h"

namespace paraplan {

// One rank's part of the pipeline: its virtual stages, their parameters, and the micro-batches in flight.
class Stage {
 public:
  struct Environment {
    const Program& program;
    const Coordinates& me;
    const Groups& groups;
    World& world;
    Backend& backend;
    MemoryPool& device;
    MemoryPool& host;
    const SampleSource& samples;
    StepClock& clock;
    uint64_t seed = 0;
  };
  explicit Stage(const Environment& environment);
  ~Stage();

  // All forward and backward passes of a training step, in the order of the pipeline schedule. Returns this
  // rank's part of the loss.
  double run_passes(int64_t step);

  Parameters& parameters() { return parameters_; }

 private:
  // Tensors that one block keeps of one micro-batch, in the order of BlockProgram::saved.
  using SavedBlock = std::vector<Buffer>;
  using Slab = std::vector<SavedBlock>;  // by block of the virtual stage

  struct Chunk {
    int64_t part = 0;        // place in the model
    size_t first_block = 0;  // among the rank's blocks
    std::vector<BlockPlace> blocks;
    Buffer sent_forward, sent_backward;  // messages under way
  };

  // What is kept of a micro-batch on a virtual stage while it is in flight.
  struct InFlight {
    Slab slab;
    std::deque<Frame> frames;  // between data and weight pass: of the blocks, last one first
  };

  void run_pass(const PipelineStep& pass, int64_t step);
  void forward(const PipelineStep& pass, int64_t step);
  void backward(const PipelineStep& pass, int64_t step);  // or its data pass
  void weight(const PipelineStep& pass, int64_t step);
  Slab make_slab(const Chunk& chunk);
  void load_samples(const Chunk& chunk, Slab& slab, const PipelineStep& pass, int64_t step);
  void bind_saved(Frame& frame, const BlockProgram& program, const SavedBlock& saved) const;
  void* saved_tensor(const BlockPlace& place, const SavedBlock& saved, TensorId tensor) const;
  void forward_block(const Chunk& chunk, size_t i, Slab& slab, const LaunchSite& site);
  Buffer backward_block(const Chunk& chunk, size_t i, InFlight& flight, Buffer gradient,
                        const LaunchSite& site, Pass pass);
  void recompute_block(const Chunk& chunk, size_t i, Frame& frame, const LaunchSite& site);
  void weight_block(const Chunk& chunk, size_t i, InFlight& flight, const LaunchSite& site);
  void drop_logits(const BlockProgram& program, SavedBlock& saved) const;
  // Ops of a walk, as far as `lifetimes` runs them.
  void walk(Walk which, const Lifetimes& lifetimes, const BlockPlace& place, Frame& frame,
            const LaunchSite& site);
  Parameters::Timed timed(const BlockPlace& place);

  void wait_for_messages();
  int peer_of(int64_t part) const;
  void receive(void* data, int64_t part, bool gradient);
  void send(const Buffer& message, int64_t part, bool gradient);
  size_t stream_bytes() const;
  Matrix stream(const Buffer& buffer) const;  // an activation between two blocks
  bool is_last(const Chunk& chunk) const { return chunk.part + 1 == parts_; }
  LaunchSite site_of(const PipelineStep& pass, int64_t step) const;
  LaunchSite site_of(const BlockPlace& place, const LaunchSite& micro_batch) const;

  Environment env_;
  int64_t parts_;
  std::vector<Chunk> chunks_;
  Parameters parameters_;
  Launcher launcher_;
  std::map<std::pair<int64_t, int64_t>, InFlight> in_flight_;  // by (micro-batch, chunk)
};

}  // namespace paraplan
