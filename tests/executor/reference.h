#pragma once

#include <map>
#include <string>

#include "covering.h"
#include "training.h"

namespace paraplan {

// How far a layout may be from one rank, relative to the value (gradients: to the largest of their weight).
struct Tolerance {
  double value = 0;
  bool last_gradients = false;  // those of the last step too
};

// Sums in another order differ by rounding alone. Adam divides each gradient by its own size, so in fp32 the
// rounding of tiny gradients moves weights visibly: losses of every step still agree, gradients only as long
// as the weights are the same, in the first step.
Tolerance tolerance_of(Precision precision);

// The same trainings on one rank, each done once.
class References {
 public:
  const Trained& of(const LayoutCase& c, Precision precision);

 private:
  std::map<std::string, Trained> trained_;
};

}  // namespace paraplan
