#include "costmodel/software_profile.h"

namespace paraplan {

bool shards_optimizer(const SoftwareProfile& software, const Layout& layout) {
  return layout.zero_stage >= 1 || software.state.sharded_optimizer;
}

}  // namespace paraplan
