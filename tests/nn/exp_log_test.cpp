#include "nn/exp_log.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/nn/values.hpp"

namespace mvsgd::nn {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSmallest = std::numeric_limits<double>::denorm_min();

// |got - want| in units of want's last place. The C library is itself within 1 ulp, so the
// documented bound of 1 shows as at most 2.
double ulps(double got, double want) {
  if (got == want) return 0;
  const double size = std::abs(want);
  return std::abs(got - want) / (std::nextafter(size, kInfinity) - size);
}

TEST(Exp, IsWithinItsBoundOfTheLibrary) {
  double worst = 0;
  double where = 0;
  const auto look = [&](double x) {
    const double error = ulps(exact_order_exp(x), std::exp(x));
    if (error > worst) worst = error, where = x;
  };
  for (const float unit : testing::uniform(200000, 1)) {
    look(708.0 * static_cast<double>(unit));
    look(2.0 * static_cast<double>(unit));
    look(1e-6 * static_cast<double>(unit));
  }
  EXPECT_LE(worst, 2) << "at " << where;
}

TEST(Exp, HoldsAtTheEdges) {
  EXPECT_EQ(exact_order_exp(0.0), 1.0);
  EXPECT_EQ(exact_order_exp(-0.0), 1.0);
  EXPECT_EQ(exact_order_exp(kInfinity), kInfinity);
  EXPECT_EQ(exact_order_exp(710.0), kInfinity);
  EXPECT_LT(exact_order_exp(709.7827), kInfinity);
  EXPECT_LE(ulps(exact_order_exp(709.7827), std::exp(709.7827)), 2);
  EXPECT_EQ(exact_order_exp(-kInfinity), 0.0);
  EXPECT_EQ(exact_order_exp(-746.0), 0.0);
  EXPECT_NEAR(exact_order_exp(-745.0), std::exp(-745.0), kSmallest);
  EXPECT_NEAR(exact_order_exp(-730.0), std::exp(-730.0), kSmallest);
  EXPECT_TRUE(std::isnan(exact_order_exp(std::nan(""))));
}

TEST(Log, IsWithinItsBoundOfTheLibrary) {
  double worst = 0;
  double where = 0;
  const auto look = [&](double x) {
    const double error = ulps(exact_order_log(x), std::log(x));
    if (error > worst) worst = error, where = x;
  };
  for (const float unit : testing::uniform(200000, 2)) {
    const double u = static_cast<double>(unit);
    look(1.0 + 0.5 * u);
    look(1.0 + 1e-5 * u);
    look(11.0 + 10.0 * u);
    look(std::exp(700.0 * u));
  }
  EXPECT_LE(worst, 2) << "at " << where;
}

TEST(Log, HoldsAtTheEdges) {
  EXPECT_EQ(exact_order_log(1.0), 0.0);
  EXPECT_EQ(exact_order_log(0.0), -kInfinity);
  EXPECT_EQ(exact_order_log(-0.0), -kInfinity);
  EXPECT_EQ(exact_order_log(kSmallest), -kInfinity);
  EXPECT_EQ(exact_order_log(kInfinity), kInfinity);
  for (const double x : {std::numeric_limits<double>::min(), std::numeric_limits<double>::max()}) {
    EXPECT_LE(ulps(exact_order_log(x), std::log(x)), 2) << x;
  }
  EXPECT_TRUE(std::isnan(exact_order_log(-1.0)));
  EXPECT_TRUE(std::isnan(exact_order_log(std::nan(""))));
}

// The purpose of these functions: the same bits on every machine.
TEST(ExpAndLog, KeepTheirBits) {
  EXPECT_EQ(exact_order_exp(1.0), 0x1.5bf0a8b14576ap+1);
  EXPECT_EQ(exact_order_exp(-3.75), 0x1.81509354f0d2ap-6);
  EXPECT_EQ(exact_order_log(10.0), 0x1.26bb1bbb55516p+1);
  EXPECT_EQ(exact_order_log(1.25), 0x1.c8ff7c79a9a22p-3);
}

}  // namespace
}  // namespace mvsgd::nn
