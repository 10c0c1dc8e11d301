#include "executor/bench/shape_choice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <queue>
#include <tuple>

namespace paraplan {
namespace {

// Only ops of equal family are interpolated from each other.
using Family = std::tuple<Precision, OpKind, Derivative>;

Family family_of(const OpSample& s) {
  return {s.precision, s.kind, s.derivative};
}

// Between two measured places of a line.
struct Gap {
  size_t line = 0, low = 0, high = 0;
  double priority = 0;
  size_t number = 0;  // of two equally important, the one that was found first

  bool operator<(const Gap& other) const {
    return std::tie(priority, other.number) < std::tie(other.priority, number);
  }
};

class Choice {
 public:
  Choice(const std::vector<NeededOp>& ops, const ChoiceHooks& hooks) : hooks_(hooks) {
    report_.needed = static_cast<int64_t>(ops.size());
    std::map<std::string, std::vector<const NeededOp*>> lines;
    for (const NeededOp& op : ops) lines[op.line].push_back(&op);
    for (auto& [name, line] : lines) {
      std::ranges::stable_sort(line, {}, &NeededOp::size);
      lines_.push_back(std::move(line));
    }
  }

  ChoiceReport run() {
    measure_ends();
    while (!gaps_.empty()) {
      const Gap gap = gaps_.top();
      gaps_.pop();
      if (hooks_.go_on()) {
        check(gap);
      } else {
        report_.unchecked += inside(gap);
      }
    }
    return std::move(report_);
  }

 private:
  struct Ends {
    size_t line = 0;
    double priority = 0;
  };

  // A line is as important as the part of its largest op in a step, as the formulas have it.
  void measure_ends() {
    std::vector<Ends> ends;
    for (size_t i = 0; i < lines_.size(); ++i) {
      const NeededOp& largest = *lines_[i].back();
      ends.push_back({i, largest.calls * hooks_.predict(largest, {}).seconds});
    }
    std::ranges::stable_sort(ends, std::greater<>(), &Ends::priority);
    for (const Ends& e : ends) measure_ends_of(e.line);
  }

  void measure_ends_of(size_t line) {
    const auto& ops = lines_[line];
    size_t high = ops.size();
    while (high > 0 && !measured(*ops[high - 1])) --high;
    if (high == 0) return;
    size_t low = 0;
    while (low + 1 < high && !measured(*ops[low])) ++low;
    if (low + 1 < high) open({.line = line, .low = low, .high = high - 1});
  }

  bool measured(const NeededOp& op) {
    if (!hooks_.go_on()) {
      leave_out(op, "no time was left");
      return false;
    }
    const OpOutcome outcome = hooks_.measure(op);
    if (!outcome.sample) {
      leave_out(op, outcome.reason);
      return false;
    }
    samples_[family_of(*outcome.sample)].push_back(*outcome.sample);
    seconds_[&op] = outcome.sample->seconds;
    ++report_.measured;
    settle(1);
    return true;
  }

  // What lies between is the more worth a look the more time it may stand for.
  void open(Gap gap) {
    if (inside(gap) == 0) return;
    const auto& ops = lines_[gap.line];
    const NeededOp& high = *ops[gap.high];
    gap.priority = high.calls * seconds_.at(&high) * std::log(high.size / ops[gap.low]->size);
    gap.number = opened_++;
    gaps_.push(gap);
  }

  void check(const Gap& gap) {
    const size_t middle = middle_of(gap);
    const NeededOp& op = *lines_[gap.line][middle];
    const Price expected = hooks_.predict(op, samples_[family_of(op.key)]);
    if (!measured(op)) {
      report_.unchecked += inside(gap) - 1;
      return;
    }
    ++report_.midpoints;
    const double error = std::abs(expected.seconds / seconds_.at(&op) - 1);
    if (expected.origin <= PriceOrigin::interpolated && error <= kInterpolationTolerance) {
      report_.worst_error = std::max(report_.worst_error, error);
      report_.interpolated += inside(gap) - 1;
      settle(inside(gap) - 1);
      return;
    }
    ++report_.refined;
    open({.line = gap.line, .low = gap.low, .high = middle});
    open({.line = gap.line, .low = middle, .high = gap.high});
  }

  size_t middle_of(const Gap& gap) const {
    const auto& ops = lines_[gap.line];
    const double wanted = std::log(ops[gap.low]->size * ops[gap.high]->size) / 2;
    const auto distance = [&](size_t i) { return std::abs(std::log(ops[i]->size) - wanted); };
    size_t best = gap.low + 1;
    for (size_t i = best + 1; i < gap.high; ++i)
      if (distance(i) < distance(best)) best = i;
    return best;
  }

  static int64_t inside(const Gap& gap) { return static_cast<int64_t>(gap.high - gap.low) - 1; }

  void leave_out(const NeededOp& op, const std::string& reason) {
    report_.left_out.push_back({describe(op.op), reason});
    settle(1);
  }

  void settle(int64_t ops) {
    settled_ += ops;
    hooks_.progress(settled_, report_.needed);
  }

  const ChoiceHooks& hooks_;
  std::vector<std::vector<const NeededOp*>> lines_;  // each by size
  std::map<Family, std::vector<OpSample>> samples_;
  std::map<const NeededOp*, double> seconds_;
  std::priority_queue<Gap> gaps_;
  size_t opened_ = 0;
  int64_t settled_ = 0;
  ChoiceReport report_;
};

}  // namespace

ChoiceReport measure_chosen(const std::vector<NeededOp>& ops, const ChoiceHooks& hooks) {
  return Choice(ops, hooks).run();
}

}  // namespace paraplan
