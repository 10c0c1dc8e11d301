#include "covering.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <random>

#include "costmodel/cost_model.h"
#include "costmodel/names.h"
#include "training.h"

namespace paraplan {
namespace {

template <class Value, class Name, class Apply>
Dimension dimension(const char* name, const std::vector<Value>& values, const Name& name_of_value,
                    const Apply& apply) {
  Dimension d{name, {}};
  for (const Value& value : values)
    d.values.push_back({name_of_value(value), [apply, value](LayoutCase& c) { apply(c, value); }});
  return d;
}

Dimension sizes(const char* name, int64_t Layout::*member, const std::vector<int64_t>& values) {
  return dimension(
      name, values, [](int64_t v) { return std::to_string(v); },
      [member](LayoutCase& c, int64_t v) { c.layout.*member = v; });
}

Dimension models() {
  return {"model",
          {{"gpt", [](LayoutCase& c) { c.family = Family::gpt; }},
           {"gpt_untied", [](LayoutCase& c) { c.family = Family::gpt, c.tied_embeddings = false; }},
           {"bert", [](LayoutCase& c) { c.family = Family::bert; }},
           {"llama", [](LayoutCase& c) { c.family = Family::llama, c.tied_embeddings = false; }},
           {"llama_two_kinds",
            [](LayoutCase& c) { c.family = Family::llama, c.tied_embeddings = false, c.two_kinds = true; }}}};
}

std::vector<Dimension> all_dimensions() {
  const auto text = [](auto value) { return std::string(to_string(value)); };
  const auto on_off = [](bool on) { return std::string(on ? "on" : "off"); };
  const auto number = [](auto value) { return std::to_string(value); };
  using enum PipelineSchedule;
  using Placement = std::array<Axis, 4>;
  const Placement usual = Layout{}.placement;
  Placement reversed = usual;
  std::reverse(reversed.begin(), reversed.end());
  return {
      sizes("data", &Layout::data, {1, 2}),
      sizes("tensor", &Layout::tensor, {1, 2}),
      sizes("pipeline", &Layout::pipeline, {1, 2, 4}),
      sizes("context", &Layout::context, {1, 2}),
      sizes("micro_batch", &Layout::micro_batch, {1, 2}),
      dimension("schedule", std::vector{gpipe, one_f_one_b, interleaved, zb_h1}, text,
                [](LayoutCase& c, PipelineSchedule v) {
                  c.layout.schedule = v;
                  c.layout.virtual_stages = v == interleaved ? 2 : 1;
                }),
      dimension("sequence_parallel", std::vector{false, true}, on_off,
                [](LayoutCase& c, bool v) { c.layout.sequence_parallel = v; }),
      dimension("recompute",
                std::vector{Recompute::none, Recompute::selective, Recompute::full, Recompute::layers}, text,
                [](LayoutCase& c, Recompute v) {
                  c.layout.recompute = v;
                  c.layout.recompute_layers = v == Recompute::layers ? 1 : 0;
                }),
      dimension("zero_stage", std::vector{0, 1, 2, 3}, number,
                [](LayoutCase& c, int v) { c.layout.zero_stage = v; }),
      dimension("offload", std::vector{Offload::none, Offload::optimizer, Offload::optimizer_and_parameters},
                text, [](LayoutCase& c, Offload v) { c.layout.offload = v; }),
      dimension("placement", std::vector{usual, reversed}, placement_text,
                [](LayoutCase& c, const Placement& v) { c.layout.placement = v; }),
      models(),
      dimension("dropout", std::vector{0.0, 0.1}, number, [](LayoutCase& c, double v) { c.dropout = v; }),
      // 5 do not spread evenly over stages, 8 are enough for two chunks on each of four.
      dimension("layers", std::vector<int64_t>{4, 5, 8}, number,
                [](LayoutCase& c, int64_t v) { c.layers = v; }),
      dimension("uneven_stages", std::vector{false, true}, on_off,
                [](LayoutCase& c, bool v) { c.uneven_stages = v; }),
      dimension("flash_attention", std::vector{false, true}, on_off,
                [](LayoutCase& c, bool v) { c.flash_attention = v; }),
  };
}

using Choice = CaseSpace::Choice;

// The legal choice with both values and the most missing pairs, among some drawn by chance; none when all
// that were drawn are illegal.
std::optional<Choice> best_choice(CaseSpace& space, const ValuePairs& pairs, std::mt19937& random,
                                  const std::vector<std::pair<size_t, size_t>>& fixed) {
  constexpr int kDraws = 1000, kLegalDraws = 50;
  std::optional<Choice> best;
  size_t most = 0;
  for (int draw = 0, legal_draws = 0; draw < kDraws && legal_draws < kLegalDraws; ++draw) {
    Choice choice;
    for (const Dimension& d : space.dimensions()) choice.push_back(random() % d.values.size());
    for (const auto& [dimension, value] : fixed) choice[dimension] = value;
    if (!space.legal(space.at(choice))) continue;
    ++legal_draws;
    const size_t gained = pairs.missing(choice);
    if (gained > most) best = choice, most = gained;
  }
  return best;
}

}  // namespace

Scenario scenario_of(const LayoutCase& c, Precision precision) {
  Scenario s = small_scenario(c.family, c.dropout);
  s.model.tied_embeddings = c.tied_embeddings;
  s.model.resize(c.layers);
  if (c.two_kinds) {
    s.model.kinds.push_back(s.model.kinds.front());
    s.model.kinds[0].feed_forward.width = 32;
    s.model.kinds[1].attention.kv_heads = s.model.kinds[1].attention.heads;
    s.model.runs = {{0, 1}, {1, c.layers - 1}};
  }
  s.software.fusion.flash_attention = c.flash_attention;
  s.cluster.devices_per_node = c.layout.devices();
  s.precision = precision;
  return s;
}

std::string name_of(const LayoutCase& c) {
  std::string name = to_string(c.family);
  if (c.family == Family::gpt && !c.tied_embeddings) name += "_untied";
  if (c.two_kinds) name += "_two_kinds";
  name += "_layers" + std::to_string(c.layers);
  if (c.dropout > 0) name += "_dropout";
  if (c.flash_attention) name += "_flash";
  name += '_' + to_string(c.layout);
  std::erase(name, '=');
  for (char& letter : name)
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  return name;
}

std::ostream& operator<<(std::ostream& out, const LayoutCase& c) {
  return out << name_of(c);
}

CaseSpace::CaseSpace() : dimensions_(all_dimensions()), scenario_(small_scenario(Family::gpt, 0)) {}

LayoutCase CaseSpace::at(const Choice& choice) const {
  LayoutCase c;
  for (size_t d = 0; d < choice.size(); ++d) dimensions_[d].values[choice[d]].apply(c);
  const int64_t stages = c.layout.pipeline * c.layout.virtual_stages;
  if (c.uneven_stages && stages > 1 && stages <= c.layers) {
    c.layout.stage_layers.assign(static_cast<size_t>(stages), 1);
    c.layout.stage_layers.front() = c.layers - stages + 1;
  }
  return c;
}

bool CaseSpace::legal(const LayoutCase& c) {
  constexpr int64_t kMostRanks = 8;
  if (c.layout.devices() > kMostRanks) return false;
  scenario_.model.resize(c.layers);
  scenario_.model.kinds[0].attention.kv_heads = c.family == Family::llama ? 2 : 4;
  scenario_.cluster.devices_per_node = c.layout.devices();
  return !check_layout(scenario_, c.layout);
}

ValuePairs::ValuePairs(const CaseSpace& space) {
  for (const Dimension& d : space.dimensions()) {
    first_.push_back(values_);
    values_ += d.values.size();
  }
  seen_.resize(values_ * values_);
}

size_t ValuePairs::place(size_t a, size_t value_a, size_t b, size_t value_b) const {
  return (first_[a] + value_a) * values_ + first_[b] + value_b;
}

bool ValuePairs::has(size_t a, size_t value_a, size_t b, size_t value_b) const {
  return seen_[place(a, value_a, b, value_b)];
}

size_t ValuePairs::missing(const Choice& choice) const {
  size_t count = 0;
  for (size_t a = 0; a < choice.size(); ++a)
    for (size_t b = a + 1; b < choice.size(); ++b) count += has(a, choice[a], b, choice[b]) ? 0 : 1;
  return count;
}

void ValuePairs::add(const Choice& choice) {
  for (size_t a = 0; a < choice.size(); ++a)
    for (size_t b = a + 1; b < choice.size(); ++b) seen_[place(a, choice[a], b, choice[b])] = true;
}

std::vector<Choice> covering_choices(CaseSpace& space) {
  std::mt19937 random(1);  // draws the same numbers everywhere
  ValuePairs pairs(space);
  std::vector<Choice> choices;
  const std::vector<Dimension>& dimensions = space.dimensions();
  const auto cover = [&](size_t a, size_t value_a, size_t b, size_t value_b) {
    if (pairs.has(a, value_a, b, value_b)) return;
    const auto choice = best_choice(space, pairs, random, {{a, value_a}, {b, value_b}});
    if (!choice) return;
    pairs.add(*choice);
    choices.push_back(*choice);
  };
  for (size_t a = 0; a < dimensions.size(); ++a)
    for (size_t b = a + 1; b < dimensions.size(); ++b)
      for (size_t i = 0; i < dimensions[a].values.size(); ++i)
        for (size_t j = 0; j < dimensions[b].values.size(); ++j) cover(a, i, b, j);
  return choices;
}

std::vector<LayoutCase> covering_cases() {
  CaseSpace space;
  std::vector<LayoutCase> cases;
  for (const Choice& choice : covering_choices(space)) cases.push_back(space.at(choice));
  return cases;
}

}  // namespace paraplan
