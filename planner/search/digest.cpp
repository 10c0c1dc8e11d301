#include "planner/search/digest.h"

#include <fmt/format.h>

#include "costmodel/io/models/model_fields.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/names.h"

namespace paraplan {
namespace {

template <class T>
void add_line(std::string& text, std::string_view key, const T& value) {
  text += fmt::format("{} = {}\n", key, value);
}

// A copy, because the fields of a profile point into it for writing, too.
template <class Profile>
void add_profile(std::string& text, std::string_view title, Profile profile) {
  const ProfileFields fields = profile_fields(profile);
  for (const ConstantField& field : fields.constants) {
    add_line(text, fmt::format("{}.{}", title, field.key), field.constant->value);
  }
  for (const FlagField& field : fields.flags)
    add_line(text, fmt::format("{}.{}", title, field.key), *field.flag);
  for (const WordField& field : fields.words)
    add_line(text, fmt::format("{}.{}", title, field.key), field.get());
}

void add_hardware_lists(std::string& text, const HardwareProfile& hardware) {
  add_line(text, "hardware.node.devices", hardware.node.devices);
  for (const LinkPair& pair : hardware.node.pairs) {
    add_line(text, "hardware.node.pair", fmt::format("{}-{}:{}", pair.a, pair.b, pair.links));
  }
  for (const GemmSample& sample : hardware.device.gemm_samples) {
    add_line(text, "hardware.gemm_sample",
             fmt::format("{} {} {} {} {} {}", to_string(sample.precision), sample.m, sample.n, sample.k,
                         sample.batch, sample.seconds));
  }
  for (const AttentionSample& s : hardware.device.attention_samples) {
    add_line(text, "hardware.attention_sample",
             fmt::format("{} {} {} {} {} {} {}", to_string(s.kernel), s.backward, s.causal, s.heads, s.width,
                         s.seq_length, s.seconds));
  }
  for (const OpSample& s : hardware.device.op_samples) {
    add_line(text, "hardware.op_sample",
             fmt::format("{} {} {} {} {} {} {} {} {} {} {} {}", to_string(s.precision), to_string(s.kind),
                         to_string(s.derivative), s.m, s.n, s.k, s.batch, s.bytes, s.random, s.causal,
                         s.ranks, s.seconds));
  }
  for (const CollectiveSample& s : hardware.node.samples) {
    add_line(text, "hardware.collective_sample",
             fmt::format("{} {} {} {}", to_string(s.kind), s.ranks, s.bytes, s.seconds));
  }
}

template <class Part>
void add_beyond_families(std::string& text, std::string_view title, const Part& part) {
  for (const FieldText& field : texts_beyond_families(part))
    add_line(text, fmt::format("{}.{}", title, field.key), field.value);
}

void add_kind(std::string& text, const LayerKind& kind) {
  add_line(text, "model.kind.heads", kind.attention.heads);
  add_line(text, "model.kind.kv_heads", kind.attention.kv_heads);
  add_line(text, "model.kind.head_width", kind.attention.head_width);
  add_line(text, "model.kind.qkv_bias", kind.attention.qkv_bias);
  add_line(text, "model.kind.causal", kind.attention.causal);
  add_line(text, "model.kind.ffn", kind.feed_forward.width);
  add_line(text, "model.kind.gated", kind.feed_forward.gated());
  add_line(text, "model.kind.norm", to_string(kind.norm));
  add_line(text, "model.kind.biases", kind.attention.output_bias);
  if (kind.feed_forward.bias != kind.attention.output_bias)
    add_line(text, "model.kind.ffn_bias", kind.feed_forward.bias);
  add_beyond_families(text, "model.kind", kind);
}

void add_model(std::string& text, const ModelSpec& model) {
  for (const LayerRun& run : model.runs)
    add_line(text, "model.run", fmt::format("{} {}", run.kind, run.count));
  for (const LayerKind& kind : model.kinds) add_kind(text, kind);
  add_line(text, "model.hidden", model.hidden);
  add_line(text, "model.vocab", model.vocab);
  add_line(text, "model.positions", to_string(model.positions));
  add_line(text, "model.max_positions", model.max_positions);
  add_line(text, "model.final_norm", to_string(model.final_norm));
  add_line(text, "model.task", to_string(model.task));
  add_line(text, "model.tied_embeddings", model.tied_embeddings);
  add_line(text, "model.dropout", model.dropout);
  add_beyond_families(text, "model", model);
}

void add_job(std::string& text, const Scenario& scenario) {
  add_line(text, "cluster.nodes", scenario.cluster.nodes);
  add_line(text, "cluster.devices_per_node", scenario.cluster.devices_per_node);
  add_line(text, "cluster.clock_hz", scenario.cluster.clock_hz);
  add_line(text, "cluster.price_per_device_hour", scenario.cluster.price_per_device_hour);
  add_line(text, "training.seq_length", scenario.seq_length);
  add_line(text, "training.global_batch", scenario.global_batch);
  add_line(text, "training.precision", to_string(scenario.precision));
  add_line(text, "training.memory_level", to_string(scenario.memory_level));
}

}  // namespace

std::string canonical_text(const Scenario& scenario) {
  std::string text;
  add_model(text, scenario.model);
  add_job(text, scenario);
  add_profile(text, "hardware", scenario.hardware);
  add_hardware_lists(text, scenario.hardware);
  add_profile(text, "host", scenario.host);
  add_profile(text, "network", scenario.network);
  add_profile(text, "software", scenario.software);
  return text;
}

uint64_t fnv1a_64(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string scenario_digest(const Scenario& scenario) {
  return fmt::format("fnv1a64:{:016x}", fnv1a_64(canonical_text(scenario)));
}

}  // namespace paraplan
