#include "planner/validate/outliers.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "planner/validate/median.h"

namespace paraplan {
namespace {

const double kLeastFactor = std::log(2.0);
const double kLeastFactorOfFew = std::log(5.0);
constexpr double kSpreads = 5;
constexpr double kNormalSpread = 1.4826;  // standard deviation of normal errors, by their median absolute one
constexpr size_t kFew = 3;
constexpr double kAsBad = 0.5;     // of the worst distance
constexpr size_t kGroupShare = 4;  // 1 / share of a group that may be mistakes

// Where deviations of a group usually lie.
struct Usual {
  double centre = 0;
  double limit = kLeastFactorOfFew;
};

Usual usual(const std::vector<const Deviation*>& group, double Deviation::*which) {
  if (group.size() < kFew) return {};
  std::vector<double> values, distances;
  for (const Deviation* d : group) values.push_back(d->*which);
  const double centre = median(values);
  for (const double value : values) distances.push_back(std::abs(value - centre));
  return {centre, std::max(kLeastFactor, kSpreads * kNormalSpread * median(distances))};
}

// Of each deviation of a group: how far it is off, before the fit and unseen; 0: it is usual.
std::vector<double> distances(const std::vector<const Deviation*>& group) {
  const Usual before = usual(group, &Deviation::before), unseen = usual(group, &Deviation::unseen);
  std::vector<double> result;
  for (const Deviation* d : group) {
    const double b = std::abs(d->before - before.centre), u = std::abs(d->unseen - unseen.centre);
    const bool mistake = u > unseen.limit || (b > before.limit && u > kLeastFactor);
    result.push_back(mistake ? std::min(b, u) : 0);
  }
  return result;
}

}  // namespace

std::vector<size_t> worst_outliers(const std::vector<Deviation>& deviations) {
  std::map<size_t, std::vector<const Deviation*>> groups;
  for (const Deviation& d : deviations) groups[d.group].push_back(&d);
  std::vector<size_t> worst;
  for (const auto& [number, group] : groups) {
    const std::vector<double> off = distances(group);
    const auto largest = std::ranges::max_element(off);
    const auto as_bad = std::ranges::count_if(off, [&](double d) { return d >= kAsBad * *largest; });
    const size_t allowed =
        group.size() < kFew ? group.size() : std::max<size_t>(1, group.size() / kGroupShare);
    if (*largest > 0 && static_cast<size_t>(as_bad) <= allowed)
      worst.push_back(
          static_cast<size_t>(group[static_cast<size_t>(largest - off.begin())] - deviations.data()));
  }
  return worst;
}

}  // namespace paraplan
