#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "costmodel/model/model_spec.h"

namespace paraplan {

// Whether a model's path is of a Hugging Face configuration: a folder, or a file that ends in ".json".
bool is_huggingface_config(const std::filesystem::path& path);

// The file that is read: of a folder its config.json. Throws InputError for a folder without one.
std::filesystem::path huggingface_config(const std::filesystem::path& path);

// The transformer that a `config.json` describes, as the `transformers` package builds it; from a folder, the
// file of that name in it. The name is the file's, or its folder's where it is "config". Throws InputError: a
// model_type that is not known, and a key that may change what a layer computes and is not understood.
ModelSpec import_huggingface(const std::filesystem::path& path);

// All model types that are known.
std::vector<std::string> huggingface_model_types();

}  // namespace paraplan
