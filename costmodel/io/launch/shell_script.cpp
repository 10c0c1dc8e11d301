#include "costmodel/io/launch/shell_script.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace paraplan {
namespace {

using Words = std::vector<std::string>;
using Variables = std::map<std::string, Words>;  // a plain variable is an array of one word

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

// Length of a variable's name at the begin of a text; 0: there is none.
size_t name_length(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) return 0;
  return static_cast<size_t>(std::ranges::find_if_not(text, is_name_character) - text.begin());
}

// A word while it grows. Expansions may end it and begin others.
class GrowingWords {
 public:
  void add(char c) {
    current_ += c;
    begun_ = true;
  }
  void add(std::string_view text) {
    current_ += text;
    begun_ = true;
  }
  void begin() { begun_ = true; }  // a quoted word may be empty
  void next() {
    if (begun_) words_.push_back(std::exchange(current_, ""));
    begun_ = false;
  }
  // Unquoted values are split where they have spaces.
  void add_split(std::string_view text) {
    for (const char c : text) {
      if (is_space(c) || c == '\n')
        next();
      else
        add(c);
    }
  }
  Words take() {
    next();
    return std::exchange(words_, {});
  }

 private:
  std::string current_;
  bool begun_ = false;
  Words words_;
};

class ScriptReader {
 public:
  explicit ScriptReader(std::string_view script, int line, Variables& variables)
      : script_(script), line_(line), variables_(variables) {}

  std::vector<ShellCommand> commands() {
    while (!at_end()) read_piece();
    end_command();
    return std::move(commands_);
  }

 private:
  bool at_end() const { return at_ >= script_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < script_.size() ? script_[at_ + ahead] : '\0'; }
  char take() {
    const char c = script_[at_++];
    line_ += c == '\n' ? 1 : 0;
    return c;
  }
  std::string_view rest() const { return script_.substr(at_); }

  bool skip_continuation() {
    if (peek() != '\\' || peek(1) != '\n') return false;
    take();
    take();
    return true;
  }

  void read_piece() {
    if (skip_continuation()) return;
    const char c = peek();
    if (is_space(c)) {
      take();
    } else if (c == '#') {
      while (!at_end() && peek() != '\n') take();
    } else if (std::string_view("\n;|&(){}").find(c) != std::string_view::npos) {
      end_command();
      take();
    } else {
      read_word_or_assignment();
    }
  }

  void read_word_or_assignment() {
    const int line = line_;
    if (skip_redirection()) return;
    const size_t name = name_length(rest());
    const bool appended = peek(name) == '+' && peek(name + 1) == '=';
    if (name > 0 && (command_.empty() || is_export()) && (peek(name) == '=' || appended))
      return read_assignment(std::string(rest().substr(0, name)), name + (appended ? 2 : 1), appended);
    for (std::string& word : read_word()) command_.push_back({std::move(word), line});
  }

  // "2>&1", "> log" and the like say nothing to the program.
  bool skip_redirection() {
    size_t digits = 0;
    while (std::isdigit(static_cast<unsigned char>(peek(digits))) != 0) ++digits;
    if (peek(digits) != '<' && peek(digits) != '>') return false;
    at_ += digits;
    while (std::string_view("<>&").find(peek()) != std::string_view::npos && !at_end()) take();
    while (!at_end() && is_space(peek())) take();
    read_word();
    return true;
  }

  bool is_export() const { return command_.front().text == "export"; }

  void read_assignment(const std::string& name, size_t length, bool appended) {
    at_ += length;
    Words value;
    if (peek() == '(') {
      take();
      value = read_array();
    } else {
      std::string text;
      for (const std::string& word : read_word()) text += (text.empty() ? "" : " ") + word;
      value = {text};
    }
    Words& variable = variables_[name];
    if (!appended) variable.clear();
    variable.insert(variable.end(), value.begin(), value.end());
  }

  Words read_array() {
    Words words;
    while (!at_end() && peek() != ')') {
      if (skip_continuation()) continue;
      if (is_space(peek()) || peek() == '\n') {
        take();
      } else if (peek() == '#') {
        while (!at_end() && peek() != '\n') take();
      } else {
        for (std::string& word : read_word()) words.push_back(std::move(word));
      }
    }
    if (!at_end()) take();
    return words;
  }

  // Up to an unquoted space or separator.
  Words read_word() {
    GrowingWords words;
    while (!at_end() && std::string_view(" \t\n;|&()").find(peek()) == std::string_view::npos) {
      if (skip_continuation()) break;
      const char c = take();
      if (c == '\'') {
        words.begin();
        while (!at_end() && peek() != '\'') words.add(take());
        if (!at_end()) take();
      } else if (c == '"') {
        read_quoted(words);
      } else if (c == '\\' && !at_end()) {
        words.add(take());
      } else if (c == '$') {
        expand(words, false);
      } else {
        words.add(c);
      }
    }
    return words.take();
  }

  void read_quoted(GrowingWords& words) {
    words.begin();
    while (!at_end() && peek() != '"') {
      if (skip_continuation()) continue;
      const char c = take();
      if (c == '\\' && std::string_view("\"\\$`").find(peek()) != std::string_view::npos)
        words.add(take());
      else if (c == '$')
        expand(words, true);
      else
        words.add(c);
    }
    if (!at_end()) take();
  }

  // Behind a dollar sign.
  void expand(GrowingWords& words, bool in_quotes) {
    if (peek() == '(') return words.add("$" + read_nested('(', ')'));
    if (peek() == '{') {
      const std::string braced = read_nested('{', '}');
      return expand_braced(std::string_view(braced).substr(1, braced.size() - 2), words, in_quotes);
    }
    const size_t name = name_length(rest());
    if (name == 0) return words.add('$');
    const std::string text(rest().substr(0, name));
    at_ += name;
    add_value(text, "$" + text, words, in_quotes, false);
  }

  std::string read_nested(char open, char close) {
    std::string text;
    int depth = 0;
    do {
      const char c = take();
      depth += c == open ? 1 : c == close ? -1 : 0;
      text += c;
    } while (depth > 0 && !at_end());
    return text;
  }

  void expand_braced(std::string_view inside, GrowingWords& words, bool in_quotes) {
    const std::string name(inside.substr(0, name_length(inside)));
    std::string_view behind = inside.substr(name.size());
    const bool all = behind.starts_with("[@]") || behind.starts_with("[*]");
    if (all) behind.remove_prefix(3);
    std::string otherwise = "${" + std::string(inside) + "}";
    if (behind.starts_with(":-"))
      otherwise = behind.substr(2);
    else if (behind.starts_with("-"))
      otherwise = behind.substr(1);
    add_value(name, otherwise, words, in_quotes, all);
  }

  void add_value(const std::string& name, const std::string& otherwise, GrowingWords& words, bool in_quotes,
                 bool all) {
    const auto variable = variables_.find(name);
    if (variable == variables_.end()) return words.add(otherwise);
    bool first = true;
    for (const std::string& word : variable->second) {
      if (!std::exchange(first, false)) words.next();
      in_quotes ? words.add(word) : words.add_split(word);
      if (!all) return;
    }
  }

  void end_command() {
    if (command_.empty()) return;
    ShellCommand command = std::exchange(command_, {});
    const auto shell = std::ranges::find_if(command, [](const ShellWord& word) {
      return word.text == "bash" || word.text == "sh" || word.text.ends_with("/bash");
    });
    const auto option = std::find_if(shell, command.end(), [](const ShellWord& word) {
      return word.text == "-c" || word.text == "-lc" || word.text == "-exc";
    });
    if (option != command.end() && option + 1 != command.end()) {
      const ShellWord& inner = *(option + 1);
      for (ShellCommand& c : ScriptReader(inner.text, inner.line, variables_).commands())
        commands_.push_back(std::move(c));
    }
    commands_.push_back(std::move(command));
  }

  std::string_view script_;
  size_t at_ = 0;
  int line_;
  Variables& variables_;
  ShellCommand command_;
  std::vector<ShellCommand> commands_;
};

}  // namespace

std::vector<ShellCommand> shell_commands(std::string_view script) {
  Variables variables;
  return ScriptReader(script, 1, variables).commands();
}

}  // namespace paraplan
