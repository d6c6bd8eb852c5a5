#include "comm/mpi/bells.hpp"

#include <linux/futex.h>
#include <mpi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <ctime>
#include <numeric>

namespace mvsgd::comm {
namespace {

// Numbers are a line of the cache apart.
constexpr MPI_Aint kApart = 64;

/// Whether all say so: of integers MPI's MIN is exact.
bool do_all(bool does, MPI_Comm comm) {
  int least = does ? 1 : 0;
  const int own = least;
  return MPI_Allreduce(&own, &least, 1, MPI_INT, MPI_MIN, comm) == MPI_SUCCESS && least == 1;
}

/// In COMM_WORLD, by rank of `comm`.
std::vector<int> ranks_of(MPI_Comm comm) {
  int count = 0;
  MPI_Comm_size(comm, &count);
  std::vector<int> there(static_cast<std::size_t>(count));
  std::iota(there.begin(), there.end(), 0);
  std::vector<int> everywhere(there.size());
  MPI_Group all = MPI_GROUP_NULL;
  MPI_Group those = MPI_GROUP_NULL;
  MPI_Comm_group(MPI_COMM_WORLD, &all);
  MPI_Comm_group(comm, &those);
  MPI_Group_translate_ranks(those, count, there.data(), all, everywhere.data());
  MPI_Group_free(&all);
  MPI_Group_free(&those);
  return everywhere;
}

}  // namespace

struct Bells::Window {
  MPI_Win all = MPI_WIN_NULL;

  /// A number for each process of `host`; whether there are. This one's is set to 0.
  bool open(MPI_Comm host) {
    void* own = nullptr;
    if (MPI_Win_allocate_shared(kApart, 1, MPI_INFO_NULL, host, static_cast<void*>(&own), &all) !=
        MPI_SUCCESS) {
      all = MPI_WIN_NULL;
      return false;
    }
    std::atomic_ref(*static_cast<Number*>(own)).store(0);
    return true;
  }
  [[nodiscard]] Number* of(int rank) const {
    MPI_Aint size = 0;
    int unit = 0;
    void* base = nullptr;
    const int error = MPI_Win_shared_query(all, rank, &size, &unit, static_cast<void*>(&base));
    return error == MPI_SUCCESS ? static_cast<Number*>(base) : nullptr;
  }
};

Bells::Bells() : window_(std::make_unique<Window>()) {
  int index = 0;
  int count = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &index);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  own_ = static_cast<std::uint32_t>(index);
  numbers_.resize(static_cast<std::size_t>(count));
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, index, MPI_INFO_NULL, &host);
  MPI_Comm_set_errhandler(host, MPI_ERRORS_RETURN);
  // Where one has no window the others of its host do without: it would not ring.
  if (do_all(window_->open(host), host)) {
    const std::vector<int> ranks = ranks_of(host);
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      numbers_[static_cast<std::size_t>(ranks[i])] = window_->of(static_cast<int>(i));
    }
  }
  MPI_Comm_free(&host);
  if (numbers_[own_] == nullptr) numbers_[own_] = &alone_;
  reach_all_ = do_all(std::ranges::count(numbers_, nullptr) == 0, MPI_COMM_WORLD);
}

Bells::~Bells() = default;

void Bells::ring(std::uint32_t process) const {
  Number* const number = numbers_[process];
  if (number == nullptr) return;
  std::atomic_ref(*number).fetch_add(1);
  syscall(SYS_futex, number, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

std::uint32_t Bells::heard() const { return std::atomic_ref(*numbers_[own_]).load(); }

bool Bells::wait(std::uint32_t heard, std::chrono::microseconds at_most) const {
  using std::chrono::nanoseconds;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at_most);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = nanoseconds(at_most - seconds).count()};
  syscall(SYS_futex, numbers_[own_], FUTEX_WAIT, heard, &time, nullptr, 0);
  return this->heard() != heard;
}

void Bells::close() {
  if (window_->all != MPI_WIN_NULL) MPI_Win_free(&window_->all);
}

}  // namespace mvsgd::comm
