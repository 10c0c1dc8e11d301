#include <fmt/format.h>

#include "costmodel/base/input_error.h"
#include "costmodel/io/text/suggestion.h"
#include "planner/check/known_settings.h"
#include "planner/check/readers.h"

namespace paraplan {

void sort_unread(const LaunchSettings& settings, LaunchRequest& request) {
  for (const LaunchSetting& setting : settings.unread()) {
    if (is_irrelevant(request.framework, setting.name)) {
      request.ignored.push_back(setting.name);
    } else if (is_unpriced(request.framework, setting.name)) {
      request.unpriced.push_back(setting.name);
    } else {
      throw InputError(
          setting.file, setting.line, setting.name,
          fmt::format("unknown setting, which may change the layout or the arithmetic{}; if it does "
                      "not, pass over it with --ignore {}",
                      did_you_mean(setting.name, known_launch_settings()), setting.name));
    }
  }
}

}  // namespace paraplan
