// One rank against PyTorch: golden/pytorch_reference.py says what it trains, with which data and settings.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "executor/data/sample_maker.h"
#include "training.h"

namespace paraplan {
namespace {

using Json = nlohmann::json;

constexpr int64_t kBlockIds = 64;  // weight identifiers of a block

Family family_of(const std::string& name) {
  if (name == "gpt") return Family::gpt;
  return name == "bert" ? Family::bert : Family::llama;
}

Scenario scenario_of(const Json& model, Precision precision) {
  Scenario s = small_scenario(family_of(model.at("family")), 0);
  s.model.resize(model.at("layers"));
  s.model.hidden = model.at("hidden");
  LayerKind& layer = s.model.kinds[0];
  layer.attention.heads = model.at("heads");
  layer.attention.kv_heads = model.at("kv_heads");
  layer.attention.head_width = s.model.hidden / layer.attention.heads;
  layer.feed_forward.width = model.at("ffn");
  s.model.vocab = model.at("vocab");
  s.model.max_positions = model.at("max_positions");
  s.model.tied_embeddings = model.at("tied_embeddings");
  s.seq_length = model.at("seq_length");
  s.global_batch = model.at("global_batch");
  s.precision = precision;
  return s;
}

// The script's data.
class ScriptText : public SampleSource {
 public:
  explicit ScriptText(const Scenario& s)
      : task_(s.model.task),
        length_(s.seq_length),
        batch_(s.global_batch),
        vocab_(static_cast<uint64_t>(s.model.vocab)) {}

  Sample sample(int64_t step, int64_t index) const override {
    const auto seed = static_cast<uint64_t>(1000003 * (step * batch_ + index));
    const auto token = [&](int64_t t) {
      return static_cast<int64_t>(splitmix64(splitmix64(seed) + static_cast<uint64_t>(t)) % vocab_);
    };
    Sample sample;
    for (int64_t t = 0; t < length_; ++t) {
      sample.tokens.push_back(token(t));
      if (task_ == TrainingTask::next_token) sample.targets.push_back(token(t + 1));
      if (task_ == TrainingTask::masked_tokens)
        sample.targets.push_back(t % 7 == 3 ? token(length_ + 1 + t) : -1);
    }
    if (task_ == TrainingTask::masked_tokens) sample.sentence = token(2 * length_ + 2) % 2;
    return sample;
  }

 private:
  TrainingTask task_;
  int64_t length_, batch_;
  uint64_t vocab_;
};

class PyTorch : public testing::TestWithParam<const char*> {
 protected:
  PyTorch() {
    const std::string folder = std::string(PARAPLAN_SOURCE_DIR) + "/tests/executor/golden/";
    std::ifstream(folder + GetParam() + ".json") >> golden_;
  }

  Trained train_here(Precision precision) const {
    const Scenario scenario = scenario_of(golden_.at("model"), precision);
    const auto steps = static_cast<int64_t>(golden_.at("steps").size());
    TrainingJob job = job_of(scenario, Layout{}, steps);
    job.optimizer.learning_rate = 1e-3;  // the script's
    return train_on_threads(job, ScriptText(scenario));
  }
  std::vector<double> column(const char* key) const {
    std::vector<double> values;
    for (const Json& step : golden_.at("steps")) values.push_back(step.at(key));
    return values;
  }

  Json golden_;
};

double norm_of(const std::vector<double>& values) {
  double squares = 0;
  for (double value : values) squares += value * value;
  return std::sqrt(squares);
}

TEST_P(PyTorch, AgreesInDoublePrecision) {
  const Trained trained = train_here(Precision::fp64);
  EXPECT_LT(difference(column("loss"), trained.losses), 1e-9);
  EXPECT_LT(difference(column("gradient_norm"), trained.norms), 1e-9);
  const Json& rows = golden_.at("first_step_gradients");
  ASSERT_EQ(rows.size(), trained.first_gradients.size());
  for (const Json& row : rows) {
    const int64_t id = kBlockIds * row.at("block").get<int64_t>() + row.at("index").get<int64_t>();
    SCOPED_TRACE(row.at("name").get<std::string>() + " " + std::to_string(id));
    ASSERT_TRUE(trained.first_gradients.contains(id));
    const std::vector<double>& gradient = trained.first_gradients.at(id);
    int64_t elements = 1;
    for (const Json& size : row.at("shape")) elements *= size.get<int64_t>();
    ASSERT_EQ(gradient.size(), static_cast<size_t>(elements));
    const double norm = row.at("norm");
    EXPECT_NEAR(norm_of(gradient), norm, 1e-9 * norm);
    for (const Json& entry : row.at("entries")) {
      const double expected = entry.at("value");
      // The gradient of the keys' bias is zero but for rounding, so that it is judged by the others.
      EXPECT_NEAR(gradient.at(entry.at("index")), expected, 1e-9 * std::max(std::abs(expected), 1e-6 * norm));
    }
  }
}

TEST_P(PyTorch, AgreesInSinglePrecision) {
  EXPECT_LT(difference(column("loss"), train_here(Precision::fp32).losses), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Families, PyTorch, testing::Values("gpt", "bert", "llama"));

}  // namespace
}  // namespace paraplan
