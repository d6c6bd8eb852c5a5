// What every program of a build with a sanitizer asks of its runtime. ASAN_OPTIONS and
// UBSAN_OPTIONS count before it.
//
// A report aborts: exit codes are the program's own, and tests expect some that are not 0.

// The runtimes look for these names.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {

const char* __asan_default_options();
const char* __asan_default_options() {
  return "abort_on_error=1:"
         "check_initialization_order=1:strict_init_order=1:"
         "detect_stack_use_after_return=1:"
         "strict_string_checks=1";
}

const char* __ubsan_default_options();
const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
