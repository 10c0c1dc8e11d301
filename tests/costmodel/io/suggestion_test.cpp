#include "costmodel/io/text/suggestion.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

TEST(EditDistance, CountsSingleLetterEdits) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);  // k -> s, e -> i, + g
  EXPECT_EQ(edit_distance("tensor", "tnesor"), 1);   // a swap of neighbours is one slip
}

TEST(Nearest, ShowsCloseNamesBestFirst) {
  const std::vector<std::string> names = {"roce_100g", "roce_25g", "efa_400g", "tofu_d"};
  EXPECT_EQ(nearest("roce_10g", names), (std::vector<std::string>{"roce_100g", "roce_25g"}));
  EXPECT_TRUE(nearest("nvlink", names).empty());
}

TEST(Nearest, ShowsAtMostThree) {
  EXPECT_EQ(nearest("gpt", {"gpt1", "gpt2", "gpt3", "gpt4"}),
            (std::vector<std::string>{"gpt1", "gpt2", "gpt3"}));
}

TEST(DidYouMean, IsEmptyWithoutACloseName) {
  EXPECT_EQ(did_you_mean("ful", {"none", "full"}), "; did you mean \"full\"?");
  EXPECT_EQ(did_you_mean("nodse", {"nodes", "modes"}), "; did you mean \"nodes\"?");
  EXPECT_EQ(did_you_mean("everything", {"none", "full"}), "");
}

}  // namespace
}  // namespace paraplan
