#include "compress/cuda/kernels.hpp"

#include <cstring>
#include <stdexcept>
#include <string>

#include "nn/cuda/for_each.cuh"

namespace mvsgd::compress::cuda {
namespace {

using nn::cuda::blocks_for;
using nn::cuda::copy_to_device;
using nn::cuda::copy_to_host;
using nn::cuda::DeviceBuffer;
using nn::cuda::for_each;
using nn::cuda::kThreads;
using nn::cuda::launch;

constexpr unsigned kLanes = 32;
constexpr unsigned kWarps = kThreads / kLanes;
constexpr unsigned kAllLanes = ~0U;
constexpr unsigned kInfinity = 0x7f800000;

constexpr unsigned kBins = 2048;
constexpr std::int64_t kTile = 4096;
constexpr int kPasses = 3;
constexpr std::size_t kMostLevels = 128;

// The state of a selection.
struct Selection {
  unsigned threshold;  // the digits of the K-th largest magnitude found so far
  unsigned wanted;     // how many magnitudes with these digits are selected
  unsigned infinite;   // not 0 if a value is not finite
};

// |x| as an integer of the same order.
__device__ unsigned magnitude(float x) { return __float_as_uint(x) & 0x7fffffffU; }

// For the digit of a pass: its lowest bit, and its number of values.
__device__ int lowest_bit(int pass) { return pass == 0 ? 20 : pass == 1 ? 9 : 0; }
__device__ unsigned digit(unsigned key, int pass) {
  return (key >> lowest_bit(pass)) & (pass == 2 ? 511U : kBins - 1);
}
__device__ bool has_digits_before(unsigned key, unsigned threshold, int pass) {
  return pass == 0 || (key >> lowest_bit(pass - 1)) == (threshold >> lowest_bit(pass - 1));
}

// The sum of `value` over the threads before this one, and over the whole block.
struct Scan {
  unsigned before;
  unsigned total;
};
__device__ Scan scan_block(unsigned value) {
  __shared__ unsigned warp_sums[kWarps];
  const unsigned lane = threadIdx.x % kLanes;
  const unsigned warp = threadIdx.x / kLanes;
  unsigned sum = value;
  for (unsigned distance = 1; distance < kLanes; distance *= 2) {
    const unsigned other = __shfl_up_sync(kAllLanes, sum, distance);
    if (lane >= distance) sum += other;
  }
  if (lane == kLanes - 1) warp_sums[warp] = sum;
  __syncthreads();
  Scan scan{sum - value, 0};
  for (unsigned w = 0; w < kWarps; ++w) {
    if (w < warp) scan.before += warp_sums[w];
    scan.total += warp_sums[w];
  }
  __syncthreads();
  return scan;
}

__global__ void begin_selection(Selection* selection, unsigned k) { *selection = {0, k, 0}; }

__global__ void count_digits(const float* x, std::int64_t d, int pass, Selection* selection,
                             unsigned* histogram) {
  __shared__ unsigned bins[kBins];
  for (unsigned b = threadIdx.x; b < kBins; b += blockDim.x) bins[b] = 0;
  __syncthreads();
  const unsigned threshold = selection->threshold;
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < d; i += step) {
    const unsigned key = magnitude(x[i]);
    if (key >= kInfinity) selection->infinite = 1;  // all threads write the same value
    if (has_digits_before(key, threshold, pass)) atomicAdd(&bins[digit(key, pass)], 1U);
  }
  __syncthreads();
  for (unsigned b = threadIdx.x; b < kBins; b += blockDim.x) {
    if (bins[b] > 0) atomicAdd(&histogram[b], bins[b]);
  }
}

// Finds the digit whose bin holds the wanted magnitude, counted from the largest. One block.
__global__ void choose_digit(const unsigned* histogram, int pass, Selection* selection) {
  constexpr unsigned kEach = kBins / kThreads;  // bins a thread, from the top
  const unsigned wanted = selection->wanted;
  const unsigned top = kBins - 1 - threadIdx.x * kEach;
  unsigned sum = 0;
  for (unsigned i = 0; i < kEach; ++i) sum += histogram[top - i];
  unsigned above = scan_block(sum).before;
  for (unsigned i = 0; i < kEach; ++i) {
    const unsigned count = histogram[top - i];
    if (above < wanted && wanted <= above + count) {
      selection->threshold |= (top - i) << lowest_bit(pass);
      selection->wanted = wanted - above;
    }
    above += count;
  }
}

// Counts the magnitudes of a tile above the threshold, and those equal to it. A block a tile.
__global__ void count_tile(const float* x, std::int64_t d, const Selection* selection,
                           unsigned* above, unsigned* equal) {
  const unsigned threshold = selection->threshold;
  const std::int64_t begin = std::int64_t{blockIdx.x} * kTile;
  unsigned counts = 0;  // those above in the low half, equals in the high one
  for (std::int64_t i = begin + threadIdx.x; i < begin + kTile && i < d; i += blockDim.x) {
    const unsigned key = magnitude(x[i]);
    counts += (key > threshold ? 1U : 0U) + (key == threshold ? 0x10000U : 0U);
  }
  const unsigned total = scan_block(counts).total;
  if (threadIdx.x == 0) {
    above[blockIdx.x] = total & 0xffffU;
    equal[blockIdx.x] = total >> 16;
  }
}

// counts[i] <- the sum of the counts before it. One block.
__global__ void scan_tiles(unsigned* counts, std::int64_t tiles) {
  unsigned carried = 0;
  for (std::int64_t first = 0; first < tiles; first += blockDim.x) {
    const std::int64_t i = first + threadIdx.x;
    const Scan scan = scan_block(i < tiles ? counts[i] : 0);
    if (i < tiles) counts[i] = carried + scan.before;
    carried += scan.total;
  }
}

// Writes the coordinates of a tile above the threshold, and as many of its equals as are wanted.
__global__ void write_tile(const float* x, std::int64_t d, const Selection* selection,
                           const unsigned* above, const unsigned* equal, unsigned* support) {
  const unsigned threshold = selection->threshold;
  const unsigned wanted = selection->wanted;
  unsigned above_before = above[blockIdx.x];
  unsigned equal_before = equal[blockIdx.x];
  const std::int64_t begin = std::int64_t{blockIdx.x} * kTile;
  for (std::int64_t first = begin; first < begin + kTile; first += blockDim.x) {
    const std::int64_t i = first + threadIdx.x;
    const unsigned key = i < d ? magnitude(x[i]) : 0;
    const bool is_above = i < d && key > threshold;
    const bool is_equal = i < d && key == threshold;
    const Scan scan = scan_block((is_above ? 1U : 0U) + (is_equal ? 0x10000U : 0U));
    const unsigned mine_above = above_before + (scan.before & 0xffffU);
    const unsigned mine_equal = equal_before + (scan.before >> 16);
    if (is_above || (is_equal && mine_equal < wanted)) {
      support[mine_above + (mine_equal < wanted ? mine_equal : wanted)] = static_cast<unsigned>(i);
    }
    above_before += scan.total & 0xffffU;
    equal_before += scan.total >> 16;
  }
}

// [0]: the largest magnitude, [1]: the smallest that is not 0.
__global__ void find_extremes(std::int64_t count, const float* v, unsigned* extremes) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  unsigned largest = 0;
  unsigned smallest = kInfinity;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    const unsigned m = magnitude(v[i]);
    largest = m > largest ? m : largest;
    smallest = m > 0 && m < smallest ? m : smallest;
  }
  atomicMax(&extremes[0], largest);
  atomicMin(&extremes[1], smallest);
}

// The sum of each level, if the order of sums does not matter.
struct LevelSums {
  double* sum;
  unsigned* members;
};
__global__ void add_to_levels(std::int64_t count, const float* v, const std::uint8_t* codes,
                              unsigned levels, LevelSums all) {
  __shared__ double sums[kMostLevels];
  __shared__ unsigned members[kMostLevels];
  for (unsigned l = threadIdx.x; l < levels; l += blockDim.x) {
    sums[l] = 0;
    members[l] = 0;
  }
  __syncthreads();
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    const unsigned level = codes[i] % levels;
    atomicAdd(&sums[level], static_cast<double>(fabsf(v[i])));
    atomicAdd(&members[level], 1U);
  }
  __syncthreads();
  for (unsigned l = threadIdx.x; l < levels; l += blockDim.x) {
    atomicAdd(&all.sum[l], sums[l]);
    atomicAdd(&all.members[l], members[l]);
  }
}

// The same in increasing index. One block, in which thread l has level l.
__global__ void sum_levels(std::int64_t count, const float* v, const std::uint8_t* codes,
                           unsigned levels, LevelSums all) {
  __shared__ float chunk[kThreads];
  __shared__ unsigned char level_of[kThreads];
  double sum = 0;
  unsigned members = 0;
  for (std::int64_t first = 0; first < count; first += blockDim.x) {
    const std::int64_t i = first + threadIdx.x;
    if (i < count) {
      chunk[threadIdx.x] = fabsf(v[i]);
      level_of[threadIdx.x] = static_cast<unsigned char>(codes[i] % levels);
    }
    __syncthreads();
    const std::int64_t left = count - first;
    const unsigned size = left < blockDim.x ? static_cast<unsigned>(left) : blockDim.x;
    for (unsigned j = 0; j < size; ++j) {
      if (level_of[j] != threadIdx.x) continue;
      sum += static_cast<double>(chunk[j]);
      ++members;
    }
    __syncthreads();
  }
  if (threadIdx.x < levels) {
    all.sum[threadIdx.x] = sum;
    all.members[threadIdx.x] = members;
  }
}

// Whether the sum of `count` magnitudes of a level is exact in double, whatever its order. All of
// them are multiples of 2^-24 of the level's least, and the sum must be below 2^53 of these units;
// a factor of 2 allows for the rounding of the boundaries.
bool sums_are_exact(const std::vector<double>& boundaries, double v_min, std::int64_t count) {
  for (std::size_t l = 0; l < boundaries.size(); ++l) {
    const double least = l + 1 < boundaries.size() ? boundaries[l + 1] : v_min;
    if (boundaries[l] * static_cast<double>(count) > 0x1p28 * least) return false;
  }
  return true;
}

float as_float(unsigned bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

std::int64_t tiles_of(std::int64_t d) { return (d + kTile - 1) / kTile; }

std::size_t words(std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(unsigned); }

}  // namespace

void add_difference(std::int64_t d, const float* theta_h, const float* theta_0, float* e,
                    cudaStream_t stream) {
  for_each(d, stream, [=] __device__(std::int64_t i) { e[i] = (theta_h[i] - theta_0[i]) + e[i]; });
}

void scale(std::int64_t d, float factor, float* x, cudaStream_t stream) {
  for_each(d, stream, [=] __device__(std::int64_t i) { x[i] *= factor; });
}

void gather(std::int64_t count, const float* x, const Index* mask, float* values,
            cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t j) { values[j] = x[mask[j]]; });
}

void subtract_sent(std::int64_t count, const Index* mask, const float* sent, float* e,
                   cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t j) { e[mask[j]] -= sent[j]; });
}

void scatter_add(std::int64_t count, const Index* mask, const float* values, float* y,
                 cudaStream_t stream) {
  for_each(count, stream, [=] __device__(std::int64_t j) { y[mask[j]] += values[j]; });
}

std::int64_t first_not_finite(const std::shared_ptr<const Stream>& stream, std::int64_t d,
                              const float* x) {
  auto first = static_cast<unsigned long long>(d);
  const DeviceBuffer buffer(stream, sizeof(first));
  copy_to_device(*stream, buffer.as<void>(), &first, sizeof(first));
  auto* const least = buffer.as<unsigned long long>();
  for_each(d, stream->get(), [=] __device__(std::int64_t i) {
    if (magnitude(x[i]) >= kInfinity) atomicMin(least, static_cast<unsigned long long>(i));
  });
  copy_to_host(*stream, &first, buffer.as<void>(), sizeof(first));
  return static_cast<std::int64_t>(first);
}

float top_k(const std::shared_ptr<const Stream>& stream, std::int64_t d, const float* x,
            std::int64_t k, Index* support) {
  if (k < 0 || k > d || d >= std::int64_t{1} << 32) {
    throw std::invalid_argument("top_k: k = " + std::to_string(k) + " of d = " + std::to_string(d));
  }
  if (d == 0) return 0;
  const DeviceBuffer selected(stream, sizeof(Selection));
  const DeviceBuffer histogram(stream, words(kBins));
  auto* const selection = selected.as<Selection>();
  launch(begin_selection, 1, 1, stream->get(), selection, static_cast<unsigned>(k));
  for (int pass = 0; pass < kPasses; ++pass) {
    histogram.fill_zero();
    launch(count_digits, blocks_for(d), kThreads, stream->get(), x, d, pass, selection,
           histogram.as<unsigned>());
    launch(choose_digit, 1, kThreads, stream->get(), histogram.as<const unsigned>(), pass,
           selection);
  }
  Selection found{};
  copy_to_host(*stream, &found, selection, sizeof(found));
  if (found.infinite != 0) throw std::invalid_argument("top_k: x holds a value that is not finite");
  if (k == 0) return 0;
  const auto tiles = static_cast<unsigned>(tiles_of(d));
  const DeviceBuffer above(stream, words(tiles));  // magnitudes above, in each tile
  const DeviceBuffer equal(stream, words(tiles));
  const DeviceBuffer members(stream, words(k));
  launch(count_tile, tiles, kThreads, stream->get(), x, d, selection, above.as<unsigned>(),
         equal.as<unsigned>());
  for (const DeviceBuffer* counts : {&above, &equal}) {
    launch(scan_tiles, 1, kThreads, stream->get(), counts->as<unsigned>(), std::int64_t{tiles});
  }
  launch(write_tile, tiles, kThreads, stream->get(), x, d, selection, above.as<const unsigned>(),
         equal.as<const unsigned>(), members.as<unsigned>());
  copy_to_host(*stream, support, members.as<void>(), words(k));
  return as_float(found.threshold);
}

std::array<float, 2> extremes(const std::shared_ptr<const Stream>& stream, std::int64_t count,
                              const float* v) {
  const unsigned none[2] = {0, kInfinity};
  unsigned found[2] = {};
  const DeviceBuffer buffer(stream, sizeof(found));
  copy_to_device(*stream, buffer.as<void>(), none, sizeof(none));
  if (count > 0) {
    launch(find_extremes, blocks_for(count), kThreads, stream->get(), count, v,
           buffer.as<unsigned>());
  }
  copy_to_host(*stream, found, buffer.as<void>(), sizeof(found));
  if (found[0] >= kInfinity) {
    throw std::invalid_argument("quantize: v holds a value that is not finite");
  }
  if (found[0] == 0) return {0, 0};
  return {as_float(found[0]), as_float(found[1])};
}

void quantize(const std::shared_ptr<const Stream>& stream, std::int64_t count, const float* v,
              const std::array<float, 2>& extremes, const std::vector<double>& boundaries,
              std::uint8_t* codes, float* means) {
  const std::size_t levels = boundaries.size();
  if (levels < 2 || levels > kMostLevels) {
    throw std::invalid_argument("quantize: " + std::to_string(levels) + " levels");
  }
  const DeviceBuffer given(stream, levels * sizeof(double));
  const DeviceBuffer code_buffer(stream, static_cast<std::size_t>(count));
  const DeviceBuffer sums(stream, levels * sizeof(double));
  const DeviceBuffer members(stream, levels * sizeof(unsigned));
  const DeviceBuffer mean_buffer(stream, levels * sizeof(float));
  copy_to_device(*stream, given.as<void>(), boundaries.data(), levels * sizeof(double));
  const auto* const b = given.as<const double>();
  auto* const coded = code_buffer.as<std::uint8_t>();
  const auto level_count = static_cast<unsigned>(levels);
  for_each(count, stream->get(), [=] __device__(std::int64_t i) {
    const auto m = static_cast<double>(fabsf(v[i]));
    unsigned level = 0;  // the number of falling boundaries b_1, b_2, ... that it does not exceed
    for (unsigned step = level_count / 2; step > 0; step /= 2) {
      if (m <= b[level + step]) level += step;
    }
    coded[i] = static_cast<std::uint8_t>(level + (v[i] < 0 ? level_count : 0));
  });
  const LevelSums all{sums.as<double>(), members.as<unsigned>()};
  if (sums_are_exact(boundaries, static_cast<double>(extremes[1]), count)) {
    sums.fill_zero();
    members.fill_zero();
    const unsigned blocks = blocks_for(count);
    if (blocks > 0) {
      launch(add_to_levels, blocks, kThreads, stream->get(), count, v, coded, level_count, all);
    }
  } else {
    launch(sum_levels, 1, kThreads, stream->get(), count, v, coded, level_count, all);
  }
  auto* const mean_of = mean_buffer.as<float>();
  for_each(static_cast<std::int64_t>(levels), stream->get(), [=] __device__(std::int64_t l) {
    const unsigned in_level = all.members[l];
    mean_of[l] =
        in_level == 0 ? 0.0F : static_cast<float>(all.sum[l] / static_cast<double>(in_level));
  });
  copy_to_host(*stream, codes, coded, static_cast<std::size_t>(count));
  copy_to_host(*stream, means, mean_buffer.as<void>(), levels * sizeof(float));
}

}  // namespace mvsgd::compress::cuda
