#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"

namespace paraplan {
namespace {

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// "--top" of each option of a command.
std::vector<std::string> long_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// The words that an option takes, of a check like {time,memory,cost}; empty: any.
std::vector<std::string> choices(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

// Words of arguments without a name.
std::vector<std::string> positional_choices(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::Option* option : command.get_options())
    if (option->get_positional())
      for (const std::string& word : choices(*option)) words.push_back(word);
  return words;
}

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : subcommands(app)) names.push_back(command->get_name());
  return names;
}

std::string bash_text(const CLI::App& app) {
  std::string text = fmt::format(
      "# Completion of paraplan for bash.\n_paraplan() {{\n  local word=${{COMP_WORDS[COMP_CWORD]}} "
      "former=${{COMP_WORDS[COMP_CWORD-1]}} words=\n  if ((COMP_CWORD == 1)); then\n    words=\"{} --help "
      "--version\"\n"
      "  else\n    case ${{COMP_WORDS[1]}},$former in\n",
      fmt::join(names_of(app), " "));
  for (const CLI::App* command : subcommands(app))
    for (const CLI::Option* option : command->get_options())
      if (const auto words = choices(*option); !words.empty() && !option->get_lnames().empty())
        text += fmt::format("      {},--{}) words=\"{}\" ;;\n", command->get_name(),
                            option->get_lnames().front(), fmt::join(words, " "));
  for (const CLI::App* command : subcommands(app))
    text += fmt::format("      {},*) words=\"{} {}\" ;;\n", command->get_name(),
                        fmt::join(positional_choices(*command), " "), fmt::join(long_names(*command), " "));
  return text +
         "    esac\n  fi\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\n"
         "complete -o default -F _paraplan paraplan\n";
}

std::string zsh_text(const CLI::App& app) {
  std::string text = fmt::format(
      "#compdef paraplan\n_paraplan() {{\n  if ((CURRENT == 2)); then\n    compadd -- {} --help --version\n  "
      "  "
      "return\n  fi\n  case $words[2],$words[CURRENT-1] in\n",
      fmt::join(names_of(app), " "));
  for (const CLI::App* command : subcommands(app))
    for (const CLI::Option* option : command->get_options())
      if (const auto words = choices(*option); !words.empty() && !option->get_lnames().empty())
        text += fmt::format("    {},--{}) compadd -- {} ;;\n", command->get_name(),
                            option->get_lnames().front(), fmt::join(words, " "));
  for (const CLI::App* command : subcommands(app))
    text += fmt::format("    {},*) compadd -- {} {}; _files ;;\n", command->get_name(),
                        fmt::join(positional_choices(*command), " "), fmt::join(long_names(*command), " "));
  return text + "  esac\n}\n_paraplan \"$@\"\n";
}

// In single quotes.
std::string fish_word(const std::string& text) {
  std::string quoted;
  for (const char c : text) quoted += c == '\'' ? std::string("\\'") : std::string(1, c);
  return "'" + quoted + "'";
}

std::string fish_text(const CLI::App& app) {
  std::string text = "# Completion of paraplan for fish.\n";
  for (const CLI::App* command : subcommands(app)) {
    const std::string name = command->get_name();
    text += fmt::format("complete -c paraplan -n __fish_use_subcommand -a {} -d {}\n", name,
                        fish_word(command->get_description()));
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_lnames().empty()) continue;
      const std::vector<std::string> words = choices(*option);
      text += fmt::format("complete -c paraplan -n '__fish_seen_subcommand_from {}' -l {}{} -d {}\n", name,
                          option->get_lnames().front(),
                          words.empty() ? "" : fmt::format(" -x -a '{}'", fmt::join(words, " ")),
                          fish_word(option->get_description()));
    }
  }
  return text;
}

// A text that roff takes as it is.
std::string roff(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '-' ? "\\-" : c == '\\' ? "\\e" : std::string(1, c);
  return escaped.starts_with('.') || escaped.starts_with('\'') ? "\\&" + escaped : escaped;
}

std::string man_option(const CLI::Option& option) {
  const std::string value =
      option.get_items_expected() > 0 ? " \\fI" + roff(option.get_type_name()) + "\\fR" : "";
  return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n",
                     roff(option.get_lnames().empty() ? option.get_name(true) : option.get_name(false, true)),
                     value, roff(option.get_description()));
}

std::string man_text(const CLI::App& app) {
  std::string text = fmt::format(
      ".TH PARAPLAN 1 \"\" \"paraplan {}\"\n.SH NAME\nparaplan \\- {}\n.SH SYNOPSIS\n\\fBparaplan\\fR "
      "\\fICOMMAND\\fR "
      "[\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
      PARAPLAN_VERSION, roff(app.get_description()));
  for (const CLI::App* command : subcommands(app)) {
    text += fmt::format(".SS \"{}\"\n{}.\n", command->get_name(), roff(command->get_description()));
    for (const CLI::Option* option : command->get_options()) text += man_option(*option);
  }
  return text +
         ".SH EXIT STATUS\n0: done; 1: could not, as when nothing fits; 2: bad input; 3: a stated goal is "
         "missed.\n";
}

std::string completion_text(const CLI::App& app, const std::string& form) {
  if (form == "bash") return bash_text(app);
  if (form == "zsh") return zsh_text(app);
  return form == "fish" ? fish_text(app) : man_text(app);
}

}  // namespace

void add_completion(CLI::App& app, Command& chosen) {
  const auto form = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Completions for a shell, or the manual page");
  command->add_option("FORM", *form, "bash, zsh, fish or man")
      ->required()
      ->check(one_of({"bash", "zsh", "fish", "man"}));
  command->callback([form, &app, &chosen] {
    // Now, because the description of the command line does not outlive its parsing.
    chosen = [text = completion_text(app, *form)] {
      print(text);
      return kDone;
    };
  });
}

}  // namespace paraplan
