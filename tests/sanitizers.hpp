// Whether a test runs with a sanitizer that takes memory of its own.
#pragma once

namespace mvsgd {

// gcc says so by a macro for each sanitizer, clang 14 by a question.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitizerTakesMemory = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitizerTakesMemory = true;
#else
inline constexpr bool kSanitizerTakesMemory = false;
#endif
#else
inline constexpr bool kSanitizerTakesMemory = false;
#endif

}  // namespace mvsgd
