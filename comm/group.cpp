#include "comm/group.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace mvsgd::comm {

Group::Group(std::uint32_t workers) : workers_(workers) {
  if (workers == 0) throw std::invalid_argument("Group: there is no worker");
}

bool Group::is_here(std::uint32_t rank) const { return std::ranges::binary_search(here(), rank); }

void Group::run(const std::function<void(Transport& end)>& work) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto guard = [&](std::uint32_t rank) {
    try {
      work(end(rank));
      ends(rank);
    } catch (const std::exception& e) {
      {
        // Noted before fail() ends the waits of others, so that their errors come later.
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
      fail(rank, e.what());
    }
  };
  all_begin();
  {
    std::vector<std::jthread> threads;
    try {
      for (const std::uint32_t rank : here()) {
        if (rank != server()) threads.emplace_back(guard, rank);
      }
    } catch (const std::system_error& e) {
      const std::string reason = "only " + std::to_string(threads.size()) + " of " +
                                 std::to_string(here().size() - (is_here(server()) ? 1 : 0)) +
                                 " workers' threads could be started: " + e.code().message() +
                                 " (limits: ulimit -u, ulimit -v, the control group's pids.max)";
      {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::make_exception_ptr(std::runtime_error(reason));
      }
      fail(here()[threads.size()], reason);
    }
    if (is_here(server())) guard(server());
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mvsgd::comm
