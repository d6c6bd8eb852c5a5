// A library that handles SIGHUP from the moment at which it is loaded, as UCX does, which many an
// MPI is linked with.
#include <csignal>

namespace {

extern "C" void handle(int) {}

[[gnu::constructor]] void take_hangups() { std::signal(SIGHUP, handle); }

}  // namespace
