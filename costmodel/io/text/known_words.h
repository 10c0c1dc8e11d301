#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paraplan {

// What the field calls things: the words of Megatron-LM, DeepSpeed, PyTorch and Hugging Face for what
// paraplan has under another name, has elsewhere, or does not support yet. Upper case, hyphens and leading
// dashes do not matter.

// Whether `word` is another name of `name`, which may be a path of keys: "tp" of "tensor" and
// "search.tensor".
bool stands_for(std::string_view word, std::string_view name);

// The one of `candidates` that `word` means, itself or by another name; empty when there is none, or when the
// word has several meanings.
std::optional<std::string> meant(std::string_view word, const std::vector<std::string>& candidates);

// What may have been meant by a word that is none of `candidates`, for an error text: `; did you mean "x"?`,
// by meaning, else by spelling; "; not supported yet: ..."; or where the word belongs. Empty when nothing is
// known.
std::string hint_for(std::string_view word, const std::vector<std::string>& candidates);

// The error text itself: "unknown KIND" with the hint, or with `list` and all candidates when there is none;
// "not supported yet: ..." for what the field knows and paraplan does not.
std::string unknown_word(std::string_view kind, std::string_view word,
                         const std::vector<std::string>& candidates, std::string_view list = "known");

}  // namespace paraplan
