#include "costmodel/prices/price.h"

#include <algorithm>

namespace paraplan {
namespace {

PriceOrigin kind_of(Provenance provenance) {
  switch (provenance) {
    case Provenance::datasheet:
      return PriceOrigin::datasheet;
    case Provenance::tuned:
      return PriceOrigin::tuned;
    case Provenance::assumed:
      return PriceOrigin::assumed;
    case Provenance::inferred:
    case Provenance::fitted:
    case Provenance::measured:
      break;
  }
  return PriceOrigin::fitted;
}

}  // namespace

PriceOrigin origin_of(std::initializer_list<const Constant*> constants) {
  PriceOrigin origin = PriceOrigin::datasheet;
  for (const Constant* c : constants) origin = std::max(origin, kind_of(c->provenance));
  return origin;
}

}  // namespace paraplan
