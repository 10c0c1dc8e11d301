#pragma once

#include <string>
#include <vector>

#include "costmodel/io/text/toml_reader.h"
#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Links of a mesh from texts "A-B:LINKS": two different devices below `devices` and at least one link; no
// pair twice. Throws InputError at `key`.
std::vector<LinkPair> parse_node_pairs(const TomlReader& reader, const std::string& key,
                                       const std::vector<std::string>& texts, int devices);

// "A-B:LINKS"
std::string to_string(const LinkPair& pair);

}  // namespace paraplan
