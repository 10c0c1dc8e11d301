#pragma once

#include "planner/export/writers/writers.h"

namespace paraplan {

// A job of Hugging Face's Trainer, on model.json: the script is the example run_clm.py (of BERT: run_mlm.py)
// unless TRAIN_SCRIPT names one that takes TrainingArguments, too.
TargetFiles hf_trainer(const Launch& launch);

}  // namespace paraplan
