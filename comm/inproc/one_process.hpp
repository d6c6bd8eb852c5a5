// The one process of a run whose ranks are all its threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "comm/processes.hpp"

namespace mvsgd::comm {

/// There is nobody to send to: send(), receive() and tell() throw std::invalid_argument.
class OneProcess final : public Processes {
 public:
  [[nodiscard]] std::uint32_t count() const override { return 1; }
  [[nodiscard]] std::uint32_t index() const override { return 0; }
  [[nodiscard]] std::string name_of(std::uint32_t p) const override;
  [[nodiscard]] std::uint32_t on_this_host() const override { return 1; }
  [[nodiscard]] std::unique_ptr<Group> make_group(std::uint32_t workers,
                                                  std::chrono::milliseconds deadline,
                                                  const WireObserver& observer) override;
  void send(std::uint32_t to, Blob bytes) override;
  [[nodiscard]] Blob receive(std::uint32_t from, std::chrono::milliseconds deadline) override;
  void check() const override {}
  [[nodiscard]] bool is_lost() const override { return false; }
  void ask_to_stop() override {}
  [[nodiscard]] bool is_asked_to_stop() const override { return false; }
  void tell(std::uint32_t to, std::uint8_t note) override;
  void listen(Listener /*listener*/) override {}
  [[nodiscard]] Farewell leave(const Parting& parting, std::chrono::milliseconds patience) override;
  [[nodiscard]] bool failed_elsewhere() const override { return false; }
  [[nodiscard]] Bits bits_sent() const override { return {}; }
};

}  // namespace mvsgd::comm
