#include "executor/emulation/emulated_world.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "costmodel/time/step_time.h"
#include "executor/run/step_clock.h"
#include "executor/walk/message_tag.h"
#include "executor/walk/program.h"
#include "executor/worlds/group_members.h"
#include "executor/worlds/topology.h"

namespace paraplan {
namespace {

// Long waits give the core away; the last part, longer than a sleeping thread takes to wake, spins.
void wait_until(double time_s) {
  constexpr double kSpin_s = 2e-4;
  const double sleep_s = time_s - now_s() - kSpin_s;
  if (sleep_s > 0) std::this_thread::sleep_for(std::chrono::duration<double>(sleep_s));
  while (now_s() < time_s) {
  }
}

// Small numbers around 0, as activations and gradients are.
template <class Element>
void fill(std::vector<std::byte>& bytes) {
  constexpr uint64_t kStep = 2654435761, kRange = 2001;
  constexpr double kLargest = 0.01;
  auto* elements = reinterpret_cast<Element*>(bytes.data());
  for (size_t i = 0; i < bytes.size() / sizeof(Element); ++i) {
    const auto at = static_cast<double>(i * kStep % kRange) / (kRange - 1);
    elements[i] = static_cast<Element>(kLargest * (2 * at - 1));
  }
}

}  // namespace

// The step so far, as the other stages have it.
struct EmulatedWorld::Clock {
  PeerStages peers;
  std::vector<double> until_sum_s;  // by stage: from its last pass to the sum over all ranks
  int64_t stage = 0;                // the real one
  double start_s = 0;
  bool summed = false;

  void begin_step() {
    peers.begin_step();
    start_s = now_s();
    summed = false;
  }
  // When all other stages have come to the sum over all ranks.
  double others_ready_s() {
    const std::vector<double>& ends = peers.ends();
    double latest = 0;
    for (size_t s = 0; s < ends.size(); ++s)
      if (static_cast<int64_t>(s) != stage) latest = std::max(latest, ends[s] + until_sum_s[s]);
    return start_s + latest;
  }
};

class EmulatedWorld::Group : public Communicator {
 public:
  Group(int rank, int size, const GroupPlacement& placement, EmulatedWorld& world)
      : rank_(rank), size_(size), placement_(placement), world_(world) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce(void*, int64_t n, ElementType type, Reduction) override {
    const double start_s = begin();
    end(OpKind::all_reduce, n, type, start_s);
  }

  void all_gather(void* data, int64_t n, ElementType type) override {
    const double start_s = begin();
    auto* bytes = static_cast<std::byte*>(data);
    const Part mine = part_of(n, rank_, size_);
    const int64_t own_end = mine.first + mine.count;
    copy_over(bytes, 0, mine.first, mine, size_of(type));
    copy_over(bytes, own_end, n - own_end, mine, size_of(type));
    end(OpKind::all_gather, n, type, start_s);
  }

  void reduce_scatter(void* data, int64_t n, ElementType type, void* part) override {
    const double start_s = begin();
    const Part mine = part_of(n, rank_, size_);
    std::memmove(part, static_cast<std::byte*>(data) + mine.first * size_of(type),
                 static_cast<size_t>(mine.count * size_of(type)));
    end(OpKind::reduce_scatter, n, type, start_s);
  }

  // Steps begin with one of all ranks.
  void barrier() override {
    if (size_ == world_.size()) world_.begin_step();
  }

 private:
  // Elements [first, first + count) become copies of `own`, or 0 where that is empty.
  static void copy_over(std::byte* data, int64_t first, int64_t count, const Part& own, int64_t element) {
    if (own.count == 0) std::memset(data + first * element, 0, static_cast<size_t>(count * element));
    for (int64_t done = 0; own.count > 0 && done < count; done += own.count)
      std::memcpy(data + (first + done) * element, data + own.first * element,
                  static_cast<size_t>(std::min(own.count, count - done) * element));
  }

  // The first collective of all ranks in a step waits for the other stages; those of a stage are in step.
  double begin() {
    if (size_ == world_.size() && !world_.clock_->summed) {
      world_.clock_->summed = true;
      wait_until(world_.clock_->others_ready_s());
    }
    return now_s();
  }

  void end(OpKind kind, int64_t n, ElementType type, double start_s) {
    const auto bytes = static_cast<double>(n * size_of(type));
    wait_until(start_s + world_.links_.collective_s(kind, bytes, placement_));
  }

  int rank_, size_;
  GroupPlacement placement_;
  EmulatedWorld& world_;
};

class EmulatedWorld::Mail : public Messenger {
 public:
  Mail(Clock& clock, Precision precision) : clock_(clock), precision_(precision) {}

  void begin_step() { sent_.clear(), received_.clear(); }

  void send(const void*, size_t, int, int number) override {
    const MessageTag tag = MessageTag::of(number);
    clock_.peers.sent(pass_of(tag), tag.sender(), sent_[number]++, now_s() - clock_.start_s);
  }
  void wait_sent(int, int) override {}

  double receive(void* data, size_t bytes, int, int number) override {
    const MessageTag tag = MessageTag::of(number);
    const double asked_s = now_s();
    if (made_up_.size() < bytes) make_up(bytes);
    std::memcpy(data, made_up_.data(), bytes);
    const double arrival_s =
        clock_.start_s + clock_.peers.arrival_s(pass_of(tag), tag.sender(), received_[number]++);
    wait_until(arrival_s);
    return std::max(0.0, arrival_s - clock_.peers.transfer_s(pass_of(tag), tag.sender()) - asked_s);
  }

 private:
  static Pass pass_of(const MessageTag& tag) { return tag.gradient ? Pass::backward : Pass::forward; }

  void make_up(size_t bytes) {
    made_up_.resize(bytes);
    precision_ == Precision::fp64 ? fill<double>(made_up_) : fill<float>(made_up_);
  }

  Clock& clock_;
  Precision precision_;
  std::map<int, int64_t> sent_, received_;  // in this step, by tag
  std::vector<std::byte> made_up_;
};

EmulatedWorld::EmulatedWorld(const Scenario& scenario, const Layout& layout, int rank)
    : layout_(layout),
      rank_(rank),
      placements_(place_groups(layout, scenario.cluster.devices_per_node)),
      links_(scenario.hardware.node, scenario.network, scenario.cluster.devices_per_node) {
  StepPlanner planner(scenario);
  const StepPlan plan = planner.plan(layout);
  PipelineReplay replay;
  TailPricer tails(scenario, planner.pricer());
  const StepTime time(scenario, tails, plan, layout, replay.stage_ends(plan.times, plan.micro_batches));
  const int64_t stage = coordinates_of(layout, rank).pipeline;
  clock_ = std::make_unique<Clock>(
      Clock{.peers = {plan.times, plan.micro_batches, stage}, .until_sum_s = {}, .stage = stage});
  for (int64_t s = 0; s < layout.pipeline; ++s) clock_->until_sum_s.push_back(time.tail(s).until_sum_s());
  mail_ = std::make_unique<Mail>(*clock_, scenario.precision);
}

EmulatedWorld::~EmulatedWorld() = default;

void EmulatedWorld::begin_step() {
  mail_->begin_step();
  clock_->begin_step();
}

std::unique_ptr<Communicator> EmulatedWorld::group(const std::vector<int>& members) {
  const int rank_in_group = index_in_group(members, rank_, size());
  const Coordinates me = coordinates_of(layout_, rank_);
  for (const CommGroup kind :
       {CommGroup::tensor, CommGroup::context, CommGroup::data, CommGroup::ends, CommGroup::all})
    if (group_ranks(layout_, me, kind) == members)
      return std::make_unique<Group>(rank_in_group, static_cast<int>(members.size()), placements_.of(kind),
                                     *this);
  throw std::logic_error("an emulated rank talks to the groups of its layout only");
}

Messenger& EmulatedWorld::messenger() {
  return *mail_;
}

int first_rank(const Layout& layout, int64_t stage) {
  return rank_of(layout, {.pipeline = stage});
}

}  // namespace paraplan
