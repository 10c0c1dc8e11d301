"""Trains one small model per family with PyTorch, in float64, and writes what the executor has to reproduce.

Usage: python pytorch_reference.py (needs torch and numpy; writes gpt.json, bert.json, llama.json beside itself).
Per step: loss and L2 norm of the gradient before clipping. For the first step: norm and three entries of the gradient
of every weight. Weights, data and settings can be made again without PyTorch; all integers are 64 bits and wrap:

  splitmix64(x)  x += 0x9E3779B97F4A7C15; z = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
                 z = (z ^ z >> 27) * 0x94D049BB133111EB; z ^ z >> 31
  weight         element i (row-major) of weight `id` is (2 u - 1) * 0.02 sqrt(3),
                 u = (splitmix64(splitmix64(id) + i) >> 11) * 2^-53. Norm gains are 1, shifts and biases 0.
  id             block * 64 + index. block: 0 embedding, 1 + layer, 1 + layers for the head. index: place in the list
                 of the block, as `block_weights` has it; all matrices are (in, out); a tied projection takes an index.
  token          (step, sample, t) is splitmix64(splitmix64(1000003 * (step * global_batch + sample)) + t) % vocab,
                 steps from 0. Inputs: t = 0 .. T - 1; targets of gpt and llama: t + 1.
                 bert: where t % 7 == 3 the target is token T + 1 + t, else -1; sentence label: token 2 T + 2, % 2.
  loss           mean over the targets of the global batch over the first `vocab` columns of the logits;
                 bert: plus the mean over samples of the sentence loss.
  optimizer      gradient clipped to norm 1 by min(1, 1 / (norm + 1e-6)); AdamW, learning rate 1e-3, betas 0.9, 0.95,
                 epsilon 1e-8, decoupled weight decay 0.1 of matrices and embeddings (not biases, gains, shifts).
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as functional

STEPS = 5
COMMON = dict(layers=2, hidden=32, heads=4, kv_heads=4, ffn=128, vocab=61, max_positions=16, seq_length=16,
              global_batch=4, tied_embeddings=True)
SETTINGS = {
    "gpt": dict(COMMON, family="gpt"),
    "bert": dict(COMMON, family="bert"),
    "llama": dict(COMMON, family="llama", kv_heads=2, ffn=96, max_positions=0, tied_embeddings=False),
}
EPSILON = 1e-5
ROTARY_BASE = 10000.0


def splitmix64(x):
    """Of an array of uint64 (arrays wrap silently)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    z = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def stream(seed, numbers):
    return splitmix64(splitmix64(np.array([seed], dtype=np.uint64)) + np.asarray(numbers, dtype=np.uint64))


def uniform(weight_id, count):
    return (stream(weight_id, np.arange(count)) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def padded_vocab(s):
    return -(-s["vocab"] // 128) * 128


def biased(s, name, rows, columns):
    """A matrix, followed by its bias where the family has biases."""
    return [(f"{name}.weight", (rows, columns))] + ([(f"{name}.bias", (columns,))] if s["family"] != "llama" else [])


def norm_weights(s, name):
    return [(f"{name}.gain", (s["hidden"],))] + ([(f"{name}.shift", (s["hidden"],))] if s["family"] != "llama" else [])


def embedding_weights(s):
    weights = [("word", (padded_vocab(s), s["hidden"]))]
    if s["family"] != "llama":
        weights.append(("position", (s["max_positions"], s["hidden"])))
    if s["family"] == "bert":
        weights.append(("segment", (2, s["hidden"])))
    return weights


def layer_weights(s):
    """Columns of qkv: [Q heads | K heads | V heads]; of ffn.up with gates: [gate | up]."""
    c, width = s["hidden"], s["hidden"] // s["heads"]
    up = 2 * s["ffn"] if s["family"] == "llama" else s["ffn"]
    return (norm_weights(s, "attention.norm") + biased(s, "attention.qkv", c, c + 2 * s["kv_heads"] * width) +
            biased(s, "attention.projection", c, c) + norm_weights(s, "ffn.norm") + biased(s, "ffn.up", c, up) +
            biased(s, "ffn.down", s["ffn"], c))


def head_weights(s):
    """The projection is a table (V_padded, C); a tied one is the word table."""
    c = s["hidden"]
    weights = norm_weights(s, "final_norm")
    if s["family"] == "bert":
        weights += (biased(s, "pooler", c, c) + biased(s, "sentence", c, 2) + biased(s, "head.dense", c, c) +
                    norm_weights(s, "head.norm"))
    weights.append(("projection", None if s["tied_embeddings"] else (padded_vocab(s), c)))
    if s["family"] == "bert":
        weights.append(("output.bias", (padded_vocab(s),)))
    return weights


def block_weights(s):
    """The list of every block, in the order of block and index: (block, index, name, shape or None when tied)."""
    blocks = [embedding_weights(s)] + [layer_weights(s)] * s["layers"] + [head_weights(s)]
    return [(block, index, name, shape) for block, weights in enumerate(blocks)
            for index, (name, shape) in enumerate(weights)]


def initial(block, index, name, shape):
    if len(shape) == 1:
        values = torch.full(shape, 1.0 if name.endswith("gain") else 0.0, dtype=torch.float64)
    else:
        scale = 0.02 * math.sqrt(3)
        draws = uniform(block * 64 + index, math.prod(shape))
        values = torch.tensor((2 * draws - 1) * scale, dtype=torch.float64).reshape(shape)
    return values.requires_grad_()


def batch(s, step):
    """Tokens and targets (samples, T), sentence labels (samples)."""
    length, count = s["seq_length"], s["global_batch"]
    drawn = torch.tensor(
        np.stack([stream(1000003 * (step * count + i), np.arange(2 * length + 3)) % np.uint64(s["vocab"])
                  for i in range(count)]).astype(np.int64))
    tokens, targets = drawn[:, :length], drawn[:, 1:length + 1]
    if s["family"] == "bert":
        chosen = torch.arange(length) % 7 == 3
        targets = torch.where(chosen, drawn[:, length + 1:2 * length + 1], -1)
    return tokens, targets, drawn[:, 2 * length + 2] % 2


class Model:

    def __init__(self, s):
        self.s = s
        self.weights = {}  # (block, name): tensor
        for block, index, name, shape in block_weights(s):
            if shape is not None:
                self.weights[block, name] = initial(block, index, name, shape)
        self.head = 1 + s["layers"]

    def linear(self, block, name, x):
        y = x @ self.weights[block, f"{name}.weight"]
        bias = self.weights.get((block, f"{name}.bias"))
        return y if bias is None else y + bias

    def norm(self, block, name, x):
        gain = self.weights[block, f"{name}.gain"]
        if self.s["family"] == "llama":
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * gain
        return functional.layer_norm(x, gain.shape, gain, self.weights[block, f"{name}.shift"], EPSILON)

    def embedding(self, tokens):
        x = self.weights[0, "word"][tokens]
        length = tokens.shape[1]
        if self.s["family"] != "llama":
            x = x + self.weights[0, "position"][:length]
        if self.s["family"] == "bert":
            x = x + self.weights[0, "segment"][(torch.arange(length) >= length // 2).long()]
        return x

    def rotated(self, x):
        """x (B, heads, T, width): the pair (i, i + width / 2) turns by position * base^(-2 i / width)."""
        half = x.shape[-1] // 2
        frequencies = ROTARY_BASE**(-torch.arange(half, dtype=torch.float64) / half)
        angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * frequencies
        first, second = x[..., :half], x[..., half:]
        return torch.cat([first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()], -1)

    def attention(self, block, x):
        s, (samples, length, hidden) = self.s, x.shape
        width, kv = hidden // s["heads"], s["kv_heads"]
        qkv = self.linear(block, "attention.qkv", x)
        q, k, v = (part.reshape(samples, length, -1, width).transpose(1, 2)
                   for part in qkv.split([hidden, kv * width, kv * width], -1))
        if s["family"] == "llama":
            q, k = self.rotated(q), self.rotated(k)
        # Head h of the queries uses head h / (H / G) of keys and values.
        k, v = (y.repeat_interleave(s["heads"] // kv, 1) for y in (k, v))
        scores = q @ k.transpose(2, 3) / math.sqrt(width)
        if s["family"] != "bert":
            scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -math.inf)
        context = (scores.softmax(-1) @ v).transpose(1, 2).reshape(samples, length, hidden)
        return self.linear(block, "attention.projection", context)

    def ffn(self, block, x):
        x = self.linear(block, "ffn.up", x)
        if self.s["family"] == "llama":
            gate, up = x.chunk(2, -1)
            x = functional.silu(gate) * up
        else:
            x = functional.gelu(x, approximate="tanh")
        return self.linear(block, "ffn.down", x)

    def token_loss(self, x, targets):
        head = self.head
        if self.s["family"] == "bert":
            x = functional.gelu(self.linear(head, "head.dense", x), approximate="tanh")
            x = self.norm(head, "head.norm", x)
        table = self.weights[0, "word"] if self.s["tied_embeddings"] else self.weights[head, "projection"]
        logits = x @ table.T + self.weights.get((head, "output.bias"), 0.0)
        return functional.cross_entropy(logits[..., :self.s["vocab"]].flatten(0, 1), targets.flatten(), ignore_index=-1)

    def sentence_loss(self, x, labels):
        pooled = torch.tanh(self.linear(self.head, "pooler", x[:, 0]))
        return functional.cross_entropy(self.linear(self.head, "sentence", pooled), labels)

    def loss(self, tokens, targets, labels):
        x = self.embedding(tokens)
        for block in range(1, self.head):
            x = x + self.attention(block, self.norm(block, "attention.norm", x))
            x = x + self.ffn(block, self.norm(block, "ffn.norm", x))
        x = self.norm(self.head, "final_norm", x)
        loss = self.token_loss(x, targets)
        return loss + self.sentence_loss(x, labels) if self.s["family"] == "bert" else loss


def sampled_entries(s, gradient):
    """Three entries, spread over rows and columns and clear of the rows that pad the vocabulary."""
    rows, columns = (1, *gradient.shape)[-2:]
    used = s["vocab"] if rows == padded_vocab(s) else rows
    places = [used * (2 * k + 1) // 8 * columns + columns * (2 * k + 1) // 6 for k in range(3)]
    return [{"index": place, "value": gradient.flatten()[place].item()} for place in places]


def gradients(s, model):
    rows = []
    for block, index, name, shape in block_weights(s):
        if shape is not None:
            gradient = model.weights[block, name].grad
            rows.append({"block": block, "index": index, "name": name, "shape": list(shape),
                         "norm": gradient.norm().item(), "entries": sampled_entries(s, gradient)})
    return rows


def train(s):
    model = Model(s)
    weights = list(model.weights.values())
    optimizer = torch.optim.AdamW([{"params": [w for w in weights if w.dim() == 2], "weight_decay": 0.1},
                                   {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    result = {"model": s, "steps": [], "first_step_gradients": []}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = model.loss(*batch(s, step))
        loss.backward()
        if step == 0:
            result["first_step_gradients"] = gradients(s, model)
        norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        result["steps"].append({"loss": loss.item(), "gradient_norm": norm.item()})
    return result


def main():
    torch.set_num_threads(1)
    for family, settings in SETTINGS.items():
        file = pathlib.Path(__file__).with_name(f"{family}.json")
        file.write_text(json.dumps(train(settings), indent=1) + "\n")


if __name__ == "__main__":
    main()
