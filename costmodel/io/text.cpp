#include "costmodel/io/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "costmodel/input_error.h"

namespace paraplan {
namespace {

template <class Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  return parse_whole<int64_t>(text);
}

std::optional<double> parse_number(std::string_view text) {
  const std::optional<double> value = parse_whole<double>(text);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

std::optional<bool> parse_switch(std::string_view text) {
  if (text == "on" || text == "true" || text == "1") return true;
  if (text == "off" || text == "false" || text == "0") return false;
  return std::nullopt;
}

std::string_view trimmed(std::string_view text) {
  constexpr const char* kBlanks = " \t";
  const size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  size_t begin = 0;
  for (size_t end = text.find(separator); end != std::string_view::npos; end = text.find(separator, begin)) {
    pieces.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  pieces.emplace_back(text.substr(begin));
  return pieces;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      result += fmt::format("\\u{:04X}", static_cast<int>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string float_text(double value) {
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

bool is_utf8(std::string_view text) {
  constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};  // by the number of bytes that follow the first
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    const size_t following = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc0 || first >= 0xf8 || text.size() - i < following) return false;
    uint32_t code = first & (0x3fU >> following);
    for (const char next : text.substr(i, following)) {
      if ((static_cast<unsigned char>(next) & 0xc0) != 0x80) return false;
      code = code << 6 | (static_cast<unsigned char>(next) & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (code < kSmallest[following] || code > 0x10ffff || surrogate) return false;
    i += following;
  }
  return true;
}

std::optional<int64_t> checked_product(std::initializer_list<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes) {
    if (__builtin_mul_overflow(product, size, &product) || product > kMaxExactInteger) return std::nullopt;
  }
  return product;
}

bool file_exists(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be looked at does not exist for us
  return std::filesystem::exists(path, ignored) && !std::filesystem::is_directory(path, ignored);
}

std::string read_text_file(const std::filesystem::path& path) {
  std::error_code ignored;  // opening the file tells
  if (std::filesystem::is_directory(path, ignored))
    throw InputError(path.string(), 0, "", "is a folder, not a file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    throw InputError(path.string(), 0, "", fmt::format("cannot be read: {}", std::strerror(errno)));
  std::ostringstream content;
  content << stream.rdbuf();
  if (stream.bad()) throw InputError(path.string(), 0, "", "cannot be read to its end");
  return content.str();
}

namespace {

// Replaces the content in place. False when it cannot be written; errno tells why.
bool overwrite(const std::filesystem::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  if (!stream.is_open()) return false;
  stream << text;
  stream.close();
  return stream.good();
}

[[noreturn]] void fail_to_write(const std::filesystem::path& path, const std::string& reason) {
  throw std::runtime_error(fmt::format("{}: cannot be written: {}", path.string(), reason));
}

}  // namespace

void write_text_file(const std::filesystem::path& path, const std::string& text) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  const bool exists = fs::exists(status);
  if (exists && !fs::is_regular_file(status)) {  // a device or a pipe cannot be replaced
    if (!overwrite(path, text)) fail_to_write(path, std::strerror(errno));
    return;
  }
  const fs::path target = exists ? fs::canonical(path, error) : path;  // the file that a link points to
  const fs::path whole = target.string() + ".partial";
  if (!overwrite(whole, text)) {
    const std::string reason = std::strerror(errno);
    fs::remove(whole, error);
    fail_to_write(path, reason);
  }
  if (exists) fs::permissions(whole, status.permissions(), error);
  fs::rename(whole, target, error);
  if (!error) return;
  const std::string reason = error.message();
  fs::remove(whole, error);
  fail_to_write(path, reason);
}

}  // namespace paraplan
