#pragma once

#include <initializer_list>

#include "costmodel/base/categories.h"
#include "costmodel/profile/constant.h"

namespace paraplan {

struct Price {
  double seconds = 0;
  PriceOrigin origin = PriceOrigin::assumed;
};

// Origin of a price that rests on all of `constants`.
PriceOrigin origin_of(std::initializer_list<const Constant*> constants);

}  // namespace paraplan
