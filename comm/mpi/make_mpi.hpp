// The transport between processes that a launcher of MPI has started.
#pragma once

#include "comm/processes.hpp"

namespace mvsgd::comm {

/// Named "mpi". Its processes are those of MPI_COMM_WORLD.
[[nodiscard]] TransportEntry mpi_entry();

}  // namespace mvsgd::comm
