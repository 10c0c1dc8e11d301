#include "planner/calibrate/calibrated_profiles.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/text/suggestion.h"
#include "planner/calibrate/constant_fit.h"

namespace paraplan {
namespace {

constexpr int kErrorDigits = 2;

constexpr const char* kOfPrior = "; prior: ";

// The constant as it is written to the profiles, in place of `before`.
Constant written(const CalibratedConstant& c, const Constant& before) {
  const double error = rounded(c.standard_error, kErrorDigits);
  std::string source = fmt::format("paraplan calibrate: {} rows", c.record.rows);
  if (!c.determined()) source += "; the rows do not determine it";
  const size_t known = before.source.find(kOfPrior);
  if (known != std::string::npos) source += before.source.substr(known);
  if (known == std::string::npos && !before.source.empty()) source += kOfPrior + before.source;
  const double written_error = error <= c.target.range.max ? c.target.unit.to_si(error) : 0;
  return {.value = c.target.unit.to_si(c.fitted),
          .provenance = Provenance::fitted,
          .source = source,
          .standard_error = written_error,
          .tables = c.record.tables,
          .prior = c.target.unit.to_si(c.target.start)};
}

void set_fitted(ProfileSet& profiles, const std::vector<CalibratedConstant>& constants) {
  for (const CalibratedConstant& c : constants) {
    for (const std::string& name : c.target.profiles) {
      const ProfileFields fields = profiles.fields(c.target.kind, name);
      Constant& constant = *std::ranges::find(fields.constants, c.target.key, &ConstantField::key)->constant;
      constant = written(c, constant);
      profiles.calibration(c.target.kind, name) = c.record;
    }
  }
}

void keep_changed(ProfileSet& profiles, const std::vector<CalibratedConstant>& constants) {
  const auto unchanged = [&constants](ProfileKind kind) {
    return [&constants, kind](const auto& entry) {
      return std::ranges::none_of(constants, [&](const CalibratedConstant& c) {
        return c.target.kind == kind &&
               std::ranges::find(c.target.profiles, entry.first) != c.target.profiles.end();
      });
    };
  };
  std::erase_if(profiles.hardware, unchanged(ProfileKind::hardware));
  std::erase_if(profiles.hosts, unchanged(ProfileKind::host));
  std::erase_if(profiles.networks, unchanged(ProfileKind::network));
  std::erase_if(profiles.software, unchanged(ProfileKind::software));
}

}  // namespace

void keep_fitted(ProfileSet& profiles, const std::vector<CalibratedConstant>& constants) {
  set_fitted(profiles, constants);
  keep_changed(profiles, constants);
}

}  // namespace paraplan
