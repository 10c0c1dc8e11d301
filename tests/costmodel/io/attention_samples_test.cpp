#include "costmodel/io/profiles/attention_samples.h"

#include <gtest/gtest.h>

#include "costmodel/base/input_error.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

constexpr const char* kHead = "kernel\tpass\tcausal\theads\twidth\tseq_length\tseconds\tsource\n";

TEST(AttentionSamples, AreReadAndWritten) {
  const TemporaryFolder folder;
  const std::string text =
      std::string(kHead) +
      "cudnn\tbackward\t1\t64\t128\t4096\t0.002\ta log\nflash_1\tforward\t0\t8\t64\t512\t1e-05\tb\n";
  const std::vector<AttentionSample> samples = load_attention_samples(folder.write("a.tsv", text));
  ASSERT_EQ(samples.size(), 2);
  EXPECT_EQ(samples[0], (AttentionSample{AttentionKernel::cudnn, true, true, 64, 128, 4096, 2e-3, "a log"}));
  EXPECT_EQ(samples[1], (AttentionSample{AttentionKernel::flash_1, false, false, 8, 64, 512, 1e-5, "b"}));
  EXPECT_EQ(to_tsv(samples), text);
}

TEST(AttentionSamples, AMistakeIsNamed) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& row) -> std::string {
    try {
      load_attention_samples(folder.write("a.tsv", kHead + row));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("flash_9\tforward\t1\t64\t128\t4096\t0.002\tx\n").find("a.tsv:2: kernel: \"flash_9\""),
            std::string::npos);
  EXPECT_NE(
      message("cudnn\tsideways\t1\t64\t128\t4096\t0.002\tx\n").find("a.tsv:2: pass: must be forward or"),
      std::string::npos);
  EXPECT_NE(message("cudnn\tforward\t2\t64\t128\t4096\t0.002\tx\n").find("a.tsv:2: causal: must be 0 or 1"),
            std::string::npos);
  EXPECT_NE(message("cudnn\tforward\t1\t64\t128\t4096\t0.002\t\n").find("a.tsv:2: source: must say"),
            std::string::npos);
}

}  // namespace
}  // namespace paraplan
