#include "planner/calibrate/unseen_errors.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "planner/calibrate/constant_fit.h"
#include "planner/validate/row_model.h"

namespace paraplan {
namespace {

// A constant chosen by looking at rows, wherever it stands.
struct ChosenTarget {
  ChosenConstant chosen;
  FitTarget target;
};

std::vector<ChosenTarget> chosen_targets(const std::vector<CalibrationPart>& parts,
                                         const std::vector<Validation>& validations) {
  std::vector<ChosenTarget> all;
  for (size_t p = 0; p < parts.size(); ++p) {
    Scenario scenario = parts[p].scenario;
    for (const ProfileUse& use : validations[p].profiles) {
      for (const ChosenConstant& chosen : use.chosen) {
        auto found = std::ranges::find(all, chosen, &ChosenTarget::chosen);
        if (found == all.end())
          found = all.insert(all.end(), {chosen, target_of(scenario, use.kind, chosen.key)});
        std::vector<std::string>& profiles = found->target.profiles;
        if (std::ranges::find(profiles, use.name) == profiles.end()) profiles.push_back(use.name);
      }
    }
  }
  return all;
}

bool names(const ChosenTarget& constant, const std::string& table) {
  const std::vector<std::string>& tables = constant.chosen.constant.tables;
  return std::ranges::find(tables, table) != tables.end();
}

// The rows of the parts, but for those that no device can have achieved.
struct Rows {
  std::vector<CalibrationPart> parts;
  std::vector<std::vector<size_t>> places;  // of each row in the part it comes from
  std::vector<size_t> origins;              // of each part

  void add(size_t origin, const CalibrationPart& part, const Validation& validation) {
    std::set<size_t> above;
    for (const ComparedRow& row : validation.rows)
      if (row.above_peak) above.insert(row.row);
    parts.push_back({part.scenario, part.table, {}});
    places.emplace_back();
    origins.push_back(origin);
    for (size_t r = 0; r < part.rows.size(); ++r) {
      if (above.contains(r)) continue;
      parts.back().rows.push_back(part.rows[r]);
      places.back().push_back(r);
    }
  }
};

// The errors of the rows of one table.
class TableErrors {
 public:
  TableErrors(std::string table, const std::vector<CalibrationPart>& parts,
              const std::vector<ChosenTarget>& constants, std::vector<Validation>& validations)
      : table_(std::move(table)), validations_(validations) {
    std::set<std::string> wanted = {table_};
    for (const ChosenTarget& constant : constants) {
      if (!names(constant, table_)) continue;
      targets_.push_back(constant.target);
      wanted.insert(constant.chosen.constant.tables.begin(), constant.chosen.constant.tables.end());
    }
    for (size_t p = 0; p < parts.size(); ++p)
      if (wanted.contains(parts[p].table)) rows_.add(p, parts[p], validations[p]);
    for (const CalibrationPart& part : rows_.parts) wanted.erase(part.table);
    complete_ = wanted.empty();
  }

  void add(int threads) {
    if (!complete_) return;
    const RowModel model(rows_.parts, true, true);
    const ConstantFit fit(model, targets_, {}, threads);
    std::vector<size_t> of_table;
    for (size_t i = 0; i < model.observations().size(); ++i)
      if (rows_.parts[model.observations()[i].part].table == table_) of_table.push_back(i);
    const std::vector<double> predicted = fit.predict_without(of_table), unseen = fit.unseen_log_ratios();
    for (const size_t i : of_table) {
      const Observation& o = model.observations()[i];
      ComparedRow& row = compared(o);
      row.table_left_out = predicted[i] / o.measured - 1;
      row.row_left_out = std::exp(unseen[i]) - 1;
    }
  }

 private:
  ComparedRow& compared(const Observation& o) {
    const size_t place = rows_.places[o.part][o.row];
    return *std::ranges::find_if(validations_[rows_.origins[o.part]].rows, [&](const ComparedRow& row) {
      return row.row == place && row.quantity == o.quantity;
    });
  }

  std::string table_;
  std::vector<Validation>& validations_;
  std::vector<FitTarget> targets_;
  Rows rows_;
  bool complete_ = false;  // all tables are there
};

}  // namespace

void add_unseen_errors(const std::vector<CalibrationPart>& parts, std::vector<Validation>& validations) {
  const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const std::vector<ChosenTarget> constants = chosen_targets(parts, validations);
  std::set<std::string> tables;
  for (const CalibrationPart& part : parts) tables.insert(part.table);
  for (const std::string& table : tables) TableErrors(table, parts, constants, validations).add(threads);
}

}  // namespace paraplan
