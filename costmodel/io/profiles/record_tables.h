#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/base/machine_load.h"
#include "costmodel/io/text/toml_reader.h"
#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"

namespace paraplan {

// Tables that plan files, run files and measured profiles have in common. The writers return TOML with the
// table's title; the readers note what is missing for finish().

// [cluster] with clock_hz and price_per_device_hour where they are set.
std::string cluster_table(const Cluster& cluster);
Cluster read_cluster_table(TomlReader& reader);

// [layout] with every setting.
std::string layout_table(const Layout& layout);
Layout read_layout_table(TomlReader& reader);
// Throws InputError for settings that contradict each other. To be called after finish().
void refuse_contradictions(const TomlReader& reader, const Layout& layout);

// Keys and values of a load; none where it is not known. The reader takes them from below `table`, where it
// is.
std::vector<std::pair<std::string, std::string>> load_values(const std::optional<MachineLoad>& load);
std::optional<MachineLoad> read_load(TomlReader& reader, const std::string& table);

// [title] with seconds or bytes by category.
std::string category_table(const std::string& title, const Breakdown& seconds);
std::string category_table(const std::string& title, const MemoryUse& bytes);
Breakdown read_breakdown_table(TomlReader& reader, const std::string& title);
MemoryUse read_memory_table(TomlReader& reader, const std::string& title);

// What times, parts of times and bytes in files may be. A part that is left when others are taken away may be
// below 0 by rounding.
inline constexpr Range kTimes{0, 1e9, false};
inline constexpr Range kTimeParts{-1e9, 1e9, false};
inline constexpr Range kBytes{0, 1e24, false};

}  // namespace paraplan
