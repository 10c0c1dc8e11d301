#include <gtest/gtest.h>

#include <string>

#include "costmodel/io/huggingface/import.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

// Lines of a small mixture of experts, 1 to 14.
constexpr const char* kMixtral = R"({
  "model_type": "mixtral",
  "hidden_size": 64,
  "intermediate_size": 128,
  "num_attention_heads": 8,
  "num_key_value_heads": 4,
  "num_hidden_layers": 2,
  "num_local_experts": 4,
  "num_experts_per_tok": 2,
  "rope_theta": 1e6,
  "sliding_window": null,
  "tie_word_embeddings": false,
  "vocab_size": 1000
}
)";

class HuggingFaceFaults : public testing::Test {
 protected:
  // Of kMixtral with one text for another.
  std::string error_of(const std::string& from, const std::string& to) {
    std::string text = kMixtral;
    const size_t place = text.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    return error_of_text(text.replace(place, from.size(), to));
  }
  std::string error_of_text(const std::string& text) {
    const auto file = folder_.write("config.json", text);
    return folder_.error_of([&] { import_huggingface(file); });
  }

  TemporaryFolder folder_;
};

TEST_F(HuggingFaceFaults, TheTextItselfHasNone) {
  EXPECT_EQ(import_huggingface(folder_.write("config.json", kMixtral)).layers(), 2);
}

TEST_F(HuggingFaceFaults, NamesAnUnknownArchitecture) {
  EXPECT_EQ(error_of("\"mixtral\"", "\"mixtrel\"").substr(0, 73),
            "config.json:2: model_type: \"mixtrel\" is not known; did you mean \"mixtral\"");
  EXPECT_EQ(error_of("\"model_type\": \"mixtral\",", "").substr(0, 55),
            "config.json: model_type: missing; must be one of bert, ");
}

TEST_F(HuggingFaceFaults, NamesAKeyThatIsNotUnderstood) {
  EXPECT_EQ(
      error_of("\"rope_theta\": 1e6", "\"rope_theta\": 1e6, \"head_pruning\": 3"),
      "config.json:10: head_pruning: unknown for this model_type, and it may change what a layer computes; "
      "leave it out if it does not");
}

TEST_F(HuggingFaceFaults, NamesAMissingKey) {
  EXPECT_EQ(error_of("\"hidden_size\": 64,", ""),
            "config.json: hidden_size: missing; must be an integer from 1 to 2^40");
}

TEST_F(HuggingFaceFaults, NamesAWrongType) {
  EXPECT_EQ(error_of("\"hidden_size\": 64", "\"hidden_size\": \"64\""),
            "config.json:3: hidden_size: must be an integer from 1 to 2^40, is a string");
  EXPECT_EQ(error_of("\"hidden_size\": 64", "\"hidden_size\": 64.5"),
            "config.json:3: hidden_size: must be an integer from 1 to 2^40, is 64.5");
  EXPECT_EQ(error_of("\"hidden_size\": 64", "\"hidden_size\": -64"),
            "config.json:3: hidden_size: must be an integer from 1 to 2^40, is -64");
  EXPECT_EQ(error_of("false", "\"no\""),
            "config.json:12: tie_word_embeddings: must be true or false, is a string");
}

TEST_F(HuggingFaceFaults, NamesWhatDoesNotDivide) {
  EXPECT_EQ(error_of("\"num_key_value_heads\": 4", "\"num_key_value_heads\": 3"),
            "config.json:6: num_key_value_heads: must divide num_attention_heads = 8, is 3");
  EXPECT_EQ(error_of("\"hidden_size\": 64", "\"hidden_size\": 60"),
            "config.json:5: num_attention_heads: must divide the hidden size 60, is 8; or give head_dim");
  EXPECT_EQ(error_of("\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 5"),
            "config.json:9: num_experts_per_tok: must be at most num_local_experts = 4, is 5");
}

TEST_F(HuggingFaceFaults, NamesAnUnknownActivation) {
  EXPECT_EQ(error_of("\"rope_theta\": 1e6", "\"hidden_act\": \"mish\""),
            "config.json:10: hidden_act: must be \"silu\", \"gelu\" or an approximation of it, is \"mish\"");
}

TEST_F(HuggingFaceFaults, RefusesQuantisedWeightsAndVision) {
  EXPECT_EQ(
      error_of("\"rope_theta\": 1e6", "\"quantization_config\": {\"bits\": 4}"),
      "config.json:10: quantization_config: must be null or left out: quantised weights are not trained; the "
      "model before quantisation is planned without this key");
  EXPECT_EQ(
      error_of("\"rope_theta\": 1e6", "\"vision_config\": {\"depth\": 4}"),
      "config.json:10: vision_config: the model sees more than text, which is not supported; to plan its "
      "language model alone, save the value of text_config as a file of its own");
}

TEST_F(HuggingFaceFaults, NamesTextThatIsNoJson) {
  const std::string text = kMixtral;
  EXPECT_EQ(error_of_text(text.substr(0, 120)).substr(0, 34), "config.json:6: not valid JSON: [js");
  EXPECT_EQ(error_of_text("[1, 2]\n"),
            "config.json:1: must be an object with the keys of a configuration, is a list");
  EXPECT_EQ(error_of_text("{\"vocab_size\": 1, \"vocab_size\": 2}"),
            "config.json: vocab_size: stands twice; keep one of them");
}

TEST_F(HuggingFaceFaults, KeysOfOneMeaningMustAgree) {
  EXPECT_EQ(error_of_text(R"({"model_type": "gpt2", "n_embd": 64, "hidden_size": 32})"),
            "config.json:1: hidden_size: must be 64, as n_embd is, is 32");
}

}  // namespace
}  // namespace paraplan
