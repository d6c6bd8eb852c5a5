// A build with AddressSanitizer and UndefinedBehaviorSanitizer notices each kind of fault that it
// is to notice: each case plants one. Without the preset's flags, or without the options of
// tests/sanitizer_options.cpp, a case fails.
#include <gtest/gtest.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace mvsgd {
namespace {

// A value of which the compiler knows nothing.
template <typename T>
[[gnu::noinline]] T hidden(T value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value;
}

// What is read counts as used.
template <typename T>
void use(T value) {
  asm volatile("" : : "r"(value) : "memory");
}

[[gnu::noinline]] int* address_of_a_local() {
  int local = hidden(1);
  return hidden(&local);
}

struct Fault {
  const char* name;
  std::function<void()> plant;
  const char* report;
};

class Planted : public testing::TestWithParam<Fault> {};

TEST_P(Planted, IsNoticed) {
  // Exit codes are the program's own: a report aborts.
  EXPECT_EXIT(GetParam().plant();
              std::exit(0), testing::KilledBySignal(SIGABRT), GetParam().report);
}

const Fault kFaults[] = {
    {"HeapOverflow",
     [] {
       const std::vector<int> x(4);
       use(*hidden(x.data() + 4));
     },
     "heap-buffer-overflow|insufficient space|container-overflow"},
    {"UseAfterFree",
     [] {
       const int* p = nullptr;
       {
         const std::vector<int> x(4);
         p = hidden(x.data());
       }
       use(*p);
     },
     "heap-use-after-free"},
    {"UseAfterReturn", [] { use(*address_of_a_local()); }, "stack-use-after-return"},
    {"UseAfterScope",
     [] {
       const int* p = nullptr;
       {
         const int x = hidden(1);
         p = hidden(&x);
       }
       use(*p);
     },
     "stack-use-after-scope"},
    {"PastTheSizeWithinTheCapacity",
     [] {
       std::vector<int> x(2);
       x.reserve(8);
       use(*hidden(x.data() + 2));
     },
     "container-overflow"},
    {"IndexOfAVector",
     [] {
       std::vector<int> x(2);
       x.reserve(8);
       use(x[hidden(std::size_t{2})]);
     },
     "Assertion '__n < this->size\\(\\)'"},
    {"IndexOfASpan",
     [] {
       const std::vector<int> x(4);
       use(std::span(x).first(2)[hidden(std::size_t{2})]);
     },
     "Assertion"},
    {"ValueOfNothing",
     [] {
       std::optional<int> x;
       hidden(&x);
       use(*x);
     },
     "Assertion"},
    {"StringThatDoesNotEnd",
     [] {
       const std::vector<char> x{'1', ' '};
       use(std::strtol(hidden(x.data()), nullptr, 10));
     },
     "heap-buffer-overflow|container-overflow"},
    {"OverflowOfAnInteger", [] { use(hidden(std::numeric_limits<int>::max()) + hidden(1)); },
     "signed integer overflow"},
    {"ShiftByTheWidth", [] { use(1U << hidden(32)); }, "shift exponent 32"},
    {"FloatThatNoIntegerHolds",
     [] { use(static_cast<int>(*hidden(std::vector<double>{1e20}.data()))); }, "outside the range"},
    {"BoolThatIsNeither",
     [] {
       const unsigned char three = 3;
       bool x = false;
       std::memcpy(hidden(&x), &three, 1);
       use(static_cast<int>(*hidden(&x)));
     },
     "load of value 3"},
    {"AddressOutOfLine",
     [] {
       const std::vector<std::uint32_t> x(2);
       use(*reinterpret_cast<const std::uint32_t*>(
           hidden(reinterpret_cast<const char*>(x.data()) + 1)));
     },
     "misaligned address"},
    {"NothingGivenToMemcpy",
     [] {
       char x = 0;
       std::memcpy(&x, hidden(static_cast<const char*>(nullptr)), hidden(std::size_t{0}));
     },
     "null pointer passed"},
    {"Leak", [] { hidden(new int[10]); }, "detected memory leaks"},
};

INSTANTIATE_TEST_SUITE_P(Each, Planted, testing::ValuesIn(kFaults),
                         [](const auto& fault) { return fault.param.name; });

}  // namespace
}  // namespace mvsgd
