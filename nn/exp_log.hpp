// exp and log with the same bits on every machine, which the C library does not promise.
//
// Both use only +, -, *, / and bit operations on double, each rounded once in the order written. So
// the result is a function of the argument alone wherever arithmetic is IEEE 754 and contraction is
// off, as it is in this project.
#pragma once

namespace mvsgd::nn {

/// e^x within 1 ulp where the result is normal, and within the smallest subnormal elsewhere.
/// Infinity above 709.78, 0 below -745.13, NaN for NaN.
[[nodiscard]] double exact_order_exp(double x);

/// The natural logarithm within 1 ulp for normal x. -infinity for 0 (and for subnormal x, which
/// count as 0), NaN for x < 0 and for NaN, infinity for infinity.
[[nodiscard]] double exact_order_log(double x);

}  // namespace mvsgd::nn
