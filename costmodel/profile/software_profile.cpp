#include "costmodel/profile/software_profile.h"

namespace paraplan {

bool reduces_in_passes(const SoftwareProfile& software, const Layout& layout) {
  return layout.zero_stage == 3 || (layout.zero_stage == 2 && software.communication.reduces_by_block);
}

bool shards_optimizer(const SoftwareProfile& software, const Layout& layout) {
  return layout.zero_stage >= 1 || software.state.sharded_optimizer;
}

}  // namespace paraplan
