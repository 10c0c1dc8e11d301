#include "costmodel/io/models/layer_model.h"

#include <gtest/gtest.h>

#include "costmodel/io/model_file.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

// Lines 1 to 30.
constexpr const char* kMixed = R"(layers = 7
hidden = 64
vocab = 96
positions = "rotary"
source = "a paper"

[[kind]]
name = "local"
norm = "rms"
[kind.attention]
heads = 8
kv_heads = 4
head_width = 8
window = 16
[kind.feed_forward]
width = 256
activation = "swiglu"

[[kind]]
name = "global"
[kind.attention]
heads = 8
head_width = 8
[kind.feed_forward]
width = 128
[kind.experts]
count = 4
top_k = 2

[[pattern]]
kind = "local"
count = 2
[[pattern]]
kind = "global"
)";

class LayerModel : public testing::Test {
 protected:
  ModelSpec load(const std::string& text) { return load_model(folder_.write("m.toml", text)); }
  // Of kMixed with one text for another.
  std::string error_of(const std::string& from, const std::string& to) {
    return folder_.error_of([&] { load(replaced(kMixed, from, to)); });
  }

  TemporaryFolder folder_;
};

TEST_F(LayerModel, RepeatsItsPatternUntilAllLayersAreDealt) {
  const ModelSpec model = load(kMixed);
  EXPECT_EQ(model.name, "m");
  EXPECT_EQ(model.layers(), 7);
  EXPECT_EQ(model.runs, (std::vector<LayerRun>{{0, 2}, {1, 1}, {0, 2}, {1, 1}, {0, 1}}));
  EXPECT_EQ(model.kinds[0].attention.window, 16);
  EXPECT_EQ(model.kinds[1].attention.kv_heads, 8);  // as many as heads
  EXPECT_EQ(model.kinds[1].feed_forward.experts.top_k, 2);
}

TEST_F(LayerModel, ReadsBackAsItWasWritten) {
  const ModelSpec model = load(kMixed);
  const std::string text = layer_model_text(model, "a paper");
  EXPECT_EQ(load(text), model);
  EXPECT_EQ(layer_model_text(load(text), "a paper"), text);
}

TEST_F(LayerModel, OfOneKindNeedsNoPattern) {
  const ModelSpec model = load(
      "layers = 3\nhidden = 64\nvocab = 96\n[[kind]]\nattention = { heads = 8, head_width = 8 }\n"
      "feed_forward = { width = 256 }\n");
  EXPECT_EQ(model.runs, (std::vector<LayerRun>{{0, 3}}));
}

TEST_F(LayerModel, NamesWhatIsWrong) {
  EXPECT_EQ(error_of("kind = \"global\"", "kind = \"globl\""),
            "m.toml:34: pattern.1.kind: \"globl\" is none of local, global; did you mean \"global\"?");
  EXPECT_EQ(error_of("name = \"global\"", "name = \"local\""),
            "m.toml:20: kind.1.name: two kinds have this name");
  EXPECT_EQ(error_of("window = 16", "windows = 16"),
            "m.toml:14: kind.0.attention.windows: unknown key; did you mean \"window\"?");
  EXPECT_EQ(error_of("kv_heads = 4", "kv_heads = 3"),
            "m.toml:12: kind.0.attention.kv_heads: must divide heads = 8, is 3");
  EXPECT_EQ(
      error_of("window = 16", "window = 16\nchunk = 8"),
      "m.toml:15: kind.0.attention.chunk: an attention with a window has no chunks; give one of the two");
  EXPECT_EQ(error_of("top_k = 2", "top_k = 5"),
            "m.toml:28: kind.1.experts.top_k: must be from 1 to count = 4, is 5");
  EXPECT_EQ(error_of("count = 4\ntop_k = 2", "top_k = 2"),
            "m.toml:26: kind.1.experts.count: missing; the other keys of experts need it");
  EXPECT_EQ(error_of("window = 16", "rope_width = 4"),
            "m.toml:14: kind.0.attention.rope_width: belongs to latent attention; give kv_rank, too");
  EXPECT_EQ(error_of("head_width = 8\nwindow", "window").substr(0, 62),
            "m.toml:10: kind.0.attention.head_width: missing; must be an in");
  EXPECT_EQ(error_of("layers = 7", "layers = 2"), "m.toml:30: pattern: no layer is of kind \"global\"");
}

}  // namespace
}  // namespace paraplan
