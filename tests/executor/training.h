#pragma once

#include <map>
#include <string>
#include <vector>

#include "costmodel/model/family.h"
#include "executor/run/trainer.h"

namespace paraplan {

// A model small enough for tests with every part of its family, described by the executor's own software
// profile, on a host that states the rates that offloading asks for.
Scenario small_scenario(Family family, double dropout);

// `steps` steps, none of them for warming up.
TrainingJob job_of(const Scenario& scenario, const Layout& layout, int64_t steps = 5);

// Gradients of one step in the unsharded model: weight -> value of each element; NaN: no rank answers for it.
using Gradients = std::map<int64_t, std::vector<double>>;

// Adds those that one rank answers for. Throws std::logic_error when another did for the same element.
void collect_gradients(Parameters& parameters, Gradients& gradients);

struct Trained {
  std::vector<double> losses;  // of every step
  std::vector<double> norms;
  Gradients first_gradients, last_gradients;  // of the first and the last step, before clipping
  std::vector<RankReport> ranks;
};

// Trains with one thread per rank.
Trained train_on_threads(const TrainingJob& job);  // on synthetic text
Trained train_on_threads(const TrainingJob& job, const SampleSource& samples);

// Largest difference of an element, relative to the largest element of its weight's gradient in `whole`;
// infinite where that is not finite, or where the two do not hold the same elements. Rows that pad the
// vocabulary may be missing: their number differs with the layout.
double difference(const Gradients& whole, const Gradients& other);
// The same over the elements that `part` holds.
double difference_of_part(const Gradients& whole, const Gradients& part);
// Largest relative difference; infinite where the lengths differ.
double difference(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace paraplan
