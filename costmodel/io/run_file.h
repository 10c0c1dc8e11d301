#pragma once

#include <filesystem>
#include <string>

#include "costmodel/run_record.h"

namespace paraplan {

// A run in TOML: what was executed at the top, then [cluster], [layout], [machine_load] where it is known,
// the steps one a line, a [[rank]] for every device and a [[stage]] for every pipeline stage with its ops one
// a line. Same run, same bytes; every number reads back exactly.
std::string run_text(const RunRecord& run);

// Reads what run_text has written. Throws InputError; also when the ranks are not those of the layout, in
// order, or the stages not as many as its pipeline has.
RunRecord load_run(const std::filesystem::path& file);

}  // namespace paraplan
