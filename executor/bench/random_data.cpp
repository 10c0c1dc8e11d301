#include "executor/bench/random_data.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "executor/data/sample_maker.h"

namespace paraplan {
namespace {

constexpr uint64_t kSeed = 20240517;
constexpr float kShare = 1.0f / 4096;

// Number i of the stream, in [0, 1).
double uniform(uint64_t i) {
  return static_cast<double>(draw(kSeed, i) >> 11) * 0x1p-53;
}

float number(Content content, uint64_t i) {
  const auto u = static_cast<float>(uniform(i));
  switch (content) {
    case Content::zeros:
      return 0;
    case Content::values:
      return 2 * u - 1;
    case Content::positive:
      return 0.5f + u;
    case Content::shares:
      return kShare * (0.5f + u);
    case Content::mask:
      break;
  }
  return u < 0.5f ? 0 : 1;
}

template <class Element>
void put(std::vector<char>& bytes, size_t i, Element value) {
  std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
}

void put(std::vector<char>& bytes, ElementType type, size_t i, float value) {
  switch (type) {
    case ElementType::fp16:
      return put(bytes, i, to_fp16(value));
    case ElementType::bf16:
      return put(bytes, i, to_bf16(value));
    case ElementType::fp32:
      return put(bytes, i, value);
    case ElementType::fp64:
      return put(bytes, i, static_cast<double>(value));
  }
}

}  // namespace

uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// The exponent's bias goes from 127 to 15, 13 bits of the fraction are rounded away.
uint16_t to_fp16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  constexpr uint32_t kSmallestNormal = 113u << 23, kBias = 112u << 23;
  if (magnitude < kSmallestNormal) return static_cast<uint16_t>(sign);
  const uint32_t rounded = magnitude - kBias + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

std::vector<char> random_elements(Content content, ElementType type, size_t count) {
  const bool mask = content == Content::mask;
  std::vector<char> bytes(count * (mask ? 1 : static_cast<size_t>(size_of(type))));
  for (size_t i = 0; i < count; ++i) {
    const float value = number(content, i);
    if (mask) {
      bytes[i] = static_cast<char>(value);
    } else {
      put(bytes, type, i, value);
    }
  }
  return bytes;
}

const DeviceBuffer& RandomData::block(Content content, ElementType type) {
  const auto found = blocks_.find({content, type});
  if (found != blocks_.end()) return found->second;
  const std::vector<char> elements = random_elements(content, type, kBlockElements);
  DeviceBuffer buffer(backend_, elements.size());
  backend_.upload(elements.data(), elements.size(), buffer.data());
  return blocks_.emplace(std::pair(content, type), std::move(buffer)).first->second;
}

// In elements of the backend, whatever the bytes mean; a rest of less than one goes over the host.
void RandomData::copy(void* from, void* to, size_t bytes) {
  const auto element = static_cast<size_t>(size_of(backend_.element_type()));
  const auto count = static_cast<int64_t>(bytes / element);
  if (count > 0) backend_.copy({from, 1, count, count}, {to, 1, count, count});
  const size_t done = static_cast<size_t>(count) * element;
  if (done == bytes) return;
  std::vector<char> rest(bytes - done);
  backend_.download(static_cast<char*>(from) + done, rest.size(), rest.data());
  backend_.upload(rest.data(), rest.size(), static_cast<char*>(to) + done);
}

void RandomData::fill(Content content, ElementType type, void* data, size_t bytes) {
  const DeviceBuffer& from = block(content, type);
  for (size_t done = 0; done < bytes; done += from.bytes())
    copy(from.data(), static_cast<char*>(data) + done, std::min(from.bytes(), bytes - done));
}

}  // namespace paraplan
