#include "costmodel/io/measured_rows.h"

#include <gtest/gtest.h>

#include "costmodel/io/scenario_file.h"
#include "tests/costmodel/io/scenario_tree.h"

namespace paraplan {
namespace {

// The scenario has 4 nodes of 2 devices, sequences of 1024 and a global batch of 64; the model 24 layers, 16
// heads.
class MeasuredRows : public testing::Test {
 protected:
  std::vector<MeasuredRow> load(const std::string& text) {
    return load_measured(tree_.write("rows.tsv", text), load_scenario(tree_.scenario(), {}));
  }
  std::string error_of(const std::string& text) {
    return tree_.error_of([&] { load(text); });
  }
  // Error of one row under the smallest header with `columns` more columns.
  std::string row_error(const std::string& columns, const std::string& cells) {
    return error_of("id\tdata\ttensor\tpipeline\tmicro_batch\titeration_time_s" + columns + "\n" + cells +
                    "\n");
  }

  ScenarioTree tree_;
};

TEST_F(MeasuredRows, AbsentColumnsAndEmptyCellsTakeTheScenarioAndTheDefaults) {
  const auto rows = load(
      "id\tdata\ttensor\tpipeline\tmicro_batch\titeration_time_s\trecompute\tlayers\n"
      "one\t4\t2\t1\t8\t0.25\t\t\n");
  ASSERT_EQ(rows.size(), 1u);
  const MeasuredRow& row = rows[0];
  EXPECT_EQ(row.id, "one");
  EXPECT_EQ(row.line, 2);
  EXPECT_EQ(row.job, job_of(load_scenario(tree_.scenario())));
  Layout layout;
  layout.data = 4;
  layout.tensor = 2;
  layout.micro_batch = 8;
  EXPECT_EQ(row.layout, layout);
  EXPECT_EQ(row.iteration_time_s, 0.25);
  EXPECT_EQ(row.samples_per_s, std::nullopt);
  EXPECT_EQ(row.oom, std::nullopt);
}

TEST_F(MeasuredRows, LayersOfSeveralKindsHaveAnOrderOfTheirOwn) {
  const std::string kind = "attention = { heads = 16, head_width = 64 }\nfeed_forward = { width = 4096 }\n";
  tree_.write("jobs/models/mixed.toml",
              "layers = 24\nhidden = 1024\nvocab = 50257\n[[kind]]\nname = \"a\"\n" + kind +
                  "[[kind]]\nname = \"b\"\nnorm = \"rms\"\n" + kind +
                  "[[pattern]]\nkind = \"a\"\n[[pattern]]\nkind = \"b\"\n");
  EXPECT_EQ(row_error("\tmodel\tlayers", "x\t4\t2\t1\t8\t0.25\tmixed\t12"),
            "rows.tsv:2: layers: must be 24: model \"mixed\" has several kinds of layers, in an order "
            "of their own; "
            "is 12");
}

TEST_F(MeasuredRows, ReadsEveryColumn) {
  tree_.write("jobs/models/big.toml", model_text(""));
  tree_.write("profiles/hardware/v100.toml",
              replaced(hardware_text(), "[device]",
                       "[device]\nclock_GHz = { value = 1.4, kind = \"datasheet\", source = \"maker\" }"));
  const auto rows = load(
      "id\tmodel\tlayers\tseq_length\tnodes\tdevices_per_node\tclock_ghz\tglobal_"
      "batch\tdata\ttensor\tpipeline\t"
      "context\texpert\tvirtual_stages\tmicro_batch\trecompute\trecompute_layers\tsequence_parallel\tzero_"
      "stage\t"
      "offload\tschedule\tsamples_per_s\ttokens_per_s_per_device\tpeak_memory_mib\toutcome\n"
      "x\tbig\t48\t512\t8\t1\t2.0\t32\t1\t2\t2\t2\t1\t2\t4\tlayers\t3\t1\t1\toptimizer\tinterleaved\t10."
      "5\t2000\t"
      "8000\tok\n");
  const MeasuredRow& row = rows.at(0);
  EXPECT_EQ(row.job.model.name, "big");
  EXPECT_EQ(row.job.model.layers(), 48);
  EXPECT_EQ(row.job.seq_length, 512);
  EXPECT_EQ(row.job.cluster, (Cluster{8, 1, 2e9, 0}));
  EXPECT_EQ(row.job.global_batch, 32);
  EXPECT_EQ(to_string(row.layout),
            "data=1,tensor=2,pipeline=2,micro_batch=4,context=2,virtual_stages=2,recompute=layers,recompute_"
            "layers=3,"
            "sequence_parallel=on,zero_stage=1,offload=optimizer,schedule=interleaved");
  EXPECT_EQ(row.samples_per_s, 10.5);
  EXPECT_EQ(row.tokens_per_s_per_device, 2000);
  EXPECT_EQ(row.peak_memory_mib, 8000);
  EXPECT_EQ(row.oom, false);
}

TEST_F(MeasuredRows, ApplyChangesTheWorkAndKeepsTheProfiles) {
  const Scenario base = load_scenario(tree_.scenario());
  Job job = job_of(base);
  job.model.resize(7);
  job.cluster.nodes = 2;
  job.seq_length = 128;
  job.global_batch = 4;
  const Scenario changed = apply(base, job);
  EXPECT_EQ(job_of(changed), job);
  EXPECT_EQ(changed.hardware.name, base.hardware.name);
  EXPECT_EQ(changed.precision, base.precision);
}

TEST_F(MeasuredRows, AcceptsCarriageReturnsAndEmptyLines) {
  const auto rows = load(
      "id\tdata\ttensor\tpipeline\tmicro_batch\toutcome\r\n"
      "a\t8\t1\t1\t1\toom\r\n"
      "\r\n"
      "b\t8\t1\t1\t1\tok\r\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].oom, true);
  EXPECT_EQ(rows[1].oom, false);
  EXPECT_EQ(rows[1].line, 4);
}

TEST_F(MeasuredRows, AcceptsAByteOrderMark) {
  EXPECT_EQ(
      load("\xef\xbb\xbfid\tdata\ttensor\tpipeline\tmicro_batch\toutcome\na\t8\t1\t1\t1\tok\n").at(0).id,
      "a");
}

TEST_F(MeasuredRows, RefusesBrokenHeaders) {
  EXPECT_EQ(error_of(""), "rows.tsv: is empty; needs a header line");
  EXPECT_EQ(error_of("id\tdata\ttensor\tpipeline\tmicro_batch\toutcome\n"),
            "rows.tsv: has a header line but no rows");
  EXPECT_EQ(error_of("id\tdata\ttensor\tpipline\n"),
            "rows.tsv:1: pipline: unknown column; did you mean \"pipeline\"?");
  EXPECT_EQ(error_of("id\tdata\ttensor\tpp\n"), "rows.tsv:1: pp: unknown column; did you mean \"pipeline\"?");
  EXPECT_EQ(error_of("id\tdata\ttensor\tpipeline\tnum_experts\n"),
            "rows.tsv:1: num_experts: not supported yet: mixture of experts and expert parallelism");
  EXPECT_EQ(error_of("id\tdata\ttensor\thidden_size\n"),
            "rows.tsv:1: hidden_size: unknown column; \"hidden\" belongs to a model file");
  EXPECT_EQ(error_of("id\tdata\ttensor\tdata\n"), "rows.tsv:1: data: this column comes twice");
  EXPECT_EQ(error_of("id\tdata\ttensor\tpipeline\toutcome\n"),
            "rows.tsv:1: micro_batch: this column is missing");
  EXPECT_EQ(error_of("id\tdata\ttensor\tpipeline\tmicro_batch\na\t8\t1\t1\t1\n"),
            "rows.tsv:1: has no column with results; needs one of iteration_time_s, samples_per_s, "
            "tokens_per_s_per_device, peak_memory_mib, outcome");
  EXPECT_EQ(error_of("zz\n").substr(0, 72),
            "rows.tsv:1: zz: unknown column; known: id, model, layers, seq_length, no");
}

TEST_F(MeasuredRows, SaysThatTabsSeparateColumns) {
  EXPECT_EQ(error_of("id,data,tensor\na,8,1\n"),
            "rows.tsv:1: columns are separated by tabs; there is no tab in \"id,data,tensor\"");
  EXPECT_EQ(error_of("id data tensor\na 8 1\n"),
            "rows.tsv:1: columns are separated by tabs; there is no tab in \"id data tensor\"");
}

TEST_F(MeasuredRows, ShortensAndEscapesWhatItShows) {
  EXPECT_TRUE(error_of(std::string("id\ttens\0r\n", 10)).starts_with("rows.tsv:1: tens\\u0000r: unknown"));
  EXPECT_TRUE(error_of("id\t" + std::string(20'000, 'x') + "\n")
                  .starts_with("rows.tsv:1: " + std::string(60, 'x') + "...: unknown column"));
  // The 60th byte is within a character.
  EXPECT_TRUE(error_of("id\t" + std::string(59, 'x') + "\u00fcber\n")
                  .starts_with("rows.tsv:1: " + std::string(59, 'x') + "...: unknown column"));
  EXPECT_EQ(row_error("\tlayers", "a\t8\t1\t1\t1\t1\t" + std::string(61, '9')),
            "rows.tsv:2: layers: must be an integer from 1 to 2^40, is \"" + std::string(60, '9') + "...\"");
}

TEST_F(MeasuredRows, RefusesRowsOfAnotherLength) {
  EXPECT_EQ(row_error("", "a\t8\t1\t1\t1"), "rows.tsv:2: has 5 tab-separated cells, the header has 6");
  EXPECT_EQ(row_error("", "a\t8\t1\t1\t1\t1\t"), "rows.tsv:2: has 7 tab-separated cells, the header has 6");
}

TEST_F(MeasuredRows, RefusesWhatIsNotUtf8) {
  const std::string cells = "\t4\t2\t1\t8\t0.25";
  const std::string error = "rows.tsv:2: is not valid UTF-8; save the file as UTF-8";
  // Latin-1, a character cut short, an overlong slash, half a surrogate pair, beyond the last character.
  for (const char* id : {"m\xfcll", "m\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_EQ(row_error("", id + cells), error);
  const std::string header = "id\tdata\ttensor\tpipeline\tmicro_batch\titeration_time_s\n";
  for (const char* id : {"m\u00fcll", "\u20ac", "\U0010ffff"})
    EXPECT_EQ(load(header + id + cells).at(0).id, id);
}

TEST_F(MeasuredRows, RefusesBrokenCells) {
  EXPECT_EQ(row_error("", "\t8\t1\t1\t1\t1"), "rows.tsv:2: id: must not be empty");
  EXPECT_EQ(row_error("", "a\t8\t1\t1\t1\t1\na\t8\t1\t1\t1\t2"),
            "rows.tsv:3: id: \"a\" is already the id of line 2");
  EXPECT_EQ(row_error("", "a\t8\t\t1\t1\t1"),
            "rows.tsv:2: tensor: must be an integer from 1 to 2^40, is empty");
  EXPECT_EQ(row_error("", "a\t8.0\t1\t1\t1\t1"),
            "rows.tsv:2: data: \"8.0\" must be an integer from 1 to 2^40");
  EXPECT_EQ(row_error("\tlayers", "a\t8\t1\t1\t1\t1\tx"),
            "rows.tsv:2: layers: must be an integer from 1 to 2^40, is \"x\"");
  EXPECT_EQ(row_error("\tsequence_parallel", "a\t8\t1\t1\t1\t1\t2"),
            "rows.tsv:2: sequence_parallel: \"2\" must be on or off (or 1, 0, true, false)");
  EXPECT_EQ(row_error("\texpert", "a\t8\t1\t1\t1\t1\t8"),
            "rows.tsv:2: expert: \"8\" must be 1: expert parallelism is not supported yet");
  EXPECT_EQ(row_error("\trecompute_layers", "a\t8\t1\t1\t1\t1\t3"),
            "rows.tsv:2: recompute_layers: belongs to recompute=layers, recompute is none");
  EXPECT_EQ(row_error("\tmodel", "a\t8\t1\t1\t1\t1\tgtp"),
            "rows.tsv:2: model: there is no gtp.toml in jobs/models; did you mean \"gpt\"? There is: gpt");
}

TEST_F(MeasuredRows, RefusesImpossibleResults) {
  for (const char* value : {"0", "-1", "inf", "nan", "1e999", "1 s", "1,5"}) {
    EXPECT_EQ(row_error("", std::string("a\t8\t1\t1\t1\t") + value),
              std::string("rows.tsv:2: iteration_time_s: must be a number above 0, is \"") + value + "\"");
  }
  EXPECT_EQ(row_error("\toutcome", "a\t8\t1\t1\t1\t\tfailed"),
            "rows.tsv:2: outcome: must be ok or oom, is \"failed\"");
  EXPECT_EQ(row_error("\toutcome", "a\t8\t1\t1\t1\t3\toom"),
            "rows.tsv:2: outcome: is oom, so the row cannot have other results");
  EXPECT_EQ(row_error("\toutcome", "a\t8\t1\t1\t1\t\t"),
            "rows.tsv:2: has no result; needs at least one of iteration_time_s, samples_per_s, "
            "tokens_per_s_per_device, peak_memory_mib, outcome");
}

TEST_F(MeasuredRows, RefusesLayoutsThatDoNotFitTheJob) {
  EXPECT_EQ(row_error("", "a\t4\t1\t1\t1\t1"),
            "rows.tsv:2: data: data x tensor x pipeline x context = 4, but nodes x devices_per_node = 8");
  EXPECT_EQ(row_error("", "a\t8\t1\t1\t3\t1"),
            "rows.tsv:2: global_batch: must be a multiple of micro_batch x data = 3 x 8, is 64");
  EXPECT_EQ(row_error("", "a\t8\t1\t1\t16\t1"),
            "rows.tsv:2: global_batch: must be a multiple of micro_batch x data = 16 x 8, is 64");
  EXPECT_EQ(row_error("\tnodes\tdevices_per_node\tglobal_batch", "a\t1\t3\t1\t1\t1\t3\t1\t1"),
            "rows.tsv:2: tensor: must divide the 16 heads of model \"gpt\", is 3");
}

TEST_F(MeasuredRows, RefusesJobsThatDoNotFitTheProfiles) {
  EXPECT_EQ(
      row_error("\tdevices_per_node", "a\t8\t1\t1\t1\t1\t8"),
      "rows.tsv:2: devices_per_node: must be at most 2, the devices of a node of hardware \"v100\", is 8");
  EXPECT_EQ(
      row_error("\tclock_ghz", "a\t8\t1\t1\t1\t1\t2.2"),
      "rows.tsv:2: clock_ghz: hardware \"v100\" has a fixed clock (no device.clock_GHz); leave this out");
  EXPECT_EQ(row_error("\tseq_length", "a\t8\t1\t1\t1\t1\t4096"),
            "rows.tsv:2: seq_length: must be at most 2048, max_positions of model \"gpt\", is 4096");
  EXPECT_EQ(row_error("\tlayers", "a\t8\t1\t1\t1\t1\t1099511627776"),
            "rows.tsv:2: layers: the model is too large: its weights must number at most 2^53");
  EXPECT_EQ(row_error("\tglobal_batch", "a\t8\t1\t1\t1\t1\t4194304"),
            "rows.tsv:2: global_batch: counts samples, not tokens; must be at most 1048576, is 4194304");
  tree_.write("jobs/a.toml", replaced(replaced(scenario_text(), "network = \"roce\"\n", ""), "= 4", "= 1"));
  EXPECT_EQ(row_error("\tnodes", "a\t8\t1\t1\t1\t1\t4"),
            "rows.tsv:2: nodes: must be 1 for a scenario without a network, is 4");
}

TEST_F(MeasuredRows, ShippedRowsLoad) {
  size_t rows = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PARAPLAN_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".toml") continue;
    const Scenario scenario = load_scenario(entry.path());
    if (!scenario.measured_path.empty()) rows += load_measured(scenario.measured_path, scenario).size();
  }
  EXPECT_GT(rows, 0u);
}

}  // namespace
}  // namespace paraplan
