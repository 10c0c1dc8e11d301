#include "costmodel/base/precision.h"

namespace paraplan {

DataType data_type(Precision precision) {
  switch (precision) {
    case Precision::fp64:
      return DataType::fp64;
    case Precision::fp32:
      return DataType::fp32;
    case Precision::bf16:
      return DataType::bf16;
    case Precision::fp16:
      break;
  }
  return DataType::fp16;
}

int64_t bytes_of(DataType type) {
  switch (type) {
    case DataType::fp64:
    case DataType::int64:
      return 8;
    case DataType::fp32:
      return 4;
    case DataType::bf16:
    case DataType::fp16:
      return 2;
    case DataType::int8:
      break;
  }
  return 1;
}

int64_t bytes_per_element(Precision precision) {
  return bytes_of(data_type(precision));
}

}  // namespace paraplan
