#include "costmodel/prices/price.h"

namespace paraplan {

PriceOrigin origin_of(std::initializer_list<const Constant*> constants) {
  for (const Constant* c : constants)
    if (c->provenance == Provenance::assumed || c->provenance == Provenance::datasheet)
      return PriceOrigin::datasheet;
  return PriceOrigin::fitted;
}

}  // namespace paraplan
