#include "planner/calibrate/unseen_errors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/planner/toy_rows.h"

namespace paraplan {
namespace {

// Two tables that the true scenario predicts exactly, and one constant that is said to come from `seen`.
struct TwoTables {
  std::vector<CalibrationPart> parts;
  std::vector<Validation> validations;

  TwoTables(const std::vector<std::string>& seen, double prior) {
    Scenario truth = true_scenario();
    for (const char* table : {"a.tsv", "b.tsv"}) parts.push_back({truth, table, measure(truth)});
    for (CalibrationPart& part : parts) {
      for (Constant* c : {&part.scenario.hardware.device.sustained_rate})
        *c = {.value = *c, .provenance = Provenance::measured, .source = "known"};
      Constant& efficiency = part.scenario.hardware.device.gemm_efficiency;
      efficiency = {.value = efficiency,
                    .provenance = Provenance::tuned,
                    .source = "by hand",
                    .tables = seen,
                    .prior = prior};
      validations.push_back(validate(part.scenario, part.rows));
    }
    add_unseen_errors(parts, validations);
  }

  ErrorSummary times(size_t part) const {
    return summarise(validations[part].rows, Quantity::iteration_time_s);
  }
};

TEST(UnseenErrors, AreThoseOfAFitToTheOtherTables) {
  const TwoTables both({"a.tsv", "b.tsv"}, 0.3);
  for (const size_t part : {0, 1}) {
    EXPECT_LT(both.times(part).mean, 1e-9);
    EXPECT_LT(both.times(part).row_left_out.value(), 0.02);  // the prior pulls
    EXPECT_LT(both.times(part).table_left_out.value(), 0.02);
  }
}

TEST(UnseenErrors, OfTheOnlyTableAreThoseOfThePrior) {
  const TwoTables one({"a.tsv"}, 0.3);
  EXPECT_LT(one.times(0).row_left_out.value(), 0.02);
  Scenario prior = one.parts[0].scenario;
  prior.hardware.device.gemm_efficiency.value = 0.3;
  const Validation expected = validate(prior, one.parts[0].rows);
  for (size_t i = 0; i < expected.rows.size(); ++i)
    EXPECT_NEAR(one.validations[0].rows[i].table_left_out.value(), expected.rows[i].relative_error, 1e-12);
  EXPECT_GT(one.times(0).table_left_out.value(), 0.1);
  // No constant has seen the other table.
  EXPECT_EQ(one.times(1).table_left_out.value(), one.times(1).mean);
  EXPECT_EQ(one.times(1).row_left_out.value(), one.times(1).mean);
}

TEST(UnseenErrors, NeedEveryTableThatWasSeen) {
  const TwoTables more({"a.tsv", "elsewhere.tsv"}, 0.3);
  EXPECT_FALSE(more.times(0).row_left_out);
  EXPECT_FALSE(more.times(0).table_left_out);
  EXPECT_TRUE(more.times(1).table_left_out);
}

}  // namespace
}  // namespace paraplan
