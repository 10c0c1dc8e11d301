#include "costmodel/io/text/known_words.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

const std::vector<std::string> kSettings = {"data", "tensor", "pipeline", "micro_batch", "expert"};

TEST(KnownWords, StandForNamesAndPathsOfKeys) {
  EXPECT_TRUE(stands_for("tp", "tensor"));
  EXPECT_TRUE(stands_for("TP", "tensor"));
  EXPECT_TRUE(stands_for("--tensor-model-parallel-size", "search.tensor"));
  EXPECT_TRUE(stands_for("Tensor", "tensor"));
  EXPECT_FALSE(stands_for("tp", "pipeline"));
  EXPECT_FALSE(stands_for("tenser", "tensor"));
}

TEST(KnownWords, AreMeantWhenTheyHaveOneMeaning) {
  EXPECT_EQ(meant("tp", kSettings), "tensor");
  EXPECT_EQ(meant("micro-batch-size", kSettings), "micro_batch");
  EXPECT_EQ(meant("data", kSettings), "data");
  EXPECT_EQ(meant("batch_size", kSettings), std::nullopt) << "of a micro-batch, or of all";
  EXPECT_EQ(meant("mp", kSettings), std::nullopt);
  EXPECT_EQ(meant("seq_len", kSettings), std::nullopt) << "is none of the candidates";
  EXPECT_EQ(meant("", kSettings), std::nullopt);
}

TEST(KnownWords, HintsPreferMeaningToSpelling) {
  EXPECT_EQ(hint_for("tp", kSettings), "; did you mean \"tensor\"?");
  EXPECT_EQ(hint_for("mp", kSettings), "; did you mean \"tensor\" or \"pipeline\"?");
  EXPECT_EQ(hint_for("tenser", kSettings), "; did you mean \"tensor\"?");
  EXPECT_EQ(hint_for("fsdp", kSettings), "; fully sharded data parallelism is zero_stage=3");
  EXPECT_EQ(hint_for("hsdp", kSettings),
            "; not supported yet: hybrid sharding: states shared by a part of the data group");
  EXPECT_EQ(hint_for("seq_len", kSettings), "; \"seq_length\" belongs to [training] of a scenario");
  EXPECT_EQ(hint_for("num_layers", kSettings), "; \"layers\" belongs to a model file");
  EXPECT_EQ(hint_for("colour", kSettings), "");
}

TEST(KnownWords, AMeaningThatIsUnsupportedIsSaidToBeSo) {
  EXPECT_EQ(hint_for("ep", kSettings), "; did you mean \"expert\"?");
  EXPECT_EQ(unknown_word("key", "ep", {"tensor"}),
            "not supported yet: mixture of experts and expert parallelism");
}

TEST(KnownWords, UnknownOnesListWhatIsKnown) {
  EXPECT_EQ(unknown_word("key", "colour", {"a_name", "other"}), "unknown key; known: a_name, other");
  EXPECT_EQ(unknown_word("key", "colour", {"a_name"}, "known here"), "unknown key; known here: a_name");
  EXPECT_EQ(unknown_word("column", "pp", kSettings), "unknown column; did you mean \"pipeline\"?");
}

// Words of the field that must never be called unknown.
TEST(KnownWords, WhatTheFieldKnowsIsNotUnknown) {
  for (const char* word : {"head_dim",
                           "sliding_window",
                           "num_experts",
                           "num_local_experts",
                           "n_routed_experts",
                           "num_experts_per_tok",
                           "moe_intermediate_size",
                           "lora",
                           "lora_rank",
                           "peft",
                           "ulysses",
                           "ring_attention",
                           "fp8",
                           "kv_lora_rank",
                           "q_lora_rank",
                           "rope_scaling",
                           "zero++",
                           "zero_hpz_partition_size",
                           "hsdp",
                           "hybrid_shard",
                           "expert_tensor_parallel_size",
                           "zero-bubble",
                           "dualpipe",
                           "context_kind",
                           "shard",
                           "mtp_num_layers"}) {
    EXPECT_EQ(unknown_word("key", word, {"layers", "tensor"}).substr(0, 19), "not supported yet: ") << word;
  }
}

}  // namespace
}  // namespace paraplan
