#pragma once

#include "costmodel/base/categories.h"
#include "costmodel/prices/launch_queue.h"

namespace paraplan {

// Time of a run of ops: how host and device interleave, and the device's part by category.
struct PassCost {
  LaunchQueue queue;
  Breakdown device;      // seconds; sums to queue.device on an asynchronous device
  PriceOrigins origins;  // the same seconds by where the prices come from

  friend PassCost operator+(PassCost a, const PassCost& b) {
    a.queue = a.queue + b.queue;
    a.device += b.device;
    a.origins += b.origins;
    return a;
  }
  PassCost repeated(double times) const {
    PassCost result = *this;
    result.queue = queue.repeated(times);
    result.device *= times;
    result.origins *= times;
    return result;
  }
  // The same work booked under one category.
  PassCost as(TimeCategory category) const {
    PassCost result = *this;
    result.device = {};
    result.device[category] = device.total();
    return result;
  }
};

}  // namespace paraplan
