#include "comm/inproc/inproc.hpp"

#include <numeric>
#include <stdexcept>
#include <utility>

namespace mvsgd::comm {

class InprocGroup::End : public Transport {
 public:
  End(Hub& hub, std::uint32_t rank, std::uint32_t workers, WireObserver observer)
      : Transport(rank, workers, ledger_, std::move(observer)), hub_(&hub) {}

 private:
  void send_bytes(Channel channel, std::uint32_t to, SharedBytes bytes) override {
    hub_->check_that_it_can_send(rank());
    hub_->deliver(channel, rank(), to, std::move(bytes));
  }
  SharedBytes receive_bytes(Channel channel, std::uint32_t from,
                            const std::string& awaited) override {
    return hub_->receive(channel, from, rank(), awaited);
  }

  Ledger ledger_;
  Hub* hub_;
};

InprocGroup::InprocGroup(std::uint32_t workers, const WireObserver& observer)
    : Group(workers), ranks_(std::size_t{workers} + 1), hub_(workers, std::nullopt) {
  std::iota(ranks_.begin(), ranks_.end(), 0U);
  for (const std::uint32_t rank : ranks_) {
    ends_.push_back(std::make_unique<End>(hub_, rank, workers, observer));
  }
}

InprocGroup::~InprocGroup() = default;

Transport& InprocGroup::end(std::uint32_t rank) {
  if (rank >= ends_.size()) {
    throw std::invalid_argument("InprocGroup::end: rank " + std::to_string(rank) + " of " +
                                std::to_string(ends_.size()));
  }
  return *ends_[rank];
}

void InprocGroup::fail(std::uint32_t rank, const std::string& reason) { hub_.fail(rank, reason); }

}  // namespace mvsgd::comm
