#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "costmodel/model/model_spec.h"

namespace paraplan {

// One sample of the training data: inputs and targets of the whole sequence. A target of -1 does not count
// towards the loss.
struct Sample {
  std::vector<int64_t> tokens, targets;
  int64_t sentence = -1;  // BERT: 1 when the second half does not follow the first, else 0
};

// Number of targets >= 0 that every sample has.
int64_t targets_per_sample(TrainingTask task, int64_t seq_length);

// Training data, the same for every layout: sample i of step s depends on nothing else.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual Sample sample(int64_t step, int64_t index) const = 0;
  // What a user must know about how the data is understood; mostly empty.
  virtual std::string remark() const { return ""; }
};

// Text made on the spot from a fixed seed: sentences over a small grammar, whose loss falls within a few
// steps. GPT and LLaMA predict the next token. BERT: exactly targets_per_sample tokens of a sample (15 %)
// are to be predicted, 80 % of them replaced by the mask token vocab - 1, 10 % by a random one (Devlin et al.
// 2018).
std::unique_ptr<SampleSource> synthetic_text(const ModelSpec& model, int64_t seq_length,
                                             int64_t global_batch);

// Tokens of a file: little-endian uint16 or uint32, one after the other, as nanoGPT and llm.c write them. A
// 1024-byte header with llm.c's magic number is skipped and says which; without it the vocabulary does,
// unless the content makes no sense that way, which the remark then tells. Samples follow each other and
// start again at the end. Throws InputError for a file that cannot be read, whose size is no multiple of the
// token's, with a token >= vocab (says at which position), or with fewer than seq_length + 1 tokens.
std::unique_ptr<SampleSource> token_file(const std::filesystem::path& path, const ModelSpec& model,
                                         int64_t seq_length, int64_t global_batch);

}  // namespace paraplan
