#include "costmodel/ops/lifetimes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "costmodel/model/family.h"
#include "costmodel/ops/blocks.h"
#include "tests/costmodel/layer_kinds.h"

namespace paraplan {
namespace {

Operand value(TensorId t) {
  return {Operand::Kind::value, t};
}

Operand gradient(TensorId t) {
  return {Operand::Kind::gradient, t};
}

Operand weight(WeightId w) {
  return {Operand::Kind::weight, w};
}

Operand weight_gradient(WeightId w) {
  return {Operand::Kind::weight_gradient, w};
}

using Operands = std::vector<Operand>;
using ByOp = std::vector<Operands>;

// x (1 byte) -> a (10) -> b (100, of the attention core) -> c (1000) -> y (10000). Backward needs x, b and c;
// the gradient of b takes b's place.
enum : TensorId { x, a, b, c, y };
Block tiny_block() {
  Block block;
  block.tensors = {{"x", 1, 1, DataType::int8},
                   {"a", 1, 10, DataType::int8},
                   {"b", 1, 100, DataType::int8},
                   {"c", 1, 1000, DataType::int8},
                   {"y", 1, 10000, DataType::int8}};
  block.tensors[b].attention_core = true;
  block.weights = {{.name = "w"}};
  block.input = x, block.output = y;
  const auto op = [](const char* name, std::array<Operand, 6> reads, std::array<Operand, 6> writes) {
    Op made{.kind = OpKind::gelu, .name = name};
    made.reads = reads, made.writes = writes;
    return made;
  };
  block.forward = {op("a", {value(x), weight(0)}, {value(a)}), op("b", {value(a)}, {value(b)}),
                   op("c", {value(b)}, {value(c)}), op("y", {value(c)}, {value(y)})};
  block.forward[1].attention_core = true;
  block.backward = {op("g(c)", {gradient(y), value(c)}, {gradient(c)}),
                    op("g(b)", {gradient(c), value(b)}, {value(b)}), op("g(a)", {value(b)}, {gradient(a)}),
                    op("g(w)", {gradient(a), value(x)}, {weight_gradient(0)}),
                    op("g(x)", {gradient(a), weight(0)}, {gradient(x)})};
  return block;
}

// Largest sum of what is alive between birth and death; `incoming`: alive before.
double peak_of(const Block& block, const Lifetimes& walk, double incoming = 0) {
  double alive = incoming, peak = incoming;
  for (size_t i = 0; i < walk.born.size(); ++i) {
    for (const Operand& operand : walk.born[i]) alive += bytes_of(block, operand);
    peak = std::max(peak, alive);
    for (const Operand& operand : walk.dead[i]) alive -= bytes_of(block, operand);
  }
  return peak;
}

TEST(KeptTensors, AreThoseReadBackwardBeforeTheyAreWritten) {
  const Block block = tiny_block();
  EXPECT_EQ(kept_tensors(block, Kept::all), (std::vector<TensorId>{x, b, c}));
  EXPECT_EQ(kept_tensors(block, Kept::no_core), (std::vector<TensorId>{x, c}));
  EXPECT_EQ(kept_tensors(block, Kept::input), (std::vector<TensorId>{x}));
  EXPECT_EQ(recomputed_tensors(block, Kept::all), std::vector<TensorId>{});
  EXPECT_EQ(recomputed_tensors(block, Kept::no_core), (std::vector<TensorId>{b}));
  EXPECT_EQ(recomputed_tensors(block, Kept::input), (std::vector<TensorId>{b, c}));
}

TEST(Lifetimes, OfAForwardWalkByHand) {
  // a lives from the first op to the second. What is kept, and y, belong to nobody's working set.
  const Lifetimes all = lifetimes(tiny_block(), Walk::forward, Kept::all);
  EXPECT_EQ(all.born, (ByOp{{value(a)}, {}, {}, {}}));
  EXPECT_EQ(all.dead, (ByOp{{}, {value(a)}, {}, {}}));
  EXPECT_EQ(peak_of(tiny_block(), all), 10);
  // Nothing kept: a and b at the second op, b and c at the third, c at the fourth.
  const Lifetimes input = lifetimes(tiny_block(), Walk::forward, Kept::input);
  EXPECT_EQ(input.born, (ByOp{{value(a)}, {value(b)}, {value(c)}, {}}));
  EXPECT_EQ(input.dead, (ByOp{{}, {value(a)}, {value(b)}, {value(c)}}));
  EXPECT_EQ(peak_of(tiny_block(), input), 100 + 1000);
}

TEST(Lifetimes, OfARecomputeWalkByHand) {
  // All ops again. b and c are brought back for the backward pass, y is made once more for nobody; g(y)
  // waits.
  const Lifetimes whole = lifetimes(tiny_block(), Walk::recompute, Kept::input);
  EXPECT_EQ(whole.runs, (std::vector<bool>{true, true, true, true}));
  EXPECT_EQ(whole.born, (ByOp{{value(a)}, {}, {}, {value(y)}}));
  EXPECT_EQ(whole.dead, (ByOp{{}, {value(a)}, {}, {value(y)}}));
  EXPECT_EQ(peak_of(tiny_block(), whole, 10000), 10000 + 10000);
}

TEST(Lifetimes, OfABackwardWalkByHand) {
  const Lifetimes walk = lifetimes(tiny_block(), Walk::backward, Kept::all);
  EXPECT_EQ(walk.born, (ByOp{{gradient(c)}, {}, {gradient(a)}, {}, {gradient(x)}}));
  // g(y) dies with its only reader; g(x) stays for the block before.
  EXPECT_EQ(walk.dead, (ByOp{{gradient(y)}, {gradient(c)}, {}, {}, {gradient(a)}}));
  EXPECT_EQ(peak_of(tiny_block(), walk, 10000), 10000 + 1000);
}

TEST(Lifetimes, OpByOpByHand) {
  // Forward: the input is there and kept, as are b and c; y goes to the block behind.
  const Lifetimes forward = lifetimes(tiny_block(), Walk::forward, Kept::all, FreesSaved::op);
  EXPECT_EQ(forward.born, (ByOp{{value(a)}, {value(b)}, {value(c)}, {value(y)}}));
  EXPECT_EQ(forward.dead, (ByOp{{}, {value(a)}, {}, {}}));
  // Backward: each saved tensor goes with its last reader. The gradient of b takes b's place.
  const Lifetimes backward = lifetimes(tiny_block(), Walk::backward, Kept::all, FreesSaved::op);
  EXPECT_EQ(backward.born, (ByOp{{gradient(c)}, {}, {gradient(a)}, {}, {gradient(x)}}));
  EXPECT_EQ(backward.dead,
            (ByOp{{gradient(y), value(c)}, {gradient(c)}, {value(b)}, {value(x)}, {gradient(a)}}));
  // With all redone, its function holds input, output and the gradient of that to its end.
  const Lifetimes redone = lifetimes(tiny_block(), Walk::recompute, Kept::input, FreesSaved::op);
  EXPECT_EQ(redone.born, (ByOp{{value(a)}, {value(b)}, {value(c)}, {value(y)}}));
  EXPECT_EQ(redone.dead, (ByOp{{}, {value(a)}, {}, {}}));
  const Lifetimes held = lifetimes(tiny_block(), Walk::backward, Kept::input, FreesSaved::op);
  EXPECT_EQ(held.dead[0], Operands{value(c)});
  EXPECT_EQ(held.dead[4], (Operands{gradient(a), value(x), gradient(y), value(y)}));
}

TEST(WeightOps, AreThoseThatNothingElseNeeds) {
  EXPECT_EQ(weight_ops(tiny_block()), (std::vector<bool>{false, false, false, true, false}));
  // An op that reads what a data pass overwrites cannot come later.
  Block block = tiny_block();
  block.backward[4].writes[1] = value(x);
  EXPECT_EQ(weight_ops(block), std::vector<bool>(5, false));
  // A block without an input, such as an embedding, has nothing to hand on.
  block = tiny_block();
  block.input = -1;
  EXPECT_EQ(weight_ops(block), std::vector<bool>(5, true));
}

TEST(Lifetimes, OfASplitBackwardWalkByHand) {
  // The data pass leaves g(a), which the weight pass uses up.
  const auto of = [](Pass pass, FreesSaved frees) {
    return lifetimes(tiny_block(), Walk::backward, Kept::all, frees, pass);
  };
  for (const FreesSaved frees : {FreesSaved::pass, FreesSaved::op}) {
    const Lifetimes data = of(Pass::data, frees), weight = of(Pass::weight, frees);
    EXPECT_EQ(data.runs, (std::vector<bool>{true, true, true, false, true}));
    EXPECT_EQ(weight.runs, (std::vector<bool>{false, false, false, true, false}));
    EXPECT_EQ(data.born, (ByOp{{gradient(c)}, {}, {gradient(a)}, {}, {gradient(x)}}));
    EXPECT_EQ(weight.born, ByOp(5));
  }
  EXPECT_EQ(of(Pass::data, FreesSaved::pass).dead, (ByOp{{gradient(y)}, {gradient(c)}, {}, {}, {}}));
  EXPECT_EQ(of(Pass::weight, FreesSaved::pass).dead, (ByOp{{}, {}, {}, {gradient(a)}, {}}));
  // Op by op, the saved x waits for its last reader, too.
  EXPECT_EQ(of(Pass::data, FreesSaved::op).dead,
            (ByOp{{gradient(y), value(c)}, {gradient(c)}, {value(b)}, {}, {}}));
  EXPECT_EQ(of(Pass::weight, FreesSaved::op).dead, (ByOp{{}, {}, {}, {gradient(a), value(x)}, {}}));
}

TEST(Lifetimes, WhatNobodyReadsDiesAtOnce) {
  Block block = tiny_block();
  block.forward[2].writes[1] = value(static_cast<TensorId>(block.tensors.size()));
  block.tensors.push_back({"unused", 1, 5000, DataType::int8});
  const Lifetimes walk = lifetimes(block, Walk::forward, Kept::all);
  EXPECT_EQ(walk.born[2], Operands{block.forward[2].writes[1]});
  EXPECT_EQ(walk.dead[2], Operands{block.forward[2].writes[1]});
  EXPECT_EQ(peak_of(block, walk), 5000);
}

// A block of each kind in each form that the model knows.
struct Variant {
  std::string name;
  Block block;
};

ModelSpec model_of(Family family, double dropout) {
  return paraplan::model_of({.name = "small",
                             .family = family,
                             .layers = 2,
                             .hidden = 64,
                             .heads = 8,
                             .kv_heads = family == Family::llama ? 4 : 8,
                             .ffn = 256,
                             .vocab = 96,
                             .max_positions = 32,
                             .dropout = dropout});
}

Block layer_of(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape) {
  return transformer_layer(model, model.kinds.front(), fusion, shape);
}

std::vector<Fusion> fusions() {
  Fusion flash, dropout, separate, none;
  flash.flash_attention = true;
  dropout.attention_dropout = true;
  separate.softmax = separate.bias_dropout_add = separate.bias_gelu = separate.norm = false;
  none = separate;
  none.gelu = none.dropout = none.gated_activation = none.rotary = false;
  return {Fusion{}, flash, dropout, separate, none};
}

std::vector<BlockShape> shapes() {
  std::vector<BlockShape> all;
  for (const int64_t tensor : {1, 4})
    for (const int64_t context : {1, 2})
      for (const bool sequence_parallel : {false, true}) {
        if (sequence_parallel && tensor == 1) continue;
        all.push_back({.micro_batch = 2,
                       .seq_length = 32,
                       .tensor = tensor,
                       .context = context,
                       .sequence_parallel = sequence_parallel});
      }
  return all;
}

void add_variants(std::vector<Variant>& all, const std::string& of, const ModelSpec& model) {
  int f = 0;
  for (const Fusion& fusion : fusions()) {
    ++f;
    for (const BlockShape& shape : shapes()) {
      const std::string name = of + " dropout " + std::to_string(model.dropout) + " fusion " +
                               std::to_string(f) + " tensor " + std::to_string(shape.tensor) + " context " +
                               std::to_string(shape.context) + (shape.sequence_parallel ? " sp " : " ");
      all.push_back({name + "layer", layer_of(model, fusion, shape)});
      all.push_back({name + "embedding", embedding_block(model, fusion, shape)});
      all.push_back({name + "head", head_block(model, fusion, shape, false)});
    }
  }
}

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const double dropout : {0.0, 0.1}) {
    for (const Family family : {Family::gpt, Family::bert, Family::llama})
      add_variants(all, std::to_string(static_cast<int>(family)), model_of(family, dropout));
    for (auto [name, model] : small_models()) {
      model.dropout = dropout;
      add_variants(all, name, model);
    }
  }
  return all;
}

// Walks a block with its lifetimes and holds them to the rules. Written anew, without a look at how births
// and deaths were found.
class Checker {
 public:
  Checker(const Block& block, Walk walk, Kept kept, FreesSaved frees_saved)
      : block_(block),
        walk_(walk),
        kept_(kept),
        frees_saved_(frees_saved),
        found_(lifetimes(block, walk, kept, frees_saved)) {
    ops_ = walk == Walk::backward ? &block.backward : &block.forward;
    if (frees_saved == FreesSaved::op) {
      begin_by_op();
      return;
    }
    for (const TensorId t : kept_tensors(block, kept)) outside_.push_back(value(t));
    if (walk != Walk::forward)
      for (const TensorId t : recomputed_tensors(block, kept)) outside_.push_back(value(t));
    if (walk == Walk::forward && block.output >= 0) outside_.push_back(value(block.output));
    if (walk != Walk::forward && block.output >= 0) alive_.push_back(gradient(block.output));
  }

  void check() {
    for (size_t i = 0; i < ops_->size(); ++i) {
      if (!found_.runs[i]) {
        EXPECT_TRUE(found_.born[i].empty() && found_.dead[i].empty());
        continue;
      }
      check_reads((*ops_)[i]);
      for (const Operand& operand : found_.born[i]) {
        EXPECT_FALSE(is_there(operand)) << (*ops_)[i].name << ": born twice";
        alive_.push_back(operand);
      }
      check_writes((*ops_)[i]);
      for (const Operand& operand : found_.dead[i]) {
        EXPECT_EQ(std::erase(alive_, operand), 1U) << (*ops_)[i].name << ": dies without a life";
      }
    }
    check_rest();
  }

 private:
  // The values that the backward walk needs, and what the function of a redone region holds.
  Operands saved() const {
    Operands all;
    for (const TensorId t : kept_tensors(block_, kept_)) all.push_back(value(t));
    for (const TensorId t : recomputed_tensors(block_, kept_)) all.push_back(value(t));
    if (kept_ == Kept::input && block_.output >= 0) all.push_back(value(block_.output));
    return all;
  }

  void begin_by_op() {
    if (walk_ == Walk::forward) {
      for (const TensorId t : {block_.input, block_.tokens, block_.targets})
        if (t >= 0) alive_.push_back(value(t));
      return;
    }
    if (walk_ == Walk::recompute)
      for (const TensorId t : kept_tensors(block_, kept_)) outside_.push_back(value(t));
    if (walk_ == Walk::backward) alive_ = saved();
    if (block_.output >= 0) alive_.push_back(gradient(block_.output));
  }

  Operands rest_by_op() const {
    Operands rest;
    if (walk_ == Walk::forward) {
      for (const TensorId t : kept_tensors(block_, kept_)) rest.push_back(value(t));
      if (block_.output >= 0) rest.push_back(value(block_.output));
    }
    if (walk_ == Walk::recompute)
      for (const Operand& operand : saved())
        if (!contains(outside_, operand)) rest.push_back(operand);
    if (walk_ == Walk::recompute && block_.output >= 0) rest.push_back(gradient(block_.output));
    if (walk_ == Walk::backward && block_.input >= 0) rest.push_back(gradient(block_.input));
    return rest;
  }

  static bool contains(const Operands& list, const Operand& operand) {
    return std::ranges::find(list, operand) != list.end();
  }
  static bool is_tensor(const Operand& operand) {
    return operand.kind == Operand::Kind::value || operand.kind == Operand::Kind::gradient;
  }
  bool is_there(const Operand& operand) const {
    return contains(alive_, operand) || contains(outside_, operand);
  }
  bool is_given(const Operand& operand) const {
    return operand.kind == Operand::Kind::value &&
           (operand.index == block_.input || operand.index == block_.tokens ||
            operand.index == block_.targets);
  }

  void check_reads(const Op& op) {
    for (const Operand& operand : op.reads)
      if (is_tensor(operand)) {
        EXPECT_TRUE(is_there(operand) || is_given(operand))
            << op.name << " reads tensor " << operand.index << " that is not there";
      }
  }
  void check_writes(const Op& op) {
    for (const Operand& operand : op.writes)
      if (is_tensor(operand)) {
        EXPECT_TRUE(is_there(operand) || is_given(operand))
            << op.name << " writes tensor " << operand.index << " that is not there";
      }
  }

  void check_rest() {
    Operands expected;
    if (frees_saved_ == FreesSaved::op) {
      expected = rest_by_op();
    } else {
      if (walk_ == Walk::backward && block_.input >= 0) expected.push_back(gradient(block_.input));
      if (walk_ == Walk::recompute && block_.output >= 0) expected.push_back(gradient(block_.output));
    }
    EXPECT_TRUE(std::ranges::is_permutation(alive_, expected));
  }

  const Block& block_;
  Walk walk_;
  Kept kept_;
  FreesSaved frees_saved_;
  Lifetimes found_;
  const std::vector<Op>* ops_ = nullptr;
  Operands outside_, alive_;
};

TEST(Lifetimes, HoldForEveryBlockAndWalk) {
  for (const Variant& variant : variants()) {
    for (const Walk walk : {Walk::forward, Walk::recompute, Walk::backward})
      for (const Kept kept : {Kept::all, Kept::no_core, Kept::input}) {
        if (walk == Walk::recompute && kept == Kept::all) continue;
        SCOPED_TRACE(variant.name + " " + to_string(walk) + " kept " +
                     std::to_string(static_cast<int>(kept)));
        for (const FreesSaved frees_saved : {FreesSaved::op, FreesSaved::pass})
          Checker(variant.block, walk, kept, frees_saved).check();
      }
  }
}

}  // namespace
}  // namespace paraplan
