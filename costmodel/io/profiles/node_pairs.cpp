#include "costmodel/io/profiles/node_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

std::optional<LinkPair> parse_pair(const std::string& text, int devices) {
  constexpr int64_t kMaxLinks = 1000;
  const std::vector<std::string> ends_links = split(text, ':');
  if (ends_links.size() != 2) return std::nullopt;
  const std::vector<std::string> ends = split(ends_links[0], '-');
  if (ends.size() != 2) return std::nullopt;
  const auto a = parse_integer(ends[0]), b = parse_integer(ends[1]), links = parse_integer(ends_links[1]);
  if (!a || !b || !links) return std::nullopt;
  if (std::min(*a, *b) < 0 || std::max(*a, *b) >= devices || a == b) return std::nullopt;
  if (*links < 1 || *links > kMaxLinks) return std::nullopt;
  return LinkPair{static_cast<int>(*a), static_cast<int>(*b), static_cast<int>(*links)};
}

}  // namespace

std::vector<LinkPair> parse_node_pairs(const TomlReader& reader, const std::string& key,
                                       const std::vector<std::string>& texts, int devices) {
  std::vector<LinkPair> pairs;
  std::set<std::pair<int, int>> seen;
  for (const std::string& text : texts) {
    const std::optional<LinkPair> pair = parse_pair(text, devices);
    if (!pair) {
      reader.fail(key,
                  fmt::format("\"{}\" must be A-B:LINKS, two different devices from 0 to {} and their bonded "
                              "links, like \"0-1:2\"",
                              text, devices - 1));
    }
    if (!seen.insert(std::minmax(pair->a, pair->b)).second) {
      reader.fail(key, fmt::format("names the pair {}-{} twice", pair->a, pair->b));
    }
    pairs.push_back(*pair);
  }
  return pairs;
}

std::string to_string(const LinkPair& pair) {
  return fmt::format("{}-{}:{}", pair.a, pair.b, pair.links);
}

}  // namespace paraplan
