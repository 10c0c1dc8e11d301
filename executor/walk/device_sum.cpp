#include "executor/walk/device_sum.h"

namespace paraplan {

DeviceSum::DeviceSum(Backend& backend) : backend_(backend), data_(backend.allocate(sizeof(double))) {
  clear();
}

double DeviceSum::take() {
  double sum = 0;
  backend_.download(data_, sizeof sum, &sum);
  clear();
  return sum;
}

void DeviceSum::clear() {
  const double zero = 0;
  backend_.upload(&zero, sizeof zero, data_);
}

}  // namespace paraplan
