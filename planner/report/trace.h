#pragma once

#include <ostream>

#include "costmodel/time/timeline.h"

namespace paraplan {

// Writes a timeline in Chrome's trace event format, which chrome://tracing and ui.perfetto.dev open: a
// process per pipeline stage with a thread per lane, and the stage's memory as a counter. Times are
// microseconds. Equal timelines give equal bytes. Throws std::runtime_error when the stream fails.
void write_chrome_trace(const Timeline& timeline, std::ostream& out);

}  // namespace paraplan
