#pragma once

#include <vector>

namespace paraplan {

// Of at least one value; between the middle two of an even number.
double median(std::vector<double> values);

}  // namespace paraplan
