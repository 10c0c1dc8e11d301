#pragma once

#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/model/family.h"
#include "costmodel/model/layout.h"
#include "costmodel/model/scenario.h"

namespace paraplan {

// One training of a small model: its layout, and what of the model differs from case to case.
struct LayoutCase {
  Family family = Family::gpt;
  bool tied_embeddings = true;
  double dropout = 0;
  int64_t layers = 4;
  bool two_kinds = false;  // the first layer narrower, with fewer key-value heads
  bool flash_attention = false;
  bool uneven_stages = false;  // the first virtual stage holds all layers but one for each other
  Layout layout;
};

Scenario scenario_of(const LayoutCase& c, Precision precision);
// Made of letters, digits and underscores.
std::string name_of(const LayoutCase& c);
std::ostream& operator<<(std::ostream& out, const LayoutCase& c);  // its name

// A setting and the values that are tried.
struct Dimension {
  struct Value {
    std::string name;
    std::function<void(LayoutCase&)> apply;
  };
  std::string name;
  std::vector<Value> values;
};

// All cases that the dimensions span, of which some are legal: they pass check_layout and have 8 ranks at
// most. A choice holds one value of each dimension.
class CaseSpace {
 public:
  using Choice = std::vector<size_t>;

  CaseSpace();
  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  LayoutCase at(const Choice& choice) const;
  bool legal(const LayoutCase& c);

 private:
  std::vector<Dimension> dimensions_;
  Scenario scenario_;
};

// Which pairs of values, of two dimensions each, have occurred together.
class ValuePairs {
 public:
  explicit ValuePairs(const CaseSpace& space);
  bool has(size_t a, size_t value_a, size_t b, size_t value_b) const;
  size_t missing(const CaseSpace::Choice& choice) const;  // pairs of `choice` that are not here
  void add(const CaseSpace::Choice& choice);

 private:
  size_t place(size_t a, size_t value_a, size_t b, size_t value_b) const;
  std::vector<size_t> first_;  // number of the first value of a dimension, all values counted through
  size_t values_ = 0;
  std::vector<bool> seen_;
};

// Few legal choices in which every pair of values occurs that occurs in any legal case. Greedy, always the
// same ones.
std::vector<CaseSpace::Choice> covering_choices(CaseSpace& space);
std::vector<LayoutCase> covering_cases();

}  // namespace paraplan
