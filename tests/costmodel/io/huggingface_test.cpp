#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "costmodel/io/huggingface/import.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/models/layer_model.h"
#include "costmodel/ops/model_size.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

const fs::path& fixtures() {
  static const fs::path folder = fs::path(PARAPLAN_SOURCE_DIR) / "tests/golden/huggingface";
  return folder;
}

// A row of parameters.tsv, which count_parameters.py wrote from models that `transformers` built.
struct Counted {
  std::string config;
  int64_t total = 0, active = 0;
};

std::ostream& operator<<(std::ostream& out, const Counted& counted) {
  return out << counted.config;
}

std::vector<Counted> counted_models() {
  std::ifstream file(fixtures() / "parameters.tsv");
  std::string header;
  std::getline(file, header);
  std::vector<Counted> rows;
  for (Counted row; file >> row.config >> row.total >> row.active;) rows.push_back(row);
  return rows;
}

ModelSpec imported(const std::string& config) {
  return import_huggingface(fixtures() / "configs" / (config + ".json"));
}

class HuggingFaceModel : public testing::TestWithParam<Counted> {};

TEST_P(HuggingFaceModel, HasTheParametersThatTransformersCounts) {
  const ModelSpec model = imported(GetParam().config);
  EXPECT_EQ(parameter_count(model, 1), GetParam().total);
  EXPECT_EQ(active_parameter_count(model, 1), GetParam().active);
}

TEST_P(HuggingFaceModel, ReadsBackFromItsModelFile) {
  const ModelSpec model = imported(GetParam().config);
  TemporaryFolder folder;
  EXPECT_EQ(load_model(folder.write(model.name + ".toml", layer_model_text(model, "a source"))), model);
}

INSTANTIATE_TEST_SUITE_P(Published, HuggingFaceModel, testing::ValuesIn(counted_models()),
                         testing::PrintToStringParamName());

TEST(HuggingFace, EveryConfigurationIsCountedAndEveryArchitectureHasOne) {
  const std::vector<Counted> rows = counted_models();
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(fixtures() / "configs")) {
    const bool counted =
        std::ranges::find(rows, entry.path().stem().string(), &Counted::config) != rows.end();
    EXPECT_TRUE(counted) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, rows.size());
  for (const std::string& type : huggingface_model_types()) {
    bool found = false;
    for (const Counted& row : rows) {
      std::ifstream file(fixtures() / "configs" / (row.config + ".json"));
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      found = found || text.find("\"model_type\": \"" + type + "\"") != std::string::npos;
    }
    EXPECT_TRUE(found) << type;
  }
}

}  // namespace
}  // namespace paraplan
