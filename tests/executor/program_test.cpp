// What a program can be compiled for.
#include "executor/walk/program.h"

#include <gtest/gtest.h>

#include "costmodel/base/input_error.h"
#include "training.h"

namespace paraplan {
namespace {

std::string error_of(const Scenario& scenario, const std::string& device) {
  try {
    const Program program(scenario, Layout{}, device);
  } catch (const InputError& error) {
    return error.what();
  }
  return "none";
}

std::string error_of(Precision precision, const std::string& device) {
  Scenario s = small_scenario(Family::gpt, 0);
  s.precision = precision;
  return error_of(s, device);
}

TEST(Program, TakesThePrecisionsOfTheDevice) {
  for (const Precision p : {Precision::fp32, Precision::fp64}) EXPECT_EQ(error_of(p, "cpu"), "none");
  for (const Precision p : {Precision::fp16, Precision::bf16, Precision::fp32})
    EXPECT_EQ(error_of(p, "cuda"), "none");
  EXPECT_NE(error_of(Precision::bf16, "cpu")
                .find("the CPU executor computes in fp32 or fp64; the scenario says bf16"),
            std::string::npos);
  EXPECT_NE(error_of(Precision::fp16, "cpu").find("the scenario says fp16"), std::string::npos);
  EXPECT_NE(error_of(Precision::fp64, "cuda")
                .find("the CUDA executor computes in fp16, bf16 or fp32; the scenario says fp64"),
            std::string::npos);
}

TEST(Program, HasTheElementTypeOfThePrecision) {
  const std::pair<Precision, ElementType> types[] = {{Precision::fp16, ElementType::fp16},
                                                     {Precision::bf16, ElementType::bf16},
                                                     {Precision::fp32, ElementType::fp32}};
  Scenario s = small_scenario(Family::gpt, 0);
  for (const auto& [precision, type] : types) {
    s.precision = precision;
    EXPECT_EQ(Program(s, Layout{}, "cuda").element_type(), type);
  }
  s.precision = Precision::fp64;
  EXPECT_EQ(Program(s, Layout{}).element_type(), ElementType::fp64);
}

TEST(Program, RefusesKernelsThatTheExecutorDoesNotHave) {
  Scenario s = small_scenario(Family::gpt, 0);
  s.software.fusion.flash_attention = true;
  EXPECT_EQ(error_of(s, "cpu"), "none");
  s.software.fusion.attention_dropout = true;
  EXPECT_NE(error_of(s, "cpu").find("fusion.attention_dropout = true"), std::string::npos);
}

}  // namespace
}  // namespace paraplan
