#include "executor/emulation/peer_stages.h"

#include <algorithm>
#include <stdexcept>

namespace paraplan {

PeerStages::PeerStages(const PipelineTimes& times, int64_t micro_batches, int64_t real)
    : times_(times),
      micro_batches_(micro_batches),
      real_(real),
      parts_(times.pipeline * times.virtual_stages) {
  for (int64_t s = 0; s < times.pipeline; ++s)
    lists_.push_back(stage_schedule(times.schedule, times.pipeline, s, micro_batches, times.virtual_stages));
  begin_step();
}

void PeerStages::begin_step() {
  next_.assign(lists_.size(), 0);
  ends_.assign(lists_.size(), 0.0);
  free_at_.assign(lists_.size(), 0.0);
  arrivals_.assign(static_cast<size_t>(2 * parts_ * micro_batches_), kUnknown);
}

size_t PeerStages::place(bool forward, int64_t part, int64_t micro_batch) const {
  return static_cast<size_t>((forward ? part : parts_ + part) * micro_batches_ + micro_batch);
}

double PeerStages::transfer_s(Pass pass, int64_t part) const {
  return (pass == Pass::forward ? times_.send_forward_s : times_.send_backward_s)[static_cast<size_t>(part)];
}

void PeerStages::sent(Pass pass, int64_t part, int64_t micro_batch, double at_s) {
  arrivals_[place(pass == Pass::forward, part, micro_batch)] = at_s + transfer_s(pass, part);
}

double PeerStages::arrival_s(Pass pass, int64_t part, int64_t micro_batch) {
  advance();
  const double at_s = arrivals_[place(pass == Pass::forward, part, micro_batch)];
  if (at_s == kUnknown) throw std::logic_error("a message is awaited that waits for the real stage");
  return at_s;
}

const std::vector<double>& PeerStages::ends() {
  advance();
  for (size_t s = 0; s < lists_.size(); ++s)
    if (static_cast<int64_t>(s) != real_ && next_[s] < lists_[s].size())
      throw std::logic_error("a stage waits for something that the real stage has not sent");
  return ends_;
}

void PeerStages::advance() {
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t s = 0; s < lists_.size(); ++s)
      while (static_cast<int64_t>(s) != real_ && try_next(s)) moved = true;
  }
}

// When a pass has what it takes from other stages; kUnknown: not yet.
double PeerStages::input_s(const PipelineStep& step, int64_t part) const {
  switch (step.pass) {
    case Pass::forward:
      return part == 0 ? 0 : arrivals_[place(true, part - 1, step.micro_batch)];
    case Pass::backward:
    case Pass::data:
      return part + 1 == parts_ ? 0 : arrivals_[place(false, part + 1, step.micro_batch)];
    case Pass::weight:
      break;
  }
  return 0;
}

bool PeerStages::try_next(size_t stage) {
  if (next_[stage] == lists_[stage].size()) return false;
  const PipelineStep& step = lists_[stage][next_[stage]];
  const int64_t part = step.chunk * times_.pipeline + static_cast<int64_t>(stage);
  const double ready_s = input_s(step, part);
  if (ready_s == kUnknown) return false;
  const auto at = static_cast<size_t>(part);
  const bool forward = step.pass == Pass::forward, weight = step.pass == Pass::weight;
  const double busy_s = weight ? times_.weight_s[at] : (forward ? times_.forward_s : times_.backward_s)[at];
  const double end_s = std::max(ready_s, free_at_[stage]) + busy_s;
  free_at_[stage] = ends_[stage] = end_s;
  if (!weight) {
    arrivals_[place(forward, part, step.micro_batch)] = end_s + transfer_s(step.pass, part);
    if (times_.blocking_sends) free_at_[stage] += transfer_s(step.pass, part);
  }
  ++next_[stage];
  return true;
}

}  // namespace paraplan
