#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>

#include "costmodel/io/model_file.h"
#include "costmodel/model/model_spec.h"
#include "costmodel/ops/model_size.h"

namespace paraplan {
namespace {

// A published size. The tolerance is half a unit of the last digit that was published; 0: every digit was.
struct PublishedSize {
  const char* model;
  int64_t seq_length;  // position embeddings, where the model file leaves them to the sequence
  int64_t parameters;
  int64_t tolerance;
};

std::ostream& operator<<(std::ostream& out, const PublishedSize& size) {
  return out << size.model;
}

class ParameterCount : public testing::TestWithParam<PublishedSize> {};

TEST_P(ParameterCount, IsThePublishedOne) {
  const PublishedSize& published = GetParam();
  const std::filesystem::path models = std::filesystem::path(PARAPLAN_SOURCE_DIR) / "scenarios" / "models";
  const ModelSpec model = load_model(models / (std::string(published.model) + ".toml"));
  EXPECT_NEAR(static_cast<double>(parameter_count(model, published.seq_length)),
              static_cast<double>(published.parameters), static_cast<double>(published.tolerance));
}

constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kBillion = 1'000 * kMillion;

// Released weights, counted tensor by tensor; the tied output projection is counted once.
constexpr PublishedSize kReleasedWeights[] = {
    {"gpt2_124m", 1024, 124'439'808, 0},
    {"gpt2_345m", 1024, 354'823'168, 0},
    {"gpt2_1_5b", 1024, 1'557'611'200, 0},
    // With pooler, masked-LM and next-sentence heads; without the heads it has 335,141,888.
    {"bert_large", 512, 336'226'108, 0},
    {"llama2_7b", 4096, 6'738'415'616, 0},
    {"llama2_13b", 4096, 13'015'864'320, 0},
    {"llama2_70b", 4096, 68'976'648'192, 0},
    {"llama3_8b", 8192, 8'030'261'248, 0},
    {"llama3_70b", 8192, 70'553'706'496, 0},
    {"llama3_405b", 8192, 405'853'388'800, 0},
    {"qwen_14b", 2048, 14'167'290'880, 0},
};
INSTANTIATE_TEST_SUITE_P(ReleasedWeights, ParameterCount, testing::ValuesIn(kReleasedWeights),
                         testing::PrintToStringParamName());

// Narayanan et al. 2021, arXiv 2104.04473, Table 1.
constexpr PublishedSize kNarayanan2021[] = {
    {"gpt3_1_7b", 2048, 1'700 * kMillion, 50 * kMillion},
    {"gpt3_3_6b", 2048, 3'600 * kMillion, 50 * kMillion},
    {"gpt3_7_5b", 2048, 7'500 * kMillion, 50 * kMillion},
    {"gpt3_18b", 2048, 18'400 * kMillion, 50 * kMillion},
    {"gpt3_39b", 2048, 39'100 * kMillion, 50 * kMillion},
    {"gpt3_76b", 2048, 76'100 * kMillion, 50 * kMillion},
    {"gpt3_145b", 2048, 145'600 * kMillion, 50 * kMillion},
    {"gpt3_310b", 2048, 310'100 * kMillion, 50 * kMillion},
    {"gpt3_530b", 2048, 529'600 * kMillion, 50 * kMillion},
    {"gpt3_1t", 2048, 1'008'000 * kMillion, 50 * kMillion},
};
INSTANTIATE_TEST_SUITE_P(Narayanan2021, ParameterCount, testing::ValuesIn(kNarayanan2021),
                         testing::PrintToStringParamName());

constexpr PublishedSize kOtherPapers[] = {
    // Brown et al. 2020, Table D.1; their vocabulary is smaller by 943 rows of 12288, less than the
    // tolerance.
    {"gpt3_175b", 2048, 174'600 * kMillion, 50 * kMillion},
    // Korthikanti et al. 2022, arXiv 2205.05198, Table 3.
    {"megatron_22b", 2048, 22 * kBillion, kBillion / 2},
    {"megatron_530b", 2048, 530 * kBillion, kBillion / 2},
    {"megatron_1t", 2048, 1'000 * kBillion, 50 * kBillion},
};
INSTANTIATE_TEST_SUITE_P(OtherPapers, ParameterCount, testing::ValuesIn(kOtherPapers),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace paraplan
