#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "costmodel/model/scenario.h"

namespace paraplan {

// The scenario scenarios/NAME.toml of this repository.
Scenario shipped_scenario(const std::string& name);

// A number of 0 .. count-1. Unlike the distributions of the standard library the same everywhere.
int64_t random_below(std::mt19937_64& random, int64_t count);

// A layout that passes check_layout, with any setting the model knows, placement included.
Layout random_valid_layout(const Scenario& scenario, std::mt19937_64& random);

}  // namespace paraplan
