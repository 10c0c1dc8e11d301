#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "costmodel/base/input_error.h"
#include "executor/data/batch.h"
#include "executor/data/sample_maker.h"
#include "executor/memory/mapped_file.h"

namespace paraplan {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

constexpr size_t kHeaderBytes = 1024;     // int32[256]: magic, version, number of tokens, zeros
constexpr uint64_t kMaskSeed = 20240714;  // fixed: every run sees the same samples
constexpr int64_t kWidest16 = 65536;      // largest vocabulary whose tokens are uint16

// A header of llm.c (dataloader.h and dev/data/data_common.py there).
struct HeaderKind {
  int32_t magic, version;
  size_t token_bytes;
};
constexpr std::array<HeaderKind, 2> kHeaderKinds = {{{20240520, 1, 2}, {20240801, 7, 4}}};

using Tokens = std::variant<std::span<const uint16_t>, std::span<const uint32_t>>;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& key,
                       const std::string& message) {
  throw InputError(path.string(), 0, key, message);
}

int32_t header_word(std::span<const std::byte> bytes, size_t index) {
  int32_t word = 0;
  std::memcpy(&word, bytes.data() + index * sizeof(word), sizeof(word));
  return word;
}

// Empty when the file has no header.
std::optional<HeaderKind> read_header(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const int32_t magic = header_word(bytes, 0);
  const auto* kind = std::ranges::find(kHeaderKinds, magic, &HeaderKind::magic);
  if (kind == kHeaderKinds.end()) return std::nullopt;
  const int32_t version = header_word(bytes, 1);
  if (version != kind->version) {
    fail(path, "header",
         fmt::format("is version {} of llm.c's format {}; version {} is understood", version, magic,
                     kind->version));
  }
  const int64_t stated = header_word(bytes, 2);
  const auto size = static_cast<int64_t>(bytes.size() - kHeaderBytes);
  if (stated * static_cast<int64_t>(kind->token_bytes) != size) {
    fail(
        path, "header",
        fmt::format("states {} tokens of {} bytes, but {} bytes follow it", stated, kind->token_bytes, size));
  }
  return *kind;
}

template <class Token>
std::span<const Token> as_tokens(std::span<const std::byte> bytes) {
  // Mapped memory is aligned to a page, and the header's size to any token's.
  return {reinterpret_cast<const Token*>(bytes.data()), bytes.size() / sizeof(Token)};
}

size_t usual_token_bytes(int64_t vocab) {
  return vocab <= kWidest16 ? 2 : 4;
}

// Whether every second word is the upper half of a wider token: 0, or hundreds of times smaller than the
// others in a file that is too long for that to be chance.
bool has_upper_halves(std::span<const uint16_t> words) {
  constexpr int kRatio = 256;
  constexpr size_t kLong = 64;
  std::array<uint16_t, 2> largest{};
  for (size_t i = 0; i < words.size(); ++i) largest[i % 2] = std::max(largest[i % 2], words[i]);
  const auto [lower, upper] = largest;
  return upper == 0 ? lower > 0 : words.size() >= kLong && upper * kRatio < lower;
}

template <class Token>
bool all_below(std::span<const Token> tokens, int64_t vocab) {
  return std::ranges::all_of(tokens, [vocab](Token token) { return static_cast<int64_t>(token) < vocab; });
}

// The width that the content of a file without a header speaks for.
size_t token_bytes_of(std::span<const std::byte> bytes, int64_t vocab) {
  const bool whole = bytes.size() % sizeof(uint32_t) == 0;
  const bool wide = has_upper_halves(as_tokens<uint16_t>(bytes));
  if (vocab <= kWidest16) return whole && wide ? 4 : 2;
  const bool possible = whole && all_below(as_tokens<uint32_t>(bytes), vocab);
  return wide || possible || bytes.size() % sizeof(uint16_t) != 0 ? 4 : 2;
}

std::string remark_on(const std::filesystem::path& path, size_t token_bytes, int64_t vocab) {
  if (token_bytes == usual_token_bytes(vocab)) return "";
  if (token_bytes == sizeof(uint32_t))
    return fmt::format(
        "{} is read as uint32, because every second 16 bits are 0 or nearly so; the vocabulary of {} "
        "would fit in uint16",
        path.string(), vocab);
  return fmt::format("{} is read as uint16, because as uint32 it has tokens beyond the vocabulary of {}",
                     path.string(), vocab);
}

struct Content {
  Tokens tokens;
  std::string remark;
};

Content read_content(const std::filesystem::path& path, std::span<const std::byte> bytes, int64_t vocab) {
  const std::optional<HeaderKind> header = read_header(path, bytes);
  const size_t token_bytes = header ? header->token_bytes : token_bytes_of(bytes, vocab);
  if (header) bytes = bytes.subspan(kHeaderBytes);
  if (bytes.size() % token_bytes != 0) {
    fail(path, "",
         fmt::format("{} bytes are no whole number of tokens; a vocabulary of {} needs tokens of {} bytes",
                     bytes.size(), vocab, token_bytes));
  }
  const std::string remark = header ? "" : remark_on(path, token_bytes, vocab);
  if (token_bytes == sizeof(uint16_t)) return {as_tokens<uint16_t>(bytes), remark};
  return {as_tokens<uint32_t>(bytes), remark};
}

template <class Token>
void check_tokens(const std::filesystem::path& path, std::span<const Token> tokens, int64_t vocab) {
  const auto too_large = [vocab](Token token) { return static_cast<int64_t>(token) >= vocab; };
  const auto found = std::ranges::find_if(tokens, too_large);
  if (found == tokens.end()) return;
  fail(path, fmt::format("token {}", found - tokens.begin()),
       fmt::format("is {}; the model's vocabulary has {} tokens, 0 to {}", *found, vocab, vocab - 1));
}

class TokenFile : public SampleSource {
 public:
  TokenFile(const std::filesystem::path& path, const ModelSpec& model, int64_t seq_length,
            int64_t global_batch)
      : file_(path),
        content_(read_content(path, file_.bytes(), model.vocab)),
        task_(model.task),
        vocab_(model.vocab),
        seq_length_(seq_length),
        global_batch_(global_batch) {
    std::visit([&](auto tokens) { check_tokens(path, tokens, vocab_); }, content_.tokens);
    if (count() < seq_length + 1) {
      fail(path, "",
           fmt::format("has {} tokens; a sequence of {} needs at least {}", count(), seq_length,
                       seq_length + 1));
    }
  }

  Sample sample(int64_t step, int64_t index) const override {
    const int64_t number = step * global_batch_ + index;
    const int64_t start = number % ((count() - 1) / seq_length_) * seq_length_;
    if (task_ == TrainingTask::next_token) return next_token_sample(text(start, seq_length_ + 1));
    const uint64_t seed = draw(kMaskSeed, static_cast<uint64_t>(number));
    const auto sentence = static_cast<int64_t>(draw(seed, 2) % 2);
    std::vector<int64_t> tokens = text(start, seq_length_);
    if (sentence == 1) replace_second_half(start, draw(seed, 3), tokens);
    return masked_sample(std::move(tokens), sentence, vocab_, seed);
  }

  std::string remark() const override { return content_.remark; }

 private:
  // By as many tokens from any other place of the file.
  void replace_second_half(int64_t start, uint64_t number, std::vector<int64_t>& tokens) const {
    const int64_t first_half = seq_length_ / 2;
    const int64_t second_half = seq_length_ - first_half;
    const auto other_places = static_cast<uint64_t>(count() - second_half);
    auto place = static_cast<int64_t>(number % other_places);
    if (place >= start + first_half) ++place;
    std::ranges::copy(text(place, second_half), tokens.begin() + first_half);
  }

  int64_t count() const {
    return std::visit([](auto tokens) { return static_cast<int64_t>(tokens.size()); }, content_.tokens);
  }

  std::vector<int64_t> text(int64_t start, int64_t length) const {
    const auto copied = [=](auto tokens) {
      const auto part = tokens.subspan(static_cast<size_t>(start), static_cast<size_t>(length));
      return std::vector<int64_t>(part.begin(), part.end());
    };
    return std::visit(copied, content_.tokens);
  }

  MappedFile file_;
  Content content_;
  TrainingTask task_;
  int64_t vocab_, seq_length_, global_batch_;
};

}  // namespace

std::unique_ptr<SampleSource> token_file(const std::filesystem::path& path, const ModelSpec& model,
                                         int64_t seq_length, int64_t global_batch) {
  return std::make_unique<TokenFile>(path, model, seq_length, global_batch);
}

}  // namespace paraplan
