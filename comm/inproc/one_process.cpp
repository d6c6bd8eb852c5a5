#include "comm/inproc/one_process.hpp"

#include <stdexcept>

#include "comm/inproc/inproc.hpp"

namespace mvsgd::comm {
namespace {

[[noreturn]] void refuse(std::uint32_t p) {
  throw std::invalid_argument("there is no process " + std::to_string(p) + " beside this one");
}

}  // namespace

std::string OneProcess::name_of(std::uint32_t /*p*/) const { return "this process"; }

std::unique_ptr<Group> OneProcess::make_group(std::uint32_t workers,
                                              std::chrono::milliseconds /*deadline*/,
                                              const WireObserver& observer) {
  return std::make_unique<InprocGroup>(workers, observer);
}

void OneProcess::send(std::uint32_t to, Blob /*bytes*/) { refuse(to); }

Processes::Blob OneProcess::receive(std::uint32_t from, std::chrono::milliseconds /*deadline*/) {
  refuse(from);
}

void OneProcess::tell(std::uint32_t to, std::uint8_t /*note*/) { refuse(to); }

Processes::Farewell OneProcess::leave(const Parting& parting,
                                      std::chrono::milliseconds /*patience*/) {
  return {.code = parting.code, .texts = {}};
}

}  // namespace mvsgd::comm
