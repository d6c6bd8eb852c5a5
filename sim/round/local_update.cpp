#include "sim/round/local_update.hpp"

#include "sim/round/worker_arrays.hpp"

namespace mvsgd::sim {

LocalUpdate::~LocalUpdate() = default;

std::unique_ptr<WorkerArrays> LocalUpdate::arrays(std::uint32_t worker) {
  return std::make_unique<HostArrays>(*this, worker);
}

}  // namespace mvsgd::sim
