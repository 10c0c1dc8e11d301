#include "costmodel/io/model_file.h"

#include <gtest/gtest.h>

#include "costmodel/io/text/toml_reader.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

constexpr const char* kGpt = R"(family = "gpt"
layers = 24
hidden = 1024
heads = 16
vocab = 50257
source = "a paper"
)";

constexpr const char* kLlama = R"(family = "llama"
layers = 80
hidden = 8192
heads = 64
kv_heads = 8
ffn = 28672
vocab = 32000
source = "a paper"
)";

class ModelFile : public testing::Test {
 protected:
  ModelSpec load(const std::string& text) { return load_model(folder_.write("m.toml", text)); }
  std::string error_of(const std::string& text) {
    return folder_.error_of([&] { load(text); });
  }
  // `line` is appended; gpt and llama texts above have 6 and 8 lines.
  std::string gpt_error(const std::string& line) { return error_of(kGpt + line); }

  TemporaryFolder folder_;
};

TEST_F(ModelFile, FillsInTheDefaultsOfGpt) {
  const ModelSpec model = load(kGpt);
  EXPECT_EQ(model.name, "m");
  EXPECT_EQ(model.layers(), 24);
  ASSERT_EQ(model.kinds.size(), 1U);
  const LayerKind expected{
      .attention = {.heads = 16, .kv_heads = 16, .head_width = 64, .qkv_bias = true, .output_bias = true},
      .feed_forward = {.width = 4096, .bias = true}};
  EXPECT_EQ(model.kinds[0], expected);
  EXPECT_EQ(model.max_positions, 0);
  EXPECT_TRUE(model.tied_embeddings);
  EXPECT_EQ(model.dropout, 0.1);
}

TEST_F(ModelFile, FillsInTheDefaultsOfLlama) {
  const ModelSpec model = load(std::string(kLlama) + "qkv_bias = true\n");
  const LayerKind expected{.attention = {.heads = 64, .kv_heads = 8, .head_width = 128, .qkv_bias = true},
                           .feed_forward = {.width = 28672, .activation = Activation::swiglu},
                           .norm = NormKind::rms};
  EXPECT_EQ(model.kinds.at(0), expected);
  EXPECT_EQ(model.positions, Positions::rotary);
  EXPECT_FALSE(model.tied_embeddings);
  EXPECT_EQ(model.dropout, 0);
}

TEST_F(ModelFile, GivenValuesBeatDefaults) {
  const ModelSpec model =
      load(std::string(kGpt) + "ffn = 3000\nmax_positions = 2048\ntied_embeddings = false\ndropout = 0\n");
  EXPECT_EQ(model.kinds.at(0).feed_forward.width, 3000);
  EXPECT_EQ(model.max_positions, 2048);
  EXPECT_FALSE(model.tied_embeddings);
  EXPECT_EQ(model.dropout, 0);
}

TEST_F(ModelFile, HeadsMayBeWiderThanTheirShareOfTheHiddenSize) {
  const ModelSpec model = load(std::string(kLlama) + "head_width = 96\n");
  EXPECT_EQ(model.kinds.at(0).attention.head_width, 96);
}

TEST_F(ModelFile, OnlyShippedModelsMustNameTheirSource) {
  EXPECT_EQ(load(replaced(kGpt, "source = \"a paper\"\n", "")).layers(), 24);
  int shipped = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PARAPLAN_SOURCE_DIR "/scenarios/models")) {
    EXPECT_NE(TomlReader(entry.path()).text("source"), "") << entry.path();
    ++shipped;
  }
  EXPECT_GT(shipped, 0);
}

TEST_F(ModelFile, NamesAllMissingKeys) {
  EXPECT_EQ(error_of("family = \"gpt\"\nhidden = 8\n"),
            "m.toml: layers: missing; must be an integer from 1 to 2^40; also missing: heads, vocab");
  EXPECT_EQ(
      error_of(""),
      "m.toml: family: missing; must be one of gpt, bert, llama; also missing: layers, hidden, heads, vocab");
  EXPECT_EQ(error_of(replaced(kLlama, "ffn = 28672\n", "")),
            "m.toml: ffn: missing; must be the width of one gated half, for family \"llama\"");
}

TEST_F(ModelFile, AMisspeltKeyIsUnknownBeforeAnotherIsMissing) {
  EXPECT_EQ(error_of(replaced(kGpt, "hidden", "hiden")),
            "m.toml:3: hiden: unknown key; did you mean \"hidden\"?");
}

TEST_F(ModelFile, NamesOfOtherProgramsAreHintsOnly) {
  EXPECT_EQ(error_of(replaced(kGpt, "hidden", "hidden_size")),
            "m.toml:3: hidden_size: unknown key; did you mean \"hidden\"?");
  EXPECT_EQ(gpt_error("num_key_value_heads = 4\n"),
            "m.toml:7: num_key_value_heads: unknown key; did you mean \"kv_heads\"?");
  EXPECT_EQ(gpt_error("seq_len = 2048\n"),
            "m.toml:7: seq_len: unknown key; \"seq_length\" belongs to [training] of a scenario");
  EXPECT_EQ(gpt_error("rope_theta = 10000.0\n"),
            "m.toml:7: rope_theta: unknown key; it changes neither time nor memory; leave it out");
}

TEST_F(ModelFile, WhatIsNotSupportedYetIsNotUnknown) {
  EXPECT_EQ(gpt_error("head_dim = 128\n"),
            "m.toml:7: head_dim: not supported yet: a width of the heads other than hidden / heads");
  EXPECT_EQ(gpt_error("sliding_window = 4096\n"),
            "m.toml:7: sliding_window: not supported yet: attention in a sliding window");
  EXPECT_EQ(gpt_error("[moe]\nnum_experts = 8\n"),
            "m.toml:7: moe: not supported yet: mixture of experts and expert parallelism");
  EXPECT_EQ(
      error_of(replaced(kGpt, "\"gpt\"", "\"mixtral\"")),
      "m.toml:1: family: \"mixtral\" is none of gpt, bert, llama; not supported yet: mixture of experts "
      "and expert parallelism");
}

TEST_F(ModelFile, RefusesWrongTypes) {
  EXPECT_EQ(error_of(replaced(kGpt, "= 24", "= 24.0")),
            "m.toml:2: layers: must be an integer from 1 to 2^40, is a number with a fraction");
  EXPECT_EQ(error_of(replaced(kGpt, "= 24", "= \"24\"")),
            "m.toml:2: layers: must be an integer from 1 to 2^40, is a string");
  EXPECT_EQ(error_of(replaced(kGpt, "= 24", "= true")),
            "m.toml:2: layers: must be an integer from 1 to 2^40, is true or false");
  EXPECT_EQ(error_of(replaced(kGpt, "\"gpt\"", "7")),
            "m.toml:1: family: must be a string in quotes, is an integer");
  EXPECT_EQ(gpt_error("tied_embeddings = 1\n"),
            "m.toml:7: tied_embeddings: must be true or false, is an integer");
}

TEST_F(ModelFile, RefusesImpossibleValues) {
  EXPECT_EQ(error_of(replaced(kGpt, "= 24", "= 0")),
            "m.toml:2: layers: must be an integer from 1 to 2^40, is 0");
  EXPECT_EQ(error_of(replaced(kGpt, "= 24", "= -3")),
            "m.toml:2: layers: must be an integer from 1 to 2^40, is -3");
  EXPECT_EQ(error_of(replaced(kGpt, "= 24", "= 1099511627777")),
            "m.toml:2: layers: must be an integer from 1 to 2^40, is 1099511627777");
  EXPECT_EQ(error_of(replaced(kGpt, "\"gpt\"", "\"gpd\"")),
            "m.toml:1: family: \"gpd\" is none of gpt, bert, llama; did you mean \"gpt\"?");
  EXPECT_EQ(error_of(replaced(kGpt, "= 16", "= 15")),
            "m.toml:4: heads: must divide hidden = 1024, is 15; or give head_width");
  EXPECT_EQ(gpt_error("kv_heads = 3\n"), "m.toml:7: kv_heads: must divide heads = 16, is 3");
  EXPECT_EQ(gpt_error("dropout = 1\n"), "m.toml:7: dropout: must be a number from 0, at most 0.99, is 1");
  EXPECT_EQ(gpt_error("dropout = nan\n"), "m.toml:7: dropout: must be a number from 0, at most 0.99, is nan");
  EXPECT_EQ(gpt_error("qkv_bias = false\n"),
            "m.toml:7: qkv_bias: belongs to family \"llama\"; \"gpt\" always has biases");
}

TEST_F(ModelFile, CountsTenTrillionParametersButNotMoreThanIntegersHold) {
  // 12 * 1000 * 28800^2 = 1e13
  std::string large = replaced(replaced(kGpt, "= 24", "= 1000"), "= 1024", "= 28800");
  EXPECT_EQ(load(large).hidden, 28800);
  EXPECT_EQ(error_of(replaced(replaced(kGpt, "= 24", "= 1000000"), "= 1024", "= 1048576")),
            "m.toml:3: hidden: the model is too large: 4 layers hidden^2 must be at most 2^53");
  EXPECT_EQ(gpt_error("ffn = 1099511627776\n"),
            "m.toml:7: ffn: the model is too large: 4 layers hidden ffn must be at most 2^53");
  EXPECT_EQ(error_of(replaced(replaced(kGpt, "= 50257", "= 1099511627776"), "= 1024", "= 16384")),
            "m.toml:5: vocab: the model is too large: vocab hidden must be at most 2^53");
}

TEST_F(ModelFile, ReportsSyntaxErrorsWithTheirLine) {
  EXPECT_EQ(error_of("family = \"gpt\"\nlayers = \n").substr(0, 23), "m.toml:2: not valid TOM");
  EXPECT_EQ(error_of("layers = 1\nlayers = 2\n").substr(0, 23), "m.toml:2: not valid TOM");
  EXPECT_EQ(error_of("layers = 99999999999999999999\n").substr(0, 23), "m.toml:1: not valid TOM");
}

TEST_F(ModelFile, ReportsFilesThatCannotBeRead) {
  EXPECT_EQ(folder_.error_of([&] { load_model(folder_.path() / "none.toml"); }),
            "none.toml: cannot be read: No such file or directory");
  folder_.write("sub/x", "");
  EXPECT_EQ(folder_.error_of([&] { load_model(folder_.path() / "sub"); }),
            "sub: is a folder without a config.json; a model's folder has one");
}

}  // namespace
}  // namespace paraplan
