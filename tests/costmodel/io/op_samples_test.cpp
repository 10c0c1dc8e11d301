#include "costmodel/io/profiles/op_samples.h"

#include <gtest/gtest.h>

#include "costmodel/io/profiles/profiles.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

class SampleFiles : public testing::Test {
 protected:
  std::string op_error(const std::string& row) const {
    const auto file = folder_.write(
        "o.tsv",
        "precision\tkind\tderivative\tm\tn\tk\tbatch\tbytes\trandom\tranks\tseconds\tnoise\n" + row + "\n");
    return folder_.error_of([&] { load_op_samples(file); });
  }
  // In a file with the column `causal`; a row of ten tabs before it.
  std::filesystem::path masked_ops(const std::string& row) const {
    return folder_.write(
        "o.tsv",
        "precision\tkind\tderivative\tm\tn\tk\tbatch\tbytes\trandom\tranks\tseconds\tnoise\tcausal\n" + row +
            "\n");
  }
  std::string masked_error(const std::string& row) const {
    return folder_.error_of([&] { load_op_samples(masked_ops(row)); });
  }
  std::string collective_error(const std::string& row) const {
    const auto file = folder_.write("c.tsv", "kind\tranks\tbytes\tseconds\tnoise\n" + row + "\n");
    return folder_.error_of([&] { load_collective_samples(file); });
  }
  std::string hardware_error(const std::string& key) const {
    const auto file = folder_.write("h.toml", key + "\n" + hardware_text());
    return folder_.error_of([&] { load_hardware(file); });
  }

  TemporaryFolder folder_;
};

TEST_F(SampleFiles, BrokenOpsAreRefused) {
  EXPECT_EQ(op_error("int8\tgemm\tnone\t1\t1\t1\t1\t0\t0\t1\t1\t0"),
            "o.tsv:2: precision: \"int8\" is none of fp16, bf16, fp32, fp64");
  EXPECT_EQ(op_error("fp32\tgemm\tx\t1\t1\t1\t1\t0\t0\t1\t1\t0"),
            "o.tsv:2: derivative: \"x\" is none of none, data, weight");
  EXPECT_EQ(op_error("fp32\tall_reduce\tnone\t0\t0\t0\t1\t8\t0\t2\t1\t0"),
            "o.tsv:2: kind: \"all_reduce\" belongs among the collective samples");
  EXPECT_EQ(op_error("fp32\tgemm\tnone\t1\t0\t1\t1\t0\t0\t1\t1\t0"),
            "o.tsv:2: n: must be an integer from 1 to 2^40, is \"0\"");
  EXPECT_EQ(op_error("fp32\tnorm\tnone\t0\t0\t-1\t1\t8\t0\t1\t1\t0"),
            "o.tsv:2: k: must be an integer from 0 to 2^40, is \"-1\"");
  EXPECT_EQ(op_error("fp32\tnorm\tnone\t0\t0\t0\t\t8\t0\t1\t1\t0"),
            "o.tsv:2: batch: must be a number above 0, is empty");
  EXPECT_EQ(op_error("fp32\tnorm\tnone\t0\t0\t0\t1\t-8\t0\t1\t1\t0"),
            "o.tsv:2: bytes: must be a number from 0, is \"-8\"");
  EXPECT_EQ(op_error("fp32\tnorm\tnone\t0\t0\t0\t1\t8\ttrue\t1\t1\t0"),
            "o.tsv:2: random: must be an integer from 0 to 1, is \"true\"");
  EXPECT_EQ(op_error("fp32\tnorm\tnone\t0\t0\t0\t1\t8\t0\t0\t1\t0"),
            "o.tsv:2: ranks: must be an integer from 1 to 2^40, is \"0\"");
  EXPECT_EQ(op_error("fp32\tnorm\tnone\t0\t0\t0\t1\t8\t0\t1\t0\t0"),
            "o.tsv:2: seconds: must be a number above 0, is \"0\"");
  EXPECT_EQ(op_error("fp32\tnorm\tnone\t0\t0\t0\t1\t8\t0\t1\t1\t"),
            "o.tsv:2: noise: must be a number from 0, is \"\"");
}

TEST_F(SampleFiles, OnlyFlashAttentionIsCausal) {
  const auto ops =
      load_op_samples(masked_ops("bf16\tflash_attention\tnone\t64\t64\t128\t8\t4096\t0\t1\t1\t0\t1\n"
                                 "bf16\tflash_attention\tnone\t64\t64\t128\t8\t4096\t0\t1\t1\t0\t0"));
  EXPECT_TRUE(ops[0].causal);
  EXPECT_FALSE(ops[1].causal);
  EXPECT_EQ(masked_error("bf16\tnorm\tnone\t0\t0\t0\t1\t4096\t0\t1\t1\t0\t1"),
            "o.tsv:2: causal: must be an integer from 0 to 0, is \"1\"");
  EXPECT_EQ(masked_error("bf16\tflash_attention\tnone\t64\t64\t128\t8\t4096\t0\t1\t1\t0\t"),
            "o.tsv:2: causal: must be an integer from 0 to 1, is \"\"");
}

TEST_F(SampleFiles, FlashAttentionHasAShape) {
  EXPECT_EQ(op_error("bf16\tflash_attention\tnone\t64\t64\t0\t8\t4096\t0\t1\t1\t0"),
            "o.tsv:2: k: must be an integer from 1 to 2^40, is \"0\"");
  EXPECT_EQ(op_error("bf16\tflash_attention\tnone\t64\t64\t128\t1.5\t4096\t0\t1\t1\t0"),
            "o.tsv:2: batch: must be an integer from 1 to 2^40, is \"1.5\"");
}

TEST_F(SampleFiles, WithoutAColumnForTheMaskNothingIsCausal) {
  const auto file =
      folder_.write("o.tsv",
                    "precision\tkind\tderivative\tm\tn\tk\tbatch\tbytes\trandom\tranks\tseconds\tnoise\n"
                    "bf16\tflash_attention\tnone\t64\t64\t128\t8\t4096\t0\t1\t1\t0\n");
  EXPECT_FALSE(load_op_samples(file)[0].causal);
}

TEST_F(SampleFiles, BrokenCollectivesAreRefused) {
  EXPECT_EQ(collective_error("broadcast\t2\t8\t1\t0"),
            "c.tsv:2: kind: \"broadcast\" is none of all_reduce, all_gather, reduce_scatter, send");
  EXPECT_EQ(collective_error("send\t1\t8\t1\t0"),
            "c.tsv:2: ranks: must be an integer from 2 to 2^40, is \"1\"");
  EXPECT_EQ(collective_error("send\t2\t0\t1\t0"), "c.tsv:2: bytes: must be a number above 0, is \"0\"");
  EXPECT_EQ(collective_error("send\t2\t8\t\t0"), "c.tsv:2: seconds: must be a number above 0, is empty");
}

TEST_F(SampleFiles, TheirKeysAreChecked) {
  EXPECT_EQ(hardware_error("op_samples = \"x.tsv\""), "h.toml:1: op_samples: there is no x.tsv");
  EXPECT_EQ(hardware_error("collective_samples = \"x.tsv\""),
            "h.toml:1: collective_samples: there is no x.tsv");
  EXPECT_EQ(hardware_error("measured_on = { machine = \"m\", libraries = \"l\", date = \"d\" }"),
            "h.toml:1: measured_on.transport: missing; must be a string");
}

}  // namespace
}  // namespace paraplan
