#pragma once

#include "costmodel/model/scenario.h"

namespace paraplan {

// A small GPT on two nodes of four devices with little memory, on shipped profiles: a search space that can
// be priced in no time, some of which fits.
Scenario toy_scenario();

}  // namespace paraplan
