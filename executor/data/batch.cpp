#include "executor/data/batch.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "executor/data/sample_maker.h"

namespace paraplan {
namespace {

// The first `count` places of a shuffle of 0 .. length - 1 (Fisher and Yates, stopped early).
std::vector<int64_t> draw_places(int64_t length, int64_t count, uint64_t seed) {
  std::vector<int64_t> places(static_cast<size_t>(length));
  std::iota(places.begin(), places.end(), 0);
  for (int64_t i = 0; i < count; ++i) {
    const auto left = static_cast<uint64_t>(length - i);
    const auto other = i + static_cast<int64_t>(draw(seed, static_cast<uint64_t>(i)) % left);
    std::swap(places[static_cast<size_t>(i)], places[static_cast<size_t>(other)]);
  }
  places.resize(static_cast<size_t>(count));
  return places;
}

// What the model sees of a token that it has to predict (Devlin et al. 2018, section 3.1).
int64_t disguised(int64_t token, int64_t vocab, uint64_t seed, uint64_t place) {
  const uint64_t percent = draw(seed, 2 * place) % 100;
  if (percent < 80) return vocab - 1;
  if (percent < 90) return static_cast<int64_t>(draw(seed, 2 * place + 1) % static_cast<uint64_t>(vocab));
  return token;
}

}  // namespace

int64_t targets_per_sample(TrainingTask task, int64_t seq_length) {
  if (task == TrainingTask::next_token) return seq_length;
  return std::max<int64_t>(1, (15 * seq_length + 50) / 100);
}

uint64_t splitmix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

Sample next_token_sample(std::span<const int64_t> text) {
  return {.tokens = {text.begin(), text.end() - 1}, .targets = {text.begin() + 1, text.end()}};
}

Sample masked_sample(std::vector<int64_t> text, int64_t sentence, int64_t vocab, uint64_t seed) {
  const auto length = static_cast<int64_t>(text.size());
  const uint64_t place_seed = draw(seed, 0);
  const uint64_t token_seed = draw(seed, 1);
  std::vector<int64_t> targets(text.size(), -1);
  for (int64_t position :
       draw_places(length, targets_per_sample(TrainingTask::masked_tokens, length), place_seed)) {
    const auto at = static_cast<size_t>(position);
    targets[at] = text[at];
    text[at] = disguised(text[at], vocab, token_seed, at);
  }
  return {.tokens = std::move(text), .targets = std::move(targets), .sentence = sentence};
}

}  // namespace paraplan
