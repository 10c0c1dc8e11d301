#include "cli/mistakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "costmodel/base/input_error.h"
#include "costmodel/io/text/known_words.h"
#include "costmodel/io/text/suggestion.h"

namespace paraplan {
namespace {

[[noreturn]] void fail(const std::string& message, const std::string& option = "") {
  throw InputError("command line", 0, option, message);
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands_of(app)) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// A number may begin with a dash, too.
bool looks_like_option(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-' &&
         (argument[1] == '-' ? argument.size() > 2 : std::isalpha(static_cast<unsigned char>(argument[1])));
}

std::string known_commands(const CLI::App& app) {
  return fmt::format("one of {} (see paraplan --help)", comma_separated(command_names(app)));
}

[[noreturn]] void fail_unknown_command(const CLI::App& app, const std::string& name) {
  const std::string hint = did_you_mean(name, command_names(app));
  fail(fmt::format("unknown command \"{}\"{}", name, hint.empty() ? "; give " + known_commands(app) : hint));
}

void refuse_unknown_options(const CLI::App& command, const std::string& command_name,
                            const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (!looks_like_option(argument)) continue;
    const std::string name = argument.substr(0, argument.find('='));
    const std::vector<std::string> known = option_names(command);
    if (name == "-h" || std::ranges::find(known, name) != known.end()) continue;
    // One letter is no word: what papers call t is not meant by -t.
    const bool letter = name.size() == 2;
    fail(letter ? fmt::format("unknown option of {}; known: {}", command_name, comma_separated(known))
                : unknown_word("option of " + command_name, name, known),
         name);
  }
}

void refuse_extra_arguments(const CLI::App& app, const std::string& command_name,
                            const std::vector<std::string>& arguments) {
  const std::vector<std::string> extra = app.remaining(true);
  if (extra.empty()) return;
  const bool list = std::ranges::any_of(arguments, [](const auto& text) { return text.ends_with(','); });
  fail(fmt::format("unexpected argument \"{}\" of {}{}", extra.front(), command_name,
                   list ? "; a list with spaces after its commas must be in quotes as a whole" : ""));
}

// "--top: 1 required INT missing" and the like, in words for users.
[[noreturn]] void fail_count_of_values(const std::string& text, const std::string& command_name) {
  const std::string option = text.substr(0, text.find(':'));
  if (text.ends_with("missing"))
    fail(fmt::format("needs a value; see paraplan {} --help", command_name), option);
  fail("may be given once", option);
}

}  // namespace

void fail_command_line(const CLI::App& app, const std::vector<std::string>& arguments,
                       const CLI::ParseError& error) {
  const auto name = std::ranges::find_if_not(arguments, looks_like_option);
  refuse_unknown_options(app, "paraplan", {arguments.begin(), name});
  if (name == arguments.end()) fail("needs a command: " + known_commands(app));
  const std::vector<const CLI::App*> commands = commands_of(app);
  const auto command = std::ranges::find(commands, *name, [](const CLI::App* c) { return c->get_name(); });
  if (command == commands.end()) fail_unknown_command(app, *name);
  refuse_unknown_options(**command, *name, arguments);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) refuse_extra_arguments(app, *name, arguments);
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
    fail_count_of_values(error.what(), *name);
  const bool missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  fail(error.what() + (missing ? fmt::format("; see paraplan {} --help", *name) : ""));
}

}  // namespace paraplan
