#!/usr/bin/env python3
"""Times in PyTorch what bench/kernel_speed timed, and prints both.

usage: pytorch_speed.py CASES.json [--out RESULT.json] [--device cuda|cpu] [--shrink N]

CASES.json is what kernel_speed writes. Every case is done by each way that PyTorch has (its own kernels, torch.compile,
the backends of scaled_dot_product_attention), on random data, over operands that are rotated so that the last-level
cache does not hold them, in a recorded graph; the fastest counts. ratio = PyTorch's time / paraplan's: above 1
paraplan is faster. --device cpu with --shrink checks that the cases run, not how fast.
"""
import argparse
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
VOCAB, HEAD_WIDTH, DROPOUT = 32000, 128, 0.1


class Case:
    """Operands of one launch, and the ways to compute it: name -> function without arguments."""

    def __init__(self, kernel, sizes, dtype, device):
        self.s, self.dtype, self.device = sizes, dtype, device
        self.ways = {}
        maker = getattr(self, kernel, None)
        if maker is not None:
            maker()

    def random(self, *shape, dtype=None, grad=False):
        x = torch.empty(*shape, device=self.device, dtype=torch.float32).uniform_(-1, 1).to(dtype or self.dtype)
        return x.requires_grad_(grad)

    def x(self, grad=False):
        return self.random(self.s["rows"], self.s["columns"], grad=grad)

    def row(self, grad=False):
        return self.random(self.s["columns"], grad=grad)

    def both(self, function, *arguments):
        """The function as it is, and compiled."""
        compiled = torch.compile(function)
        self.ways["eager"] = lambda: function(*arguments)
        self.ways["compile"] = lambda: compiled(*arguments)

    def gradient(self, function, *arguments):
        """The backward pass of the function and of its compiled form."""
        inputs = [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]
        for name, forward in (("eager", function), ("compile", torch.compile(function))):
            y = forward(*arguments)
            dy = torch.empty_like(y).uniform_(-1, 1)
            self.ways[name] = lambda y=y, dy=dy: torch.autograd.grad(y, inputs, dy, retain_graph=True)

    # The kernels, by kernel_speed's names.
    def copy(self):
        x, y = self.x(), self.x()
        self.ways["eager"] = lambda: y.copy_(x)

    def add(self):
        x, y, out = self.x(), self.x(), self.x()
        self.ways["eager"] = lambda: torch.add(x, y, out=out)

    def bias_add(self):
        x, bias = self.x(), self.row()
        self.ways["eager"] = lambda: x.add_(bias)

    def bias_gradient(self):
        x, total = self.x(), self.random(self.s["columns"], dtype=torch.float32)
        self.both(lambda g, t: t.add_(g.sum(0, dtype=torch.float32)), x, total)

    def gelu(self):
        self.both(lambda x, b: F.gelu(x + b, approximate="tanh"), self.x(), self.row())

    def gelu_gradient(self):
        # The bias gradient is a kernel of its own.
        self.gradient(lambda x, b: F.gelu(x + b, approximate="tanh"), self.x(grad=True), self.row())

    def swiglu(self):
        self.both(lambda x: F.silu(x.chunk(2, -1)[0]) * x.chunk(2, -1)[1], self.x())

    def swiglu_gradient(self):
        self.gradient(lambda x: F.silu(x.chunk(2, -1)[0]) * x.chunk(2, -1)[1], self.x(grad=True))

    def dropout(self):
        self.both(lambda x: torch.native_dropout(x, DROPOUT, True), self.x())

    def dropout_gradient(self):
        mask = torch.rand(self.s["rows"], self.s["columns"], device=self.device) >= DROPOUT
        self.both(lambda g, m: g * m * (1 / (1 - DROPOUT)), self.x(), mask)

    def bias_dropout_add(self):
        def function(x, bias, residual):
            y, mask = torch.native_dropout(x + bias, DROPOUT, True)
            return residual + y, mask

        self.both(function, self.x(), self.row(), self.x())

    def layer_norm(self):
        columns = (self.s["columns"],)
        self.both(lambda x, w, b: F.layer_norm(x, columns, w, b), self.x(), self.row(), self.row())

    def layer_norm_gradient(self):
        columns = (self.s["columns"],)
        self.gradient(lambda x, w, b: F.layer_norm(x, columns, w, b), self.x(True), self.row(True), self.row(True))

    def rms_norm(self):
        columns = (self.s["columns"],)
        self.both(lambda x, w: F.rms_norm(x, columns, w, 1e-5), self.x(), self.row())

    def rms_norm_gradient(self):
        columns = (self.s["columns"],)
        self.gradient(lambda x, w: F.rms_norm(x, columns, w, 1e-5), self.x(True), self.row(True))

    def causal_softmax(self, scores, mask):
        return torch.softmax(scores.float().mul(0.125).masked_fill(mask, float("-inf")), -1).to(scores.dtype)

    def square(self, grad=False):
        n = self.s["columns"]
        mask = torch.ones(n, n, device=self.device, dtype=torch.bool).triu(1)
        return self.random(self.s["rows"] // n, n, n, grad=grad), mask

    def softmax(self):
        self.both(self.causal_softmax, *self.square())

    def softmax_gradient(self):
        self.gradient(self.causal_softmax, *self.square(grad=True))

    def rotary(self):
        heads = self.s["columns"] // HEAD_WIDTH
        x = self.random(self.s["rows"], heads, HEAD_WIDTH)
        frequency = 10000 ** (-torch.arange(0, HEAD_WIDTH, 2, device=self.device) / HEAD_WIDTH)
        angle = torch.arange(self.s["rows"], device=self.device)[:, None] * frequency
        cos, sin = angle.cos()[:, None, :], angle.sin()[:, None, :]

        def function(x, cos, sin):
            a, b = x.float().chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)

        self.both(function, x, cos, sin)

    def tokens(self, below):
        return torch.randint(0, below, (self.s["rows"],), device=self.device)

    def embedding(self):
        self.both(F.embedding, self.tokens(VOCAB), self.random(VOCAB, self.s["columns"]))

    def embedding_gradient(self):
        tokens, table = self.tokens(VOCAB), self.random(VOCAB, self.s["columns"], dtype=torch.float32)
        self.both(lambda t, g, table: table.index_add_(0, t, g.float()), tokens, self.x(), table)

    def loss_maximum(self):
        self.both(lambda x: x.amax(-1).float(), self.x())

    def loss_sum(self):
        def function(x, targets, most):
            shifted = x.float() - most
            return shifted.exp().sum(-1), shifted.gather(1, targets[:, None])

        self.both(function, self.x(), self.tokens(self.s["columns"]), self.random(self.s["rows"], 1, dtype=torch.float32))

    def cross_entropy_gradient(self):
        def function(x, targets, most, total):
            p = (x.float() - most).exp() / total
            hot = torch.arange(x.shape[1], device=x.device)[None, :] == targets[:, None]
            return x.copy_(p - hot.float())

        column = [self.random(self.s["rows"], 1, dtype=torch.float32).abs() + 0.5 for _ in range(2)]
        self.both(function, self.x(), self.tokens(self.s["columns"]), *column)

    def adam(self):
        n = self.s["rows"] * self.s["columns"]
        state = [self.random(n, dtype=torch.float32) for _ in range(3)] + [self.random(n, dtype=torch.float32).abs()]

        def function(p, g, master, m, v):
            m.mul_(0.9).add_(g, alpha=0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            master.mul_(0.99999).addcdiv_(m, v.sqrt().add_(1e-8), value=-1e-4)
            p.copy_(master)
            g.zero_()

        self.both(function, self.random(n), state[0], state[1], state[2], state[3])

    def square_sum(self):
        x = self.random(self.s["rows"] * self.s["columns"], dtype=torch.float32)
        self.both(lambda x: x.square().sum(), x)
        self.ways["norm"] = lambda: torch.linalg.vector_norm(x)

    def gemm(self):
        x, w = self.random(self.s["tokens"], self.s["in"]), self.random(self.s["in"], self.s["out"])
        y = self.random(self.s["tokens"], self.s["out"])
        self.ways["eager"] = lambda: torch.mm(x, w, out=y)

    def gemm_data_gradient(self):
        dy, w = self.random(self.s["tokens"], self.s["out"]), self.random(self.s["in"], self.s["out"])
        dx = self.random(self.s["tokens"], self.s["in"])
        self.ways["eager"] = lambda: torch.mm(dy, w.t(), out=dx)

    def gemm_weight_gradient(self):
        x, dy = self.random(self.s["tokens"], self.s["in"]), self.random(self.s["tokens"], self.s["out"])
        total = self.random(self.s["in"], self.s["out"], dtype=torch.float32)
        self.ways["mm + add"] = lambda: total.add_(torch.mm(x.t(), dy))
        self.ways["addmm fp32"] = lambda: torch.addmm(total, x.t(), dy, out_dtype=torch.float32)

    def heads(self, grad):
        s = self.s
        joined = self.random(s["batch"], s["tokens"], 3, s["heads"], s["width"], grad=grad)
        return joined, [part.transpose(1, 2) for part in joined.unbind(2)]

    def attend(self, qkv):
        return F.scaled_dot_product_attention(*qkv, dropout_p=self.s["dropout_percent"] / 100, is_causal=True)

    def backends(self):
        return (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION,
                SDPBackend.MATH) if self.device == "cuda" else (SDPBackend.MATH,)

    def attention(self):
        _, qkv = self.heads(False)
        for backend in self.backends():
            def way(backend=backend):
                with sdpa_kernel(backend):
                    return self.attend(qkv)
            self.ways[backend.name.lower()] = way

    def attention_gradient(self):
        for backend in self.backends():
            joined, qkv = self.heads(True)
            try:
                with sdpa_kernel(backend):
                    y = self.attend(qkv)
            except RuntimeError:
                continue
            dy = torch.empty_like(y).uniform_(-1, 1)
            self.ways[backend.name.lower()] = (
                lambda y=y, qkv=qkv, dy=dy: torch.autograd.grad(y, qkv, dy, retain_graph=True))


def operand_bytes(case):
    return max(case["bytes"], 1)


def rotated_sets(case, device):
    if device == "cpu":
        return 2
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    return int(min(64, max(2, 2 * cache // operand_bytes(case) + 1)))


def time_eagerly(launches):
    for launch in launches:
        launch()
    start = time.perf_counter()
    for launch in launches:
        launch()
    return (time.perf_counter() - start) / len(launches)


def time_recorded(launches):
    """Median over replays of a graph that is at least a millisecond long."""
    stream = torch.cuda.current_stream()
    for _ in range(2):
        for launch in launches:
            launch()
    stream.synchronize()
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for launch in launches:
        launch()
    end.record()
    end.synchronize()
    turns = max(1, min(200, int(1 / max(begin.elapsed_time(end), 1e-3)) + 1))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for _ in range(turns):
            for launch in launches:
                launch()
    graph.replay()
    seconds = []
    for _ in range(15):
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        seconds.append(begin.elapsed_time(end) / 1e3 / (turns * len(launches)))
    return statistics.median(seconds)


def best_way(case, device, shrink):
    sizes = {k: max(1, v // shrink) if k in ("rows", "tokens", "in", "out", "batch") else v
             for k, v in case["sizes"].items()}
    if "softmax" in case["kernel"] and shrink > 1:
        sizes["rows"] = sizes["columns"]
    sets = [Case(case["kernel"], sizes, TYPES[case["type"]], device) for _ in range(rotated_sets(case, device))]
    times = {}
    for way in sets[0].ways:
        launches = [s.ways[way] for s in sets if way in s.ways]
        try:
            times[way] = time_recorded(launches) if device == "cuda" else time_eagerly(launches)
        except Exception as error:  # a backend that does not take the shape
            print(f"# {case['kernel']} {way}: {str(error).splitlines()[0][:100]}", file=sys.stderr)
            if device == "cuda":
                torch.cuda.synchronize()
    return min(times.items(), key=lambda item: item[1]) if times else (None, None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases")
    parser.add_argument("--out")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shrink", type=int, default=1)
    parser.add_argument("--budget-s", type=float, default=1e9)
    options = parser.parse_args()
    with open(options.cases) as file:
        cases = json.load(file)
    start, left_out = time.monotonic(), 0
    print(f"PyTorch {torch.__version__}, " + (torch.cuda.get_device_name(0) if options.device == "cuda" else "cpu"))
    print(f"{'kernel':<24} {'paraplan us':>11} {'of floor':>8} {'PyTorch us':>11} {'ratio':>6}  way, size")
    stream = torch.cuda.Stream() if options.device == "cuda" else None
    with torch.cuda.stream(stream) if stream else torch.autograd.profiler.record_function("cases"):
        for case in cases:
            if time.monotonic() - start > options.budget_s:
                left_out += 1
                continue
            way, seconds = best_way(case, options.device, options.shrink)
            case["pytorch_way"], case["pytorch_seconds"] = way, seconds
            if seconds is None:
                continue
            case["ratio"] = seconds / case["seconds"]
            sizes = ", ".join(f"{k} {v}" for k, v in case["sizes"].items())
            print(f"{case['kernel']:<24} {case['seconds'] * 1e6:>11.1f} {100 * case['floor_s'] / case['seconds']:>7.0f}% "
                  f"{seconds * 1e6:>11.1f} {case['ratio']:>6.2f}  {way}, {sizes}", flush=True)
    slower = [c for c in cases if c.get("ratio", 1) < 1]
    print(f"{len(cases) - len(slower)} of {len(cases)} at least as fast as PyTorch, {left_out} not timed")
    if options.out:
        with open(options.out, "w") as file:
            json.dump(cases, file, indent=1)


if __name__ == "__main__":
    main()
