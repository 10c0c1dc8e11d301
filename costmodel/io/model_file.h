#pragma once

#include <filesystem>
#include <string>

#include "costmodel/model/model_spec.h"

namespace paraplan {

// A transformer, in one of three forms. The name is the file's. Throws InputError.
//   TOML with `family`: a preset, layers, hidden, heads and vocab. Optional: kv_heads (= heads), ffn (4 *
//     hidden for gpt and bert), max_positions (0: as many as the sequence is long), tied_embeddings (true for
//     gpt and bert, false for llama), qkv_bias (llama only, false), dropout (0.1 for gpt and bert, 0 for
//     llama), `source` (where the sizes come from; shipped models have it).
//   TOML with kinds of layers: models/layer_model.h.
//   A Hugging Face configuration, or a folder with one: huggingface/import.h.
ModelSpec load_model(const std::filesystem::path& file);

}  // namespace paraplan
