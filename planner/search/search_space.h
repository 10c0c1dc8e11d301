#pragma once

#include <compare>
#include <vector>

#include "costmodel/model/scenario.h"

namespace paraplan {

// Every layout of the scenario's cluster that its search space names, each once, in the order of
// `layout_order`. A setting that the scenario leaves open gets the planner's own range, which holds no layout
// that is plainly pointless (ZeRO over one replica, sequence parallel over one device). Values that the
// scenario does name are all taken where tensor * context * pipeline divides the number of devices; what is
// impossible among them is left to check_layout, which has a reason for each.
std::vector<Layout> enumerate_layouts(const Scenario& scenario);

// A fixed total order. Layouts that share the costs of a layer are neighbours; of layouts equal up to a
// setting the simpler one comes first.
std::weak_ordering layout_order(const Layout& a, const Layout& b);

// 1, 2, 4 ... up to `largest`.
std::vector<int64_t> powers_of_two(int64_t largest);

}  // namespace paraplan
