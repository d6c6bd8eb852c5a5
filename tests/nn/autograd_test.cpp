#include "nn/autograd.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <stdexcept>

#include "nn/operations.hpp"
#include "tests/nn/backends.hpp"
#include "tests/nn/rectified.hpp"
#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

using testing::add_relu;
using ::testing::ElementsAre;
using testing::make;
using testing::read;
using testing::relu;

class Autograd : public testing::EveryBackend {
 protected:
  // A tensor [1, 1, 1, 3], which every operation takes.
  [[nodiscard]] Tensor row(float a, float b, float c) const {
    return make(backend(), {1, 1, 1, 3}, {a, b, c});
  }
};

INSTANTIATE_TEST_SUITE_P(Backends, Autograd, ::testing::ValuesIn(testing::backends()),
                         testing::case_name);

TEST_P(Autograd, AddsToTheGradientOfALeaf) {
  const Tensor gradient = row(10, 20, 30);
  const Variable x(row(1, -2, 3), gradient);
  Tape tape(backend());
  tape.backward(relu(tape, x), row(1, 1, 1));
  EXPECT_THAT(read(backend(), gradient), ElementsAre(11, 20, 31));
}

TEST_P(Autograd, SumsOverTheUsesOfAValue) {
  // y = relu(x) is used four times, z twice: y + y = z, and z + (z + (y + y)).
  const Tensor gradient = row(0, 0, 0);
  const Variable x(row(1, -2, 3), gradient);
  Tape tape(backend());
  const Variable y = relu(tape, x);
  const Variable z = add_relu(tape, y, y);
  const Variable sum = add_relu(tape, z, add_relu(tape, z, add_relu(tape, y, y)));
  EXPECT_THAT(read(backend(), sum.value()), ElementsAre(6, 0, 18));
  tape.backward(sum, row(1, 1, 2));
  EXPECT_THAT(read(backend(), gradient), ElementsAre(6, 0, 12));
}

TEST_P(Autograd, GivesEachOfTwoArgumentsAGradientOfItsOwn) {
  // add_relu hands one tensor to both. a then gets more terms, which b must not see.
  const Tensor da = row(0, 0, 0);
  const Tensor db = row(0, 0, 0);
  Tape tape(backend());
  const Variable a = relu(tape, Variable(row(1, 2, 3), da));
  const Variable b = relu(tape, Variable(row(1, 2, 3), db));
  const Variable more = relu(tape, a);
  tape.backward(add_relu(tape, add_relu(tape, a, b), more), row(1, 1, 1));
  EXPECT_THAT(read(backend(), da), ElementsAre(2, 2, 2));
  EXPECT_THAT(read(backend(), db), ElementsAre(1, 1, 1));
}

TEST_P(Autograd, AGradientIsTheSumOfItsTermsHoweverItIsTaken) {
  Gradient gradient;
  EXPECT_TRUE(gradient.empty());
  const auto add = [&](float a, float b, float c) { gradient.add(backend(), row(a, b, c)); };
  for (const int terms : {1, 2, 3}) {
    const int total = terms * (terms + 1) / 2;
    const auto first = static_cast<float>(total);
    for (int t = 1; t <= terms; ++t) add(static_cast<float>(t), 10, -1);
    EXPECT_FALSE(gradient.empty());
    const Tensor sum = gradient.take(backend());
    EXPECT_TRUE(gradient.empty());
    const auto n = static_cast<float>(terms);
    EXPECT_THAT(read(backend(), sum), ElementsAre(first, 10 * n, -n));

    for (int t = 1; t <= terms; ++t) add(static_cast<float>(t), 10, -1);
    const auto [one, other] = gradient.take_terms();
    EXPECT_TRUE(gradient.empty());
    EXPECT_EQ(static_cast<bool>(other), terms > 1);
    std::vector<float> joined = read(backend(), one);
    if (other) {
      const std::vector<float> more = read(backend(), other);
      for (std::size_t i = 0; i < joined.size(); ++i) joined[i] += more[i];
    }
    EXPECT_THAT(joined, ElementsAre(first, 10 * n, -n));
  }
}

TEST_P(Autograd, TermsThatSomebodyHoldsKeepTheirValues) {
  Gradient gradient;
  const Tensor held = row(1, 2, 3);
  const Tensor also = row(10, 20, 30);
  gradient.add(backend(), held);
  gradient.add(backend(), also);
  gradient.add(backend(), row(100, 200, 300));
  EXPECT_THAT(read(backend(), gradient.take(backend())), ElementsAre(111, 222, 333));
  EXPECT_THAT(read(backend(), held), ElementsAre(1, 2, 3));
  EXPECT_THAT(read(backend(), also), ElementsAre(10, 20, 30));
}

TEST_P(Autograd, LeavesTheGivenGradientAsItWas) {
  const Tensor dy = row(1, 2, 3);
  Tape tape(backend());
  const Variable y = relu(tape, Variable(row(1, 1, 1), row(0, 0, 0)));
  static_cast<void>(add_relu(tape, y, y));  // does not lead to y
  tape.backward(y, dy);
  EXPECT_THAT(read(backend(), dy), ElementsAre(1, 2, 3));
}

TEST_P(Autograd, PassesByWhatTheResultDoesNotDependOn) {
  const Tensor unused = row(5, 5, 5);
  Tape tape(backend());
  const Variable y = relu(tape, Variable(row(1, 1, 1), row(0, 0, 0)));
  static_cast<void>(relu(tape, Variable(row(1, 1, 1), unused)));
  tape.backward(y, row(1, 1, 1));
  EXPECT_THAT(read(backend(), unused), ElementsAre(5, 5, 5));
}

TEST_P(Autograd, ComputesNoGradientOfAConstant) {
  Tape tape(backend());
  const Variable images(row(1, -1, 2));
  const Parameter w{.value = make(backend(), {1, 1, 1, 1}, {3}),
                    .gradient = make(backend(), {1, 1, 1, 1}, {0})};
  const Variable y = conv2d(tape, images, w);
  tape.backward(y, row(1, 1, 1));
  EXPECT_EQ(images.gradient(), nullptr);
  EXPECT_THAT(read(backend(), w.gradient), ElementsAre(2));
}

TEST_P(Autograd, ATapeIsSpentAfterOneBackwardPass) {
  Tape tape(backend());
  const Variable x(row(1, 1, 1), row(0, 0, 0));
  const Variable y = relu(tape, x);
  tape.backward(y, row(1, 1, 1));
  EXPECT_THROW(tape.backward(y, row(1, 1, 1)), std::logic_error);
  EXPECT_THROW(static_cast<void>(relu(tape, x)), std::logic_error);
}

TEST_P(Autograd, RefusesWhatItCannotDifferentiate) {
  const Variable x(row(1, 1, 1), row(0, 0, 0));
  Tape other(backend());
  const Variable foreign = relu(other, x);
  Tape tape(backend());
  const Variable y = relu(tape, x);
  EXPECT_THROW(tape.backward(foreign, row(1, 1, 1)), std::logic_error);
  EXPECT_THROW(tape.backward(Variable(row(1, 1, 1)), row(1, 1, 1)), std::logic_error);
  EXPECT_THROW(tape.backward(y, make(backend(), {3}, {1, 1, 1})), std::invalid_argument);
  EXPECT_THROW(Variable(row(1, 1, 1), make(backend(), {3}, {0, 0, 0})), std::invalid_argument);
  tape.backward(y, row(1, 1, 1));  // none of them spent it

  Tape silent(backend(), Recording::off);
  const Variable value = relu(silent, x);
  EXPECT_EQ(value.gradient(), nullptr);
  EXPECT_THROW(silent.backward(value, row(1, 1, 1)), std::logic_error);
}

TEST_P(Autograd, FreesActivationsAsTheTapeUnwinds) {
  Tape tape(backend());
  std::weak_ptr<Storage> activation;
  bool freed_before_the_first_record = false;
  const Variable first = tape.record(
      row(1, 1, 1), [&](Gradient&) { freed_before_the_first_record = activation.expired(); });
  const Variable last = [&] {
    const Variable middle = relu(tape, first);
    activation = middle.value().storage;
    return relu(tape, middle);
  }();
  EXPECT_FALSE(activation.expired()) << "the record of relu keeps its result";
  tape.backward(last, row(1, 1, 1));
  EXPECT_TRUE(freed_before_the_first_record);
}

TEST_P(Autograd, KeepsNothingWhenItDoesNotRecord) {
  Tape tape(backend(), Recording::off);
  std::weak_ptr<Storage> activation;
  const Variable last = [&] {
    const Variable middle = relu(tape, Variable(row(1, 2, 3)));
    activation = middle.value().storage;
    return relu(tape, middle);
  }();
  EXPECT_TRUE(activation.expired());
}

}  // namespace
}  // namespace mvsgd::nn
