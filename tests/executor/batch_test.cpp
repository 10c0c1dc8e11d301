#include "executor/data/batch.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "costmodel/base/input_error.h"
#include "costmodel/model/family.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

ModelSpec model_of(Family family, int64_t vocab) {
  return paraplan::model_of({.name = "test", .family = family, .vocab = vocab});
}

TEST(TargetsPerSample, IsFifteenPercentForBertAndAllElsewhere) {
  EXPECT_EQ(targets_per_sample(TrainingTask::next_token, 100), 100);
  EXPECT_EQ(targets_per_sample(TrainingTask::next_token, 7), 7);
  EXPECT_EQ(targets_per_sample(TrainingTask::masked_tokens, 512), 77);  // 76.8
  EXPECT_EQ(targets_per_sample(TrainingTask::masked_tokens, 128), 19);  // 19.2
  EXPECT_EQ(targets_per_sample(TrainingTask::masked_tokens, 10), 2);    // 1.5, up
  EXPECT_EQ(targets_per_sample(TrainingTask::masked_tokens, 2), 1);     // 0.3, but at least one
}

TEST(SyntheticText, ASampleDependsOnItsNumberOnly) {
  const auto one = synthetic_text(model_of(Family::gpt, 1000), 32, 8);
  const auto other = synthetic_text(model_of(Family::gpt, 1000), 32, 8);
  const Sample late = one->sample(3, 5);
  one->sample(0, 0);
  EXPECT_EQ(late.tokens, other->sample(3, 5).tokens);
  EXPECT_NE(late.tokens, other->sample(3, 6).tokens);
  EXPECT_NE(late.tokens, other->sample(4, 5).tokens);
}

TEST(SyntheticText, PredictsTheNextToken) {
  for (Family family : {Family::gpt, Family::llama}) {
    const Sample sample = synthetic_text(model_of(family, 500), 24, 4)->sample(1, 2);
    ASSERT_EQ(sample.tokens.size(), 24U);
    ASSERT_EQ(sample.targets.size(), 24U);
    EXPECT_TRUE(std::equal(sample.tokens.begin() + 1, sample.tokens.end(), sample.targets.begin()));
    EXPECT_EQ(sample.sentence, -1);
  }
}

TEST(SyntheticText, StaysWithinAnyVocabularyAndReachesItsEnd) {
  for (int64_t vocab : {16, 17, 61, 200, 201, 202, 399, 50257}) {
    for (Family family : {Family::gpt, Family::bert}) {
      const auto text = synthetic_text(model_of(family, vocab), 64, 16);
      int64_t largest = 0;
      for (int64_t step = 0; step < 20; ++step) {
        for (int64_t index = 0; index < 16; ++index) {
          const Sample sample = text->sample(step, index);
          for (int64_t token : sample.tokens) {
            ASSERT_GE(token, 0);
            ASSERT_LT(token, vocab);
            largest = std::max(largest, token);
          }
        }
      }
      EXPECT_GE(largest, vocab / 2) << "vocabulary " << vocab;
    }
  }
}

TEST(SyntheticText, NeedsSixteenTokens) {
  EXPECT_THROW(synthetic_text(model_of(Family::gpt, 15), 8, 1), std::invalid_argument);
}

// Mean surprise, in nats, of what comes after a context, with the frequencies of the text itself.
template <class Context>
double entropy(const std::map<Context, std::map<int64_t, double>>& counts) {
  double sum = 0, total = 0;
  for (const auto& [context, following] : counts) {
    double seen = 0;
    for (const auto& [token, count] : following) seen += count;
    for (const auto& [token, count] : following) sum -= count * std::log(count / seen);
    total += seen;
  }
  return sum / total;
}

// What makes the loss fall: words differ in frequency, and their predecessors nearly settle them.
TEST(SyntheticText, CanBeLearned) {
  const auto text = synthetic_text(model_of(Family::gpt, 1000), 128, 32);
  std::map<int, std::map<int64_t, double>> words;
  std::map<int64_t, std::map<int64_t, double>> after_one;
  std::map<std::pair<int64_t, int64_t>, std::map<int64_t, double>> after_two;
  for (int64_t step = 0; step < 40; ++step) {
    for (int64_t index = 0; index < 32; ++index) {
      const Sample sample = text->sample(step, index);
      for (size_t i = 1; i < sample.tokens.size(); ++i) {
        const int64_t before = sample.tokens[i - 1], last = sample.tokens[i], next = sample.targets[i];
        ++words[0][next];
        ++after_one[last][next];
        ++after_two[{before, last}][next];
      }
    }
  }
  EXPECT_GT(words[0].size(), 100U);
  EXPECT_GT(entropy(words), 3.0) << "too few words to learn anything from";
  EXPECT_LT(entropy(words), 0.75 * std::log(1000));
  EXPECT_LT(entropy(after_one), 1.6);
  EXPECT_LT(entropy(after_two), 1.0);
}

TEST(SyntheticText, BertHidesTheStatedNumberOfTokens) {
  const int64_t vocab = 500, length = 40;
  const auto text = synthetic_text(model_of(Family::bert, vocab), length, 8);
  int targets = 0, masked = 0, kept = 0;
  std::array<int, 2> sentences{};
  for (int64_t step = 0; step < 250; ++step) {
    for (int64_t index = 0; index < 8; ++index) {
      const Sample sample = text->sample(step, index);
      ASSERT_EQ(sample.tokens.size(), 40U);
      ASSERT_EQ(sample.targets.size(), 40U);
      int here = 0;
      for (size_t i = 0; i < sample.targets.size(); ++i) {
        if (sample.targets[i] < 0) {
          ASSERT_EQ(sample.targets[i], -1);
          ASSERT_NE(sample.tokens[i], vocab - 1) << "the mask is no word";
          continue;
        }
        ++here;
        if (sample.tokens[i] == vocab - 1) ++masked;
        if (sample.tokens[i] == sample.targets[i]) ++kept;
      }
      ASSERT_EQ(here, 6);  // 15 % of 40
      targets += here;
      ASSERT_TRUE(sample.sentence == 0 || sample.sentence == 1);
      ++sentences[static_cast<size_t>(sample.sentence)];
    }
  }
  // 12000 targets: three standard deviations of a share of 0.8 are 0.011, of 0.1 0.008; 2000 samples: 0.034.
  EXPECT_NEAR(static_cast<double>(masked) / targets, 0.8, 0.012);
  EXPECT_NEAR(static_cast<double>(kept) / targets, 0.1, 0.012);
  EXPECT_NEAR(sentences[1] / 2000.0, 0.5, 0.035);
}

class TokenFile : public testing::Test {
 protected:
  TokenFile() : path_(fs::path(testing::TempDir()) / ("paraplan_tokens_" + std::to_string(getpid()))) {}
  ~TokenFile() override { fs::remove(path_); }

  template <class Value>
  void write(const std::vector<Value>& values) {
    std::ofstream(path_, std::ios::binary | std::ios::app)
        .write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(Value)));
  }
  void write_header(int32_t magic, int32_t version, int32_t count) {
    std::vector<int32_t> header(256, 0);
    header[0] = magic;
    header[1] = version;
    header[2] = count;
    write(header);
  }
  // 0, 1, 2 ... as tokens.
  template <class Token>
  void write_counting(int count) {
    std::vector<Token> tokens;
    for (int i = 0; i < count; ++i) tokens.push_back(static_cast<Token>(i));
    write(tokens);
  }

  std::unique_ptr<SampleSource> open(int64_t vocab, int64_t seq_length, Family family = Family::gpt) const {
    return token_file(path_, model_of(family, vocab), seq_length, 2);
  }
  std::string error(int64_t vocab, int64_t seq_length) const {
    try {
      open(vocab, seq_length);
    } catch (const InputError& input_error) {
      return input_error.what();
    }
    return "no error";
  }
  std::string text(const std::string& rest) const { return path_.string() + ": " + rest; }

  fs::path path_;
};

using Tokens = std::vector<int64_t>;

TEST_F(TokenFile, SamplesFollowEachOtherAndStartAgain) {
  write_counting<uint16_t>(15);  // three sequences of four tokens and the targets after them; two tokens over
  const auto source = open(100, 4);
  EXPECT_EQ(source->sample(0, 0).tokens, (Tokens{0, 1, 2, 3}));
  EXPECT_EQ(source->sample(0, 0).targets, (Tokens{1, 2, 3, 4}));
  EXPECT_EQ(source->sample(0, 1).tokens, (Tokens{4, 5, 6, 7}));
  EXPECT_EQ(source->sample(1, 0).targets, (Tokens{9, 10, 11, 12}));
  EXPECT_EQ(source->sample(1, 1).tokens, source->sample(0, 0).tokens);
  EXPECT_EQ(source->sample(0, 0).sentence, -1);
}

TEST_F(TokenFile, OneSequenceIsEnough) {
  write_counting<uint16_t>(5);
  EXPECT_EQ(open(100, 4)->sample(7, 1).targets, (Tokens{1, 2, 3, 4}));
}

TEST_F(TokenFile, LargeVocabulariesHaveWideTokens) {
  write<uint32_t>({65536, 1, 70000});
  EXPECT_EQ(open(70001, 2)->sample(0, 0).tokens, (Tokens{65536, 1}));
}

TEST_F(TokenFile, SixteenBitsHoldAVocabularyOf65536) {
  write<uint16_t>({65535, 1, 2});
  EXPECT_EQ(open(65536, 2)->sample(0, 0).tokens, (Tokens{65535, 1}));
}

TEST_F(TokenFile, WideTokensOfASmallVocabularyAreNoticed) {
  write<uint32_t>({5, 6, 7, 8});
  const auto source = open(100, 2);
  EXPECT_EQ(source->sample(0, 0).tokens, (Tokens{5, 6}));
  EXPECT_EQ(source->remark(), path_.string() +
                                  " is read as uint32, because every second 16 bits are 0 or nearly so; the "
                                  "vocabulary of 100 would fit in uint16");
}

TEST_F(TokenFile, WideTokensBeyondASmallVocabularyAreNoTextOfNarrowOnes) {
  std::vector<uint32_t> tokens;
  for (uint32_t i = 0; i < 100; ++i) tokens.push_back(i * 1000);
  write(tokens);
  EXPECT_EQ(error(65536, 2), text("token 66: is 66000; the model's vocabulary has 65536 tokens, 0 to 65535"));
}

TEST_F(TokenFile, NarrowTokensOfALargeVocabularyAreNoticed) {
  write<uint16_t>({500, 600, 700, 800});
  const auto source = open(100000, 2);
  EXPECT_EQ(source->sample(0, 0).tokens, (Tokens{500, 600}));
  EXPECT_EQ(source->remark(), path_.string() +
                                  " is read as uint16, because as uint32 it has tokens beyond the vocabulary "
                                  "of 100000");
}

TEST_F(TokenFile, UsualTokensNeedNoRemark) {
  write<uint16_t>({0, 0, 0, 0, 0, 1});
  EXPECT_EQ(open(100, 2)->sample(0, 1).tokens, (Tokens{0, 0}));
  EXPECT_EQ(open(100, 2)->remark(), "");
}

TEST_F(TokenFile, TheHeaderIsSkippedAndSetsTheWidth) {
  write_header(20240801, 7, 3);
  write<uint32_t>({5, 6, 7});
  EXPECT_EQ(open(100, 2)->sample(0, 0).targets, (Tokens{6, 7}));
}

TEST_F(TokenFile, TheHeaderOf16BitTokens) {
  write_header(20240520, 1, 3);
  write<uint16_t>({5, 6, 7});
  EXPECT_EQ(open(100, 2)->sample(0, 0).targets, (Tokens{6, 7}));
  EXPECT_EQ(open(100000, 2)->sample(0, 0).targets, (Tokens{6, 7}));
}

TEST_F(TokenFile, RefusesAnUnknownHeader) {
  write_header(20240520, 2, 3);
  EXPECT_EQ(error(100, 2), text("header: is version 2 of llm.c's format 20240520; version 1 is understood"));
}

TEST_F(TokenFile, RefusesAHeaderThatMiscounts) {
  write_header(20240520, 1, 4);
  write<uint16_t>({5, 6, 7});
  EXPECT_EQ(error(100, 2), text("header: states 4 tokens of 2 bytes, but 6 bytes follow it"));
}

TEST_F(TokenFile, RefusesATokenBeyondTheVocabulary) {
  write<uint16_t>({0, 99, 100, 101, 5});
  EXPECT_EQ(error(100, 2), text("token 2: is 100; the model's vocabulary has 100 tokens, 0 to 99"));
}

TEST_F(TokenFile, RefusesHalfATokenAndTooFew) {
  write<uint8_t>({1, 0, 2});
  EXPECT_EQ(error(100, 2),
            text("3 bytes are no whole number of tokens; a vocabulary of 100 needs tokens of 2 bytes"));
  write<uint8_t>({0});
  EXPECT_EQ(error(100, 2), text("has 2 tokens; a sequence of 2 needs at least 3"));
}

TEST_F(TokenFile, RefusesWhatCannotBeRead) {
  EXPECT_EQ(error(100, 2), text("cannot be read: No such file or directory"));
  write<uint8_t>({});
  EXPECT_EQ(error(100, 2), text("has 0 tokens; a sequence of 2 needs at least 3"));
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(error(100, 2), text("is a folder, not a file"));
}

// Tokens count upwards, so that every token tells where in the file it comes from.
TEST_F(TokenFile, BertTakesTheSecondHalfFromElsewhere) {
  constexpr int kCount = 1001, kLength = 20;
  write_counting<uint16_t>(kCount);
  const auto source = open(2000, kLength, Family::bert);
  std::array<int, 2> sentences{};
  for (int64_t step = 0; step < 100; ++step) {
    const Sample sample = source->sample(step, 1);
    Tokens original = sample.tokens;
    int targets = 0;
    for (size_t i = 0; i < original.size(); ++i) {
      if (sample.targets[i] < 0) continue;
      original[i] = sample.targets[i];
      ++targets;
    }
    EXPECT_EQ(targets, 3);
    const int64_t start = (step * 2 + 1) % 50 * kLength;
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(original[i], start + static_cast<int64_t>(i));
    for (size_t i = 11; i < 20; ++i) EXPECT_EQ(original[i], original[10] + static_cast<int64_t>(i) - 10);
    EXPECT_EQ(original[10] == start + 10, sample.sentence == 0);
    ++sentences[static_cast<size_t>(sample.sentence)];
  }
  EXPECT_GT(sentences[0], 30);
  EXPECT_GT(sentences[1], 30);
}

}  // namespace
}  // namespace paraplan
