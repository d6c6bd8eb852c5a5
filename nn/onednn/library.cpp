#include "nn/onednn/library.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace mvsgd::nn {
namespace {

/// Scratchpads are ours. Float32 is not rounded to bfloat16, even if ONEDNN_DEFAULT_FPMATH_MODE
/// allows the library to do so.
dnnl::primitive_attr our_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return attributes;
}

}  // namespace

Library::Library()
    : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), attributes_(our_attributes()) {}

void Library::set_threads(int threads) {
  if (threads > 1) {
    // Switches off OpenMP's own adjustment to a busy machine. A limit set in the environment stays.
    omp_set_dynamic(0);
    int granted = 1;
#pragma omp parallel num_threads(threads)
    {
#pragma omp single
      granted = omp_get_num_threads();
    }
    if (granted < threads) {
      throw UnavailableError("threads_per_worker = " + std::to_string(threads) + ": OpenMP gives " +
                             std::to_string(granted) + " of " + std::to_string(threads) +
                             " threads (OMP_THREAD_LIMIT, OMP_MAX_ACTIVE_LEVELS)");
    }
  }
  if (threads != threads_) reorders_.clear();
  threads_ = threads;
}

float* Library::scratch(std::int64_t size) {
  if (size > scratch_size_) {
    scratch_ = pool_->take(size);
    scratch_size_ = size;
  }
  return scratch_.get();
}

void Library::execute(const Executable& executable,
                      std::unordered_map<int, dnnl::memory> arguments) {
  const std::int64_t size = floats(executable.scratchpad);
  if (size > 0) {
    arguments.emplace(DNNL_ARG_SCRATCHPAD, memory(executable.scratchpad, scratch(size)));
  }
  // The count belongs to the calling thread, for which anybody may have changed it.
  omp_set_num_threads(threads_);
  executable.primitive.execute(stream_, arguments);
  stream_.wait();
}

void Library::reorder(const dnnl::memory::desc& source_layout, float* source,
                      const dnnl::memory::desc& target_layout, float* target, Into into) {
  auto found = std::find_if(reorders_.begin(), reorders_.end(), [&](const Reorder& known) {
    return known.into == into && known.source == source_layout && known.target == target_layout;
  });
  if (found == reorders_.end()) {
    dnnl::primitive_attr attributes = our_attributes();
    if (into == Into::add) {
      dnnl::post_ops sum;
      sum.append_sum(1.0F);
      attributes.set_post_ops(sum);
    }
    omp_set_num_threads(threads_);
    const dnnl::reorder::primitive_desc descriptor(engine_, source_layout, engine_, target_layout,
                                                   attributes);
    reorders_.push_back({.source = source_layout,
                         .target = target_layout,
                         .into = into,
                         .executable = compile<dnnl::reorder>(descriptor)});
    found = std::prev(reorders_.end());
  }
  execute(found->executable, {{DNNL_ARG_FROM, memory(source_layout, source)},
                              {DNNL_ARG_TO, memory(target_layout, target)}});
}

}  // namespace mvsgd::nn
