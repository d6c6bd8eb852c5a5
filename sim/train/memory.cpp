#include "sim/train/memory.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <latch>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "data/cifar10.hpp"
#include "data/dataset.hpp"
#include "nn/backend_error.hpp"
#include "nn/resnet18.hpp"
#include "nn/step_memory.hpp"
#include "sim/plan/round_shape.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/scheme.hpp"
#include "sim/text/numbers.hpp"
#include "sim/train/backends.hpp"
#include "sim/train/compute.hpp"
#include "sim/train/evaluator.hpp"

namespace mvsgd::sim {
namespace {

using Bytes = std::uint64_t;

constexpr Bytes kNumber = 4;  // of a float, or an index

// Of a thread: stack as far as it is written, and heap. Measured, not derived: what `mvsgd train`
// at width 1 has resident more for each of 200 more workers (README.md).
constexpr Bytes kStack = Bytes{92} << 10U;

/// How many bits a message of this shape has at most: exactly of the paper's code, of the others
/// about.
Bytes bytes_of(const MessageShape& shape) {
  Bytes bits = 0;
  if (shape.universe > 0) {
    const Bytes block = std::max<Bytes>(shape.block, 1);
    bits += shape.most * (1 + static_cast<Bytes>(std::bit_width(block - 1)));
    bits += (shape.universe + block - 1) / block;
  } else {
    bits += shape.most * shape.value_bits;
  }
  return bits / 8 + 1;
}

/// Everything that the parts below are made of.
struct Sizes {
  const Settings& settings;
  Bytes training_images = 0;
  Bytes test_images = 0;
  std::uint64_t rounds = 0;
  Dimensions of{};
  bool sends = false;
  bool votes = false;        ///< workers have votes
  bool sums = false;         ///< the server has the sum of all votes (eq 16), and tells changes
  bool keeps_votes = false;  ///< the server has every worker's last vote
  Bytes mask = 0;            ///< coordinates of a mask at most
  Bytes vote_message = 0;    ///< bytes, as are all below
  Bytes mask_message = 0;
  Bytes update_message = 0;
  Bytes update_codes = 0;  ///< of quantised values, and what else coding them by entropy holds
  bool has_sparse = false;
  bool has_dense = false;

  [[nodiscard]] Bytes n() const { return of.workers; }
  [[nodiscard]] Bytes whole() const { return kNumber * of.d; }
  [[nodiscard]] Bytes vote() const { return votes ? kNumber * of.k : 0; }
};

Sizes sizes_of(const Settings& settings) {
  const Layers layers = network_layers(settings);
  const auto buffers = static_cast<Bytes>(nn::resnet18_buffers({.width = settings.width}).size());
  Sizes sizes{.settings = settings,
              .training_images = training_images(settings),
              .test_images = settings.data == "synthetic" ? settings.synthetic_test
                                                          : std::uint32_t{data::kCifar10Test},
              .rounds = round_count(settings, training_images(settings)),
              .of = dimensions(settings, layers, buffers)};
  sizes.sends = settings.scheme->sends();
  if (!sizes.sends) return sizes;
  const std::uint64_t warmup = step_counts(settings, sizes.training_images).warmup;
  const bool dense_warmup = settings.phi_warmup == PhiWarmup::dense;
  const bool has_sparse = settings.scheme->sparse() != nullptr;
  sizes.has_dense = !has_sparse || (dense_warmup && warmup > 0);
  sizes.has_sparse = has_sparse && (!dense_warmup || sizes.rounds > warmup);
  // Of several shares, the largest counts: that of the lowest stair of the warm-up.
  Settings most = settings;
  if (!dense_warmup && warmup > 0) most.phi = std::max(settings.phi, stair_share(1));
  if (!sizes.has_sparse) return sizes;
  sizes.of = dimensions(most, layers, buffers);
  // The first sparse round and a later one: each may have a list that the other lacks.
  for (const Round& round : plain_rounds(0, 2)) {
    for (const MessageShape& shape : settings.scheme->shape(most, sizes.of, round)) {
      const Bytes bytes = bytes_of(shape);
      // What is sent against a worker's last vote is read against it.
      const bool of_votes = shape.given != Given::nothing && shape.given != Given::last_mask;
      sizes.keeps_votes = sizes.keeps_votes || of_votes;
      switch (shape.kind) {
        case comm::Kind::vote:
          sizes.votes = true;
          sizes.vote_message = std::max(sizes.vote_message, bytes);
          break;
        case comm::Kind::add:
          sizes.sums = true;
          break;
        case comm::Kind::mask:
          sizes.mask = std::max<Bytes>(sizes.mask, shape.most);
          sizes.mask_message = std::max(sizes.mask_message, bytes);
          break;
        case comm::Kind::update:
          sizes.update_message = std::max(sizes.update_message, bytes);
          if (shape.value_bits < 32) sizes.update_codes = shape.most * ((shape.value_bits + 7) / 8);
          // Marks, levels, and what is coded before it is on its way.
          if (shape.by_entropy) sizes.update_codes += 2 * shape.most + bytes;
          break;
        default:
          break;
      }
    }
  }
  if (sizes.sums) {
    const bool wanted = settings.check_votes || settings.has_values_by_entropy();
    sizes.keeps_votes = sizes.keeps_votes || wanted;
  }
  return sizes;
}

/// Between rounds, and while the worker computes.
Bytes of_worker(const Sizes& s, bool on_device) {
  const Bytes buffers = kNumber * s.of.buffers;
  // Its images, and two permutations of them.
  const Bytes images = 3 * kNumber * (s.training_images / s.n() + 1);
  const Bytes arrays = on_device ? 0 : s.whole();
  const Bytes velocity = s.settings.has_velocity() ? s.whole() : 0;  // on the host
  if (!s.sends) return arrays + velocity + buffers + images;
  const Bytes lists = s.vote() + kNumber * s.mask;
  // While a round goes on it keeps what it began with, but for theta, which a round that is given
  // up leaves.
  const Bytes kept = arrays + velocity + buffers + lists;
  return 2 * arrays + velocity + buffers + lists + kept + images + kStack;
}

Bytes of_server(const Sizes& s) {
  if (!s.sends) return 0;
  Bytes all = s.whole() + kNumber * s.mask;
  if (s.settings.has_server_error()) all += s.whole();
  if (s.settings.mask_metrics) all += s.whole();
  if (s.keeps_votes) all += s.n() * s.vote();
  if (s.sums) {
    all += (s.of.d + 63) / 64 * 8 * static_cast<Bytes>(std::bit_width(s.n()));
  } else if (s.votes) {
    // A tally of coordinates and counts, and each vote while it is made.
    all += 2 * kNumber * std::min(s.n() * s.of.k, s.of.d) + s.n() * s.vote();
  }
  if (s.settings.scheme->name() == "top-k") {
    all += s.whole() + s.n() * s.vote();  // the dense sum; the workers' values
  }
  return all;
}

/// Values around a ring: those of the workers here, and blocks on their way and as they came. Then
/// the sum, written, sent and read, with the server or its first worker.
Bytes of_ring(Bytes values, const RanksHere& here) {
  return (here.workers + (here.server ? 5 : 4)) * values;
}

/// A dense round: the server's sum and the values that enter it; differences whose turn has not
/// come. Without the server: those of the workers here, and the aggregate.
Bytes of_dense_round(const Sizes& s, const RanksHere& here) {
  if (s.settings.reduces()) return of_ring(s.whole(), here);
  if (!here.server) return s.whole() + here.workers * s.whole();
  return 2 * s.whole() + s.n() * s.whole();
}

/// A sparse one, where the mask is out: each worker has its new vote, and its values as numbers, as
/// codes if they are quantised, and on their way; the server has sum and values.
Bytes of_sparse_round(const Sizes& s, const RanksHere& here) {
  const Bytes values = kNumber * s.mask;
  if (s.settings.reduces()) {
    return here.workers * s.vote() + of_ring(values, here) + s.mask_message;
  }
  const Bytes of_one = s.vote() + values + s.update_message + s.update_codes;
  if (!here.server) return here.workers * of_one + values + s.mask_message;
  return s.n() * of_one + 3 * values + s.mask_message;
}

/// A pause, in which workers have nothing kept, but the server's sum of votes stands as numbers,
/// and once more where the run goes on. With the server are the parts of workers elsewhere, one of
/// them also as it came. There each is written, one also with its name, while what workers keep is
/// there still.
Bytes of_pause(const Sizes& s, const RanksHere& here) {
  const Bytes elsewhere = s.n() - here.workers;
  const Bytes velocity = s.settings.has_velocity() ? s.whole() : 0;
  const Bytes part = s.whole() + velocity + kNumber * s.of.buffers + s.vote();
  if (!here.server) return (here.workers + 1) * part;
  return (s.sums ? 2 * s.whole() : 0) + (elsewhere > 0 ? (elsewhere + 1) * part : 0);
}

/// The server's process evaluates, and one with workers trains.
Bytes of_slot(const Sizes& s, const std::optional<nn::KernelMemory>& kernels,
              const RanksHere& here) {
  const std::int64_t batch = here.workers > 0 ? s.settings.batch : 0;
  Bytes all = kStack;
  if (kernels) {
    std::vector<std::int64_t> evaluated;
    const auto test = here.server ? static_cast<std::int64_t>(s.test_images) : 0;
    const auto whole = static_cast<std::int64_t>(kEvaluationBatch);
    if (test >= whole) evaluated.push_back(whole);
    if (test % whole > 0) evaluated.push_back(test % whole);
    all += nn::step_memory(*kernels, s.settings.width, batch, evaluated);
    if (batch > 0) all += s.whole();                               // theta^(H), as it is read back
    if (batch > 0 && s.settings.has_velocity()) all += s.whole();  // of the worker that computes
    all += kNumber * data::kImageBytes * static_cast<Bytes>(std::max(batch, std::min(whole, test)));
    // The candidates for a vote: index and magnitude of half as many again as are wanted.
    if (s.votes) all += 2 * kNumber * std::min(s.of.d, s.of.k + s.of.k / 2 + 4096);
  }
  return all;
}

/// Three digits: "171 MB".
std::string in_bytes(Bytes bytes) {
  constexpr std::array<const char*, 4> kUnits = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1e3;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1e3;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

}  // namespace

std::uint64_t MemoryEstimate::reserved(Counted counted) const {
  if (counted == Counted::resident) return 0;
  pthread_attr_t of_thread{};
  std::size_t stack = 0;
  if (pthread_attr_init(&of_thread) != 0) return 0;
  pthread_attr_getstacksize(&of_thread, &stack);
  pthread_attr_destroy(&of_thread);
  return threads_in_all() * stack;
}

MemoryEstimate memory_estimate(const Settings& settings, std::optional<RanksHere> here) {
  const RanksHere ranks = here.value_or(RanksHere{.workers = settings.workers, .server = true});
  const Sizes sizes = sizes_of(settings);
  const auto kernels = kernel_memory(settings);
  const bool on_device = !kernels;
  const Bytes copies = ranks.server ? 2 : 1;  // of the trial, and of what writes the run's files
  MemoryEstimate all{.workers = ranks.workers,
                     .slots = slot_count(settings),
                     .threads = settings.threads_per_worker,
                     .of_worker = of_worker(sizes, on_device),
                     .of_slot = of_slot(sizes, kernels, ranks),
                     .server = ranks.server ? of_server(sizes) : sizes.whole(),
                     .data = (sizes.training_images + sizes.test_images) * (data::kImageBytes + 1),
                     .schedule = copies * sizes.rounds * sizeof(Round),
                     .program = resident()};
  if (sizes.has_dense) all.messages = std::max(all.messages, of_dense_round(sizes, ranks));
  if (sizes.has_sparse) all.messages = std::max(all.messages, of_sparse_round(sizes, ranks));
  const Bytes kept = !on_device && ranks.server ? ranks.workers * sizes.whole() : 0;
  const Bytes pause = of_pause(sizes, ranks);
  if (pause > kept) all.messages = std::max(all.messages, pause - kept);
  return all;
}

std::string text_of(const MemoryEstimate& estimate) {
  const auto of = [](Bytes count, const char* what, Bytes bytes) {
    return fmt::format("{} {}{} of {}", count, what, count == 1 ? "" : "s", in_bytes(bytes));
  };
  return fmt::format("{}: {}, {}, server {}, messages {}, data {}, schedule {}, program {}",
                     in_bytes(estimate.total()), of(estimate.workers, "worker", estimate.of_worker),
                     of(estimate.slots, "slot", estimate.of_slot), in_bytes(estimate.server),
                     in_bytes(estimate.messages), in_bytes(estimate.data),
                     in_bytes(estimate.schedule), in_bytes(estimate.program));
}

std::optional<std::string> check_memory(const MemoryEstimate& estimate,
                                        std::span<const MemoryLimit> limits) {
  std::optional<std::string> warning;
  double closest = 0;
  for (const MemoryLimit& limit : limits) {
    const Bytes more = estimate.reserved(limit.counted);
    // The program is there already, and its part of what is left has gone.
    const Bytes need = estimate.total() - estimate.program + more;
    const std::string reserved =
        more > 0 ? fmt::format(", and {} for its threads' stacks", in_bytes(more)) : "";
    if (need > limit.left) {
      const bool long_run = estimate.schedule > estimate.total() / 2;
      throw nn::UnavailableError(
          fmt::format("not enough memory: {} leaves {}, and this run needs {}{}; less with {}",
                      limit.name, in_bytes(limit.left), text_of(estimate), reserved,
                      long_run ? "fewer epochs, or more local steps a round"
                               : "fewer workers or slots, a smaller width or batch"));
    }
    const double share = static_cast<double>(need) / static_cast<double>(limit.left);
    if (share <= 1 / 1.1 || share <= closest) continue;
    closest = share;
    warning = fmt::format("memory may not suffice: {} leaves {}, and this run needs {}{}",
                          limit.name, in_bytes(limit.left), text_of(estimate), reserved);
  }
  return warning;
}

void need_threads(std::uint64_t count) {
  std::latch all_there(1);
  std::vector<std::jthread> threads;
  try {
    while (threads.size() < count) threads.emplace_back([&] { all_there.wait(); });
  } catch (const std::system_error& e) {
    all_there.count_down();
    throw nn::UnavailableError(fmt::format(
        "only {} of {} threads could be started, of which threads_per_worker are each worker's and "
        "each slot's: {} (limits: ulimit -u, ulimit -v, the control group's pids.max)",
        threads.size(), count, e.code().message()));
  }
  all_there.count_down();
}

std::optional<std::string> check_machine(const MemoryEstimate& estimate) {
  std::optional<std::string> warning = check_memory(estimate, memory_limits());
  if (estimate.threads > 1) need_threads(estimate.threads_in_all());
  return warning;
}

}  // namespace mvsgd::sim
