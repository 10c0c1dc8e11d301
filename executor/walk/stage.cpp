#include "executor/walk/stage.h"

#include <algorithm>

#include "executor/walk/message_tag.h"

namespace paraplan {
namespace {

int tag_of(int64_t part, bool gradient) {
  return MessageTag{part, gradient}.number();
}

// The virtual stages of one pipeline stage.
std::vector<std::vector<BlockPlace>> parts_of_stage(const Program& program, int64_t stage) {
  std::vector<std::vector<BlockPlace>> mine;
  const auto pipeline = static_cast<size_t>(program.layout().pipeline);
  for (auto i = static_cast<size_t>(stage); i < program.parts().size(); i += pipeline)
    mine.push_back(program.parts()[i]);
  return mine;
}

}  // namespace

Stage::Stage(const Environment& environment)
    : env_(environment),
      parts_(static_cast<int64_t>(environment.program.parts().size())),
      parameters_(environment.program, parts_of_stage(environment.program, environment.me.pipeline),
                  environment.me, environment.groups, environment.backend, environment.device,
                  environment.host),
      launcher_({environment.program.model(), environment.program.shape(), environment.program.global_batch(),
                 environment.seed},
                environment.me, &environment.groups, environment.backend) {
  size_t blocks = 0;
  const Layout& layout = env_.program.layout();
  for (const auto& part : parts_of_stage(env_.program, env_.me.pipeline)) {
    Chunk chunk;
    chunk.part = env_.me.pipeline + static_cast<int64_t>(chunks_.size()) * layout.pipeline;
    chunk.first_block = blocks;
    chunk.blocks = part;
    blocks += part.size();
    if (layout.pipeline > 1) {
      chunk.sent_forward = env_.device.allocate(stream_bytes(), MemoryCategory::communication_buffers);
      chunk.sent_backward = env_.device.allocate(stream_bytes(), MemoryCategory::communication_buffers);
    }
    chunks_.push_back(std::move(chunk));
  }
}

// A rank that fails may have messages under way; their buffers go away after this.
Stage::~Stage() {
  env_.world.messenger().withdraw();
}

size_t Stage::stream_bytes() const {
  const int64_t elements = env_.program.stream_rows() * env_.program.model().hidden;
  return static_cast<size_t>(elements * size_of(env_.program.element_type()));
}

Matrix Stage::stream(const Buffer& buffer) const {
  const int64_t columns = env_.program.model().hidden;
  return {buffer.data(), env_.program.stream_rows(), columns, columns};
}

double Stage::run_passes(int64_t step) {
  const Layout& layout = env_.program.layout();
  for (const PipelineStep& pass : stage_schedule(layout.schedule, layout.pipeline, env_.me.pipeline,
                                                 env_.program.micro_batches(), layout.virtual_stages))
    run_pass(pass, step);
  wait_for_messages();
  return launcher_.take_loss();
}

void Stage::run_pass(const PipelineStep& pass, int64_t step) {
  switch (pass.pass) {
    case Pass::forward:
      return forward(pass, step);
    case Pass::backward:
    case Pass::data:
      return backward(pass, step);
    case Pass::weight:
      return weight(pass, step);
  }
}

// The buffers of messages are the chunks' own.
void Stage::wait_for_messages() {
  if (env_.program.layout().pipeline == 1) return;
  Messenger& messenger = env_.world.messenger();
  for (const Chunk& chunk : chunks_) {
    if (!is_last(chunk)) messenger.wait_sent(peer_of(chunk.part + 1), tag_of(chunk.part + 1, false));
    if (chunk.part > 0) messenger.wait_sent(peer_of(chunk.part - 1), tag_of(chunk.part - 1, true));
  }
}

LaunchSite Stage::site_of(const PipelineStep& pass, int64_t step) const {
  const int64_t batch = env_.me.data * env_.program.micro_batches() + pass.micro_batch;
  return {.first_sample = batch * env_.program.layout().micro_batch, .step = step};
}

LaunchSite Stage::site_of(const BlockPlace& place, const LaunchSite& micro_batch) const {
  LaunchSite site = site_in(place.name, place.index);
  site.first_sample = micro_batch.first_sample, site.step = micro_batch.step;
  return site;
}

Stage::Slab Stage::make_slab(const Chunk& chunk) {
  Slab slab;
  for (const BlockPlace& place : chunk.blocks) {
    const BlockProgram& program = env_.program.of(place);
    SavedBlock saved;
    for (TensorId t : program.saved) {
      const Tensor& tensor = program.block.tensors[static_cast<size_t>(t)];
      // Logits come when the head needs them.
      saved.push_back(tensor.logits ? Buffer{}
                                    : env_.device.allocate(static_cast<size_t>(tensor.bytes()),
                                                           MemoryCategory::activations));
    }
    slab.push_back(std::move(saved));
  }
  return slab;
}

void* Stage::saved_tensor(const BlockPlace& place, const SavedBlock& saved, TensorId tensor) const {
  const std::vector<TensorId>& ids = env_.program.of(place).saved;
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] == tensor) return saved[i].data();
  return nullptr;
}

void Stage::bind_saved(Frame& frame, const BlockProgram& program, const SavedBlock& saved) const {
  for (size_t i = 0; i < saved.size(); ++i)
    frame.bind({Operand::Kind::value, program.saved[i]}, saved[i].data());
}

// Tokens of this rank's part of the sequence, and their targets with BERT's sentence labels behind them.
void Stage::load_samples(const Chunk& chunk, Slab& slab, const PipelineStep& pass, int64_t step) {
  const BlockShape& shape = env_.program.shape();
  const int64_t tokens = shape.seq_length / shape.context, first = env_.me.context * tokens;
  const LaunchSite site = site_of(pass, step);
  for (size_t i = 0; i < chunk.blocks.size(); ++i) {
    const BlockPlace& place = chunk.blocks[i];
    const Block& block = env_.program.of(place).block;
    const TensorId indices = block.tokens >= 0 ? block.tokens : block.targets;
    if (indices < 0) continue;
    const bool targets = indices == block.targets;
    std::vector<int64_t> host(static_cast<size_t>(block.tensors[static_cast<size_t>(indices)].rows));
    for (int64_t b = 0; b < shape.micro_batch; ++b) {
      const Sample sample = env_.samples.sample(step, site.first_sample + b);
      const std::vector<int64_t>& from = targets ? sample.targets : sample.tokens;
      std::copy_n(from.begin() + first, tokens, host.begin() + b * tokens);
      const auto sentence =
          static_cast<size_t>(shape.tokens() + b);  // behind the tokens, where the block has it
      if (sentence < host.size()) host[sentence] = sample.sentence;
    }
    env_.backend.upload(host.data(), host.size() * sizeof(int64_t), saved_tensor(place, slab[i], indices));
  }
}

void Stage::forward(const PipelineStep& pass, int64_t step) {
  Chunk& chunk = chunks_[static_cast<size_t>(pass.chunk)];
  Slab slab = make_slab(chunk);
  load_samples(chunk, slab, pass, step);
  if (chunk.part > 0) {
    const BlockPlace& first = chunk.blocks.front();
    receive(saved_tensor(first, slab.front(), env_.program.of(first).block.input), chunk.part, false);
  }
  if (!is_last(chunk) && env_.program.layout().pipeline > 1)
    env_.world.messenger().wait_sent(peer_of(chunk.part + 1), tag_of(chunk.part + 1, false));
  const double start = now_s();
  for (size_t i = 0; i < chunk.blocks.size(); ++i) forward_block(chunk, i, slab, site_of(pass, step));
  env_.clock.add_pass(to_string(pass.pass), start, now_s(), pass.micro_batch, pass.chunk);
  if (!is_last(chunk)) send(chunk.sent_forward, chunk.part + 1, false);
  in_flight_[{pass.micro_batch, pass.chunk}].slab = std::move(slab);
}

void Stage::forward_block(const Chunk& chunk, size_t i, Slab& slab, const LaunchSite& site) {
  const BlockPlace& place = chunk.blocks[i];
  const BlockProgram& program = env_.program.of(place);
  for (size_t t = 0; t < program.saved.size(); ++t) {
    const Tensor& tensor = program.block.tensors[static_cast<size_t>(program.saved[t])];
    if (tensor.logits)
      slab[i][t] = env_.device.allocate(static_cast<size_t>(tensor.bytes()), MemoryCategory::loss);
  }
  Frame frame(program.block);
  bind_saved(frame, program, slab[i]);
  if (program.block.output >= 0) {
    const bool inside = i + 1 < chunk.blocks.size();
    void* output = inside ? saved_tensor(chunk.blocks[i + 1], slab[i + 1],
                                         env_.program.of(chunk.blocks[i + 1]).block.input)
                          : chunk.sent_forward.data();
    frame.bind({Operand::Kind::value, program.block.output}, output);
  }
  const size_t block = chunk.first_block + i;
  BlockState state =
      parameters_.begin(block, Walk::forward, reads_weights(program.block.forward), timed(place));
  frame.weights = state.weights;
  walk(Walk::forward, program.of(Pass::forward), place, frame, site_of(place, site));
  parameters_.end(block, Walk::forward, std::move(state), timed(place));
}

void Stage::backward(const PipelineStep& pass, int64_t step) {
  Chunk& chunk = chunks_[static_cast<size_t>(pass.chunk)];
  const auto flight = in_flight_.find({pass.micro_batch, pass.chunk});
  Buffer gradient;
  if (!is_last(chunk)) {
    gradient = env_.device.allocate(stream_bytes(), MemoryCategory::temporary);
    receive(gradient.data(), chunk.part, true);
  }
  if (chunk.part > 0) env_.world.messenger().wait_sent(peer_of(chunk.part - 1), tag_of(chunk.part - 1, true));
  const double start = now_s();
  for (size_t i = chunk.blocks.size(); i-- > 0;)
    gradient = backward_block(chunk, i, flight->second, std::move(gradient), site_of(pass, step), pass.pass);
  env_.clock.add_pass(to_string(pass.pass), start, now_s(), pass.micro_batch, pass.chunk);
  if (chunk.part > 0) {
    env_.backend.copy(stream(gradient), stream(chunk.sent_backward));
    send(chunk.sent_backward, chunk.part - 1, true);
  }
  if (pass.pass == Pass::backward) in_flight_.erase(flight);
}

Buffer Stage::backward_block(const Chunk& chunk, size_t i, InFlight& flight, Buffer gradient,
                             const LaunchSite& site, Pass pass) {
  const BlockPlace& place = chunk.blocks[i];
  const BlockProgram& program = env_.program.of(place);
  const size_t block = chunk.first_block + i;
  Frame& frame = flight.frames.emplace_back(program.block);
  bind_saved(frame, program, flight.slab[i]);
  recompute_block(chunk, i, frame, site);
  BlockState state =
      parameters_.begin(block, Walk::backward, reads_weights(program.block.backward), timed(place));
  frame.weights = state.weights;
  frame.weight_gradients = state.gradients;
  if (program.block.output >= 0)
    frame.own({Operand::Kind::gradient, program.block.output}, std::move(gradient));
  walk(Walk::backward, program.of(pass), place, frame, site_of(place, site));
  Buffer next;
  if (program.block.input >= 0) next = frame.release({Operand::Kind::gradient, program.block.input});
  if (pass == Pass::backward) {
    drop_logits(program, flight.slab[i]);
    flight.frames.pop_back();
  }
  parameters_.end(block, Walk::backward, std::move(state), timed(place));
  return next;
}

void Stage::recompute_block(const Chunk& chunk, size_t i, Frame& frame, const LaunchSite& site) {
  const BlockPlace& place = chunk.blocks[i];
  const BlockProgram& program = env_.program.of(place);
  for (TensorId t : program.recomputed) {
    const auto bytes = static_cast<size_t>(program.block.tensors[static_cast<size_t>(t)].bytes());
    frame.own({Operand::Kind::value, t}, env_.device.allocate(bytes, MemoryCategory::recompute));
  }
  if (program.kept == Kept::all) return;
  BlockState state;
  if (program.kept == Kept::input)
    state = parameters_.begin(chunk.first_block + i, Walk::recompute, true, timed(place));
  frame.weights = state.weights;
  walk(Walk::recompute, program.recompute, place, frame, site_of(place, site));
}

// The frames of a data pass are as they were left: sharded weights and gradients do not go with pipelines.
void Stage::weight(const PipelineStep& pass, int64_t step) {
  Chunk& chunk = chunks_[static_cast<size_t>(pass.chunk)];
  const auto flight = in_flight_.find({pass.micro_batch, pass.chunk});
  const double start = now_s();
  for (size_t i = chunk.blocks.size(); i-- > 0;) weight_block(chunk, i, flight->second, site_of(pass, step));
  env_.clock.add_pass(to_string(pass.pass), start, now_s(), pass.micro_batch, pass.chunk);
  in_flight_.erase(flight);
}

void Stage::weight_block(const Chunk& chunk, size_t i, InFlight& flight, const LaunchSite& site) {
  const BlockPlace& place = chunk.blocks[i];
  const BlockProgram& program = env_.program.of(place);
  walk(Walk::backward, program.of(Pass::weight), place, flight.frames.front(), site_of(place, site));
  drop_logits(program, flight.slab[i]);
  flight.frames.pop_front();
}

void Stage::drop_logits(const BlockProgram& program, SavedBlock& saved) const {
  for (size_t t = 0; t < program.saved.size(); ++t)
    if (program.block.tensors[static_cast<size_t>(program.saved[t])].logits) saved[t].reset();
}

void Stage::walk(Walk which, const Lifetimes& lifetimes, const BlockPlace& place, Frame& frame,
                 const LaunchSite& site) {
  const BlockProgram& program = env_.program.of(place);
  const std::vector<Op>& ops = which == Walk::backward ? program.block.backward : program.block.forward;
  for (size_t i = 0; i < ops.size(); ++i) {
    if (!lifetimes.runs[i]) continue;
    for (const Operand& operand : lifetimes.born[i]) {
      const auto bytes = static_cast<size_t>(bytes_of(program.block, operand));
      frame.own(operand, env_.device.allocate(bytes, MemoryCategory::temporary));
    }
    const double start = now_s();
    launcher_.launch(ops[i], frame, site);
    env_.clock.add({place.name, which, static_cast<uint16_t>(i)}, ops[i], now_s() - start);
    for (const Operand& operand : lifetimes.dead[i]) frame.release(operand);
  }
}

Parameters::Timed Stage::timed(const BlockPlace& place) {
  return [this, &place](Walk walk, size_t index, const Op& op, int64_t calls,
                        const std::function<void()>& work) {
    const double start = now_s();
    work();
    env_.clock.add({place.name, walk, static_cast<uint16_t>(index)}, op, now_s() - start, calls);
  };
}

int Stage::peer_of(int64_t part) const {
  Coordinates peer = env_.me;
  peer.pipeline = part % env_.program.layout().pipeline;
  return rank_of(env_.program.layout(), peer);
}

void Stage::receive(void* data, int64_t part, bool gradient) {
  const int from = peer_of(gradient ? part + 1 : part - 1);
  const double start = now_s();
  const double waited = env_.world.messenger().receive(data, stream_bytes(), from, tag_of(part, gradient));
  env_.clock.add_receive(waited, now_s() - start - waited);
}

void Stage::send(const Buffer& message, int64_t part, bool gradient) {
  env_.world.messenger().send(message.data(), stream_bytes(), peer_of(part), tag_of(part, gradient));
}

}  // namespace paraplan
