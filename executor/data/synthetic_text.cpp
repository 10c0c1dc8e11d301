#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "executor/data/batch.h"
#include "executor/data/sample_maker.h"

namespace paraplan {
namespace {

constexpr int64_t kSmallestVocab = 16;
constexpr int64_t kWords = 200;            // few enough for a small model to learn within some tens of steps
constexpr uint64_t kSurprisePercent = 10;  // of the words are not what the grammar calls for
constexpr uint64_t kGrammarSeed = 20240711;  // fixed: every run sees the same text
constexpr uint64_t kTextSeed = 20240712;
constexpr uint64_t kMaskSeed = 20240713;

// A grammar in which a word and the kind of the word before it nearly settle the next word. Words are as
// frequent as their rank says (Zipf's law as Mandelbrot shifted it, 1 / (rank + 2.7)), so that a model first
// learns the frequencies and then the grammar.
class Grammar {
 public:
  explicit Grammar(int64_t vocab)
      : words_(std::min(kWords, vocab - 1)), tokens_between_words_((vocab - 1) / words_) {
    uint64_t sum = 0;
    for (int64_t rank = 0; rank < words_; ++rank) {
      sum += kWeight / static_cast<uint64_t>(rank + 3);
      weight_up_to_.push_back(sum);
    }
  }

  // `count` words as ranks; the same for the same seed.
  std::vector<int64_t> text(uint64_t seed, int64_t count) const {
    std::vector<int64_t> ranks;
    int64_t before = 0, last = word(draw(seed, 0));
    for (int64_t i = 0; i < count; ++i) {
      const int64_t next = successor(before, last, draw(seed, static_cast<uint64_t>(i + 1)));
      ranks.push_back(next);
      before = std::exchange(last, next);
    }
    return ranks;
  }

  // Spread over the whole vocabulary but its last token, the mask: every part of a sharded table has work.
  int64_t token(int64_t rank) const { return rank * tokens_between_words_; }

 private:
  static constexpr uint64_t kWeight = 1'000'000;
  static constexpr int64_t kKinds = 4;

  int64_t successor(int64_t before, int64_t last, uint64_t number) const {
    if (number % 100 < kSurprisePercent) return word(number / 100);
    return word(draw(kGrammarSeed, static_cast<uint64_t>(last * kKinds + before % kKinds)));
  }

  int64_t word(uint64_t number) const {
    const uint64_t weight = number % weight_up_to_.back();
    return std::upper_bound(weight_up_to_.begin(), weight_up_to_.end(), weight) - weight_up_to_.begin();
  }

  int64_t words_;
  int64_t tokens_between_words_;
  std::vector<uint64_t> weight_up_to_;  // by rank, cumulative
};

class SyntheticText : public SampleSource {
 public:
  SyntheticText(const ModelSpec& model, int64_t seq_length, int64_t global_batch)
      : task_(model.task),
        vocab_(model.vocab),
        seq_length_(seq_length),
        global_batch_(global_batch),
        grammar_(model.vocab) {}

  Sample sample(int64_t step, int64_t index) const override {
    const auto number = static_cast<uint64_t>(step * global_batch_ + index);
    const uint64_t seed = draw(kTextSeed, number);
    if (task_ == TrainingTask::next_token) return next_token_sample(tokens(seed, seq_length_ + 1));
    const uint64_t mask_seed = draw(kMaskSeed, number);
    const auto sentence = static_cast<int64_t>(draw(mask_seed, 2) % 2);
    std::vector<int64_t> text = tokens(seed, seq_length_);
    if (sentence == 1) {
      const std::vector<int64_t> other = tokens(draw(mask_seed, 3), seq_length_);
      std::copy(other.begin() + seq_length_ / 2, other.end(), text.begin() + seq_length_ / 2);
    }
    return masked_sample(std::move(text), sentence, vocab_, mask_seed);
  }

 private:
  std::vector<int64_t> tokens(uint64_t seed, int64_t count) const {
    std::vector<int64_t> text = grammar_.text(seed, count);
    for (int64_t& word : text) word = grammar_.token(word);
    return text;
  }

  TrainingTask task_;
  int64_t vocab_, seq_length_, global_batch_;
  Grammar grammar_;
};

}  // namespace

std::unique_ptr<SampleSource> synthetic_text(const ModelSpec& model, int64_t seq_length,
                                             int64_t global_batch) {
  if (model.vocab < kSmallestVocab) {
    throw std::invalid_argument(
        fmt::format("synthetic text needs a vocabulary of at least {}, not {}", kSmallestVocab, model.vocab));
  }
  return std::make_unique<SyntheticText>(model, seq_length, global_batch);
}

}  // namespace paraplan
