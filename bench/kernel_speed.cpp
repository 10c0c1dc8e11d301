// Times the kernels of an accelerator beside their floors: bytes over the bandwidth of a large copy, or FLOPs
// over the rate of a large product, both measured in the same run.
//   kernel_speed [--quick] [--only KERNEL] [JSON]   writes what bench/pytorch_speed.py compares; KERNEL: part
//   of a name
// Ends with 1 where there is no usable accelerator.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "bench/kernel_cases.h"
#include "executor/bench/device/device_op_bench.h"
#include "kernels/backends.h"

namespace paraplan {
namespace {

// The memory of one launch.
class CaseMemory {
 public:
  CaseMemory(Backend& backend, RandomData& random, const KernelCase& of) {
    for (const KernelCase::Operand& operand : of.operands) {
      buffers_.emplace_back(backend, operand.bytes);
      pointers_.push_back(buffers_.back().data());
      if (operand.indices_below > 0)
        fill_indices(backend, operand, pointers_.back());
      else
        random.fill(operand.content, operand.type, pointers_.back(), operand.bytes);
    }
  }
  const std::vector<void*>& pointers() const { return pointers_; }

 private:
  static void fill_indices(Backend& backend, const KernelCase::Operand& operand, void* data) {
    std::mt19937_64 engine(1);
    std::vector<int64_t> indices(operand.bytes / sizeof(int64_t));
    for (int64_t& index : indices) index = static_cast<int64_t>(engine() % operand.indices_below);
    backend.upload(indices.data(), operand.bytes, data);
  }

  std::vector<DeviceBuffer> buffers_;
  std::vector<void*> pointers_;
};

struct Ceilings {
  double bytes_per_s = 0, flop_per_s = 0;
};

class KernelSpeed {
 public:
  explicit KernelSpeed(Accelerator& accelerator)
      : bench_(accelerator), cache_bytes_(accelerator.info().cache_bytes) {}

  // Seconds of one launch.
  Measurement time(const KernelCase& timed) {
    Backend& backend = bench_.backend(timed.type);
    double bytes = 0;
    for (const KernelCase::Operand& operand : timed.operands) bytes += static_cast<double>(operand.bytes);
    const int64_t sets = rotated_sets(bytes, cache_bytes_);
    std::vector<CaseMemory> memory;
    for (int64_t i = 0; i < sets; ++i) memory.emplace_back(backend, bench_.random(timed.type), timed);
    return bench_.time(
        sets, [&](int64_t set) { timed.launch(backend, memory[static_cast<size_t>(set)].pointers()); },
        [] {});
  }

  Ceilings ceilings(ElementType type) {
    constexpr int64_t kLarge = 8192;
    const KernelCase copy = memory_cases(type, 8 * kLarge, kLarge).front();
    const KernelCase product = product_cases(type, kLarge, kLarge, kLarge).front();
    return {copy.bytes / time(copy).seconds, product.flop / time(product).seconds};
  }

 private:
  DeviceOpBench bench_;
  double cache_bytes_;
};

std::vector<KernelCase> all_cases(bool quick) {
  const ElementType type = ElementType::bf16;
  std::vector<KernelCase> cases;
  const auto add = [&](std::vector<KernelCase> more) { std::ranges::move(more, std::back_inserter(cases)); };
  add(memory_cases(type, 8192, 4096));  // 64 MiB a tensor
  if (!quick) add(memory_cases(type, 32768, 4096));
  const int64_t tokens = 4096, hidden = 4096, ffn = 11008, vocab = 32000;  // Llama-2 7B
  add(product_cases(type, tokens, hidden, 3 * hidden));
  add(product_cases(type, tokens, hidden, 2 * ffn));
  if (!quick) {
    add(product_cases(type, tokens, hidden, hidden));
    add(product_cases(type, tokens, ffn, hidden));
    add(product_cases(type, tokens, hidden, vocab));
    add(product_cases(type, 8192, 1024, 4096));
  }
  const int64_t all_tokens = 16384;
  for (const int64_t width : {64, 128})
    for (const int64_t length : {1024, 2048, 4096, 8192}) {
      if (quick && length != 2048) continue;
      add(attention_cases(type, all_tokens / length, 2048 / width, length, width, 0));
    }
  add(attention_cases(type, 8, 16, 2048, 128, 0.1));
  return cases;
}

std::string describe(const KernelCase& c) {
  std::string text;
  for (const auto& [key, value] : c.sizes)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, value);
  return text;
}

nlohmann::json as_json(const KernelCase& c, const Measurement& m, double floor_s) {
  return {{"kernel", c.kernel}, {"type", to_string(c.type)}, {"sizes", c.sizes}, {"seconds", m.seconds},
          {"noise", m.noise},   {"floor_s", floor_s},        {"bytes", c.bytes}, {"flop", c.flop}};
}

struct Options {
  bool quick = false;
  std::string only, json_path;
};

int run(const Options& options) {
  const std::unique_ptr<Accelerator> accelerator = make_accelerator("cuda");
  const AcceleratorInfo info = accelerator->info();
  KernelSpeed speed(*accelerator);
  const Ceilings ceilings = speed.ceilings(ElementType::bf16);
  fmt::print("{}, driver {}, {}\nceilings: copy {:.0f} GB/s, bf16 product {:.0f} TFLOP/s\n", info.name,
             info.driver, info.libraries, ceilings.bytes_per_s / 1e9, ceilings.flop_per_s / 1e12);
  fmt::print("{:<24} {:>10} {:>9} {:>9} {:>7}  {}\n", "kernel", "time us", "GB/s", "TFLOP/s", "floor",
             "size");
  nlohmann::json written = nlohmann::json::array();
  for (const KernelCase& c : all_cases(options.quick)) {
    if (c.kernel.find(options.only) == std::string::npos) continue;
    const Measurement m = speed.time(c);
    const double floor_s = std::max(c.bytes / ceilings.bytes_per_s, c.flop / ceilings.flop_per_s);
    fmt::print("{:<24} {:>10.1f} {:>9.0f} {:>9.1f} {:>6.0f}%  {}\n", c.kernel, m.seconds * 1e6,
               c.bytes / m.seconds / 1e9, c.flop / m.seconds / 1e12, 100 * floor_s / m.seconds, describe(c));
    written.push_back(as_json(c, m, floor_s));
  }
  if (!options.json_path.empty()) std::ofstream(options.json_path) << written.dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace paraplan

int main(int argc, char** argv) {
  paraplan::Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0)
      options.quick = true;
    else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc)
      options.only = argv[++i];
    else
      options.json_path = argv[i];
  }
  try {
    return paraplan::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "kernel_speed: {}\n", error.what());
    return 1;
  }
}
