# Each mutant is a source of compress/cuda with a fault, and the test that must find it.

mvsgd_mutant(counts_before_bins_are_cleared kernels.cu kernels
  "bins[b] = 0;\n  __syncthreads();" "bins[b] = 0;")
mvsgd_mutant(adds_bins_before_all_have_counted kernels.cu kernels
  "digit(key, pass)], 1U);\n  }\n  __syncthreads();" "digit(key, pass)], 1U);\n  }")
mvsgd_mutant(does_not_clear_the_histogram kernels.cu kernels
  "    histogram.fill_zero();\n" "")
mvsgd_mutant(does_not_clear_the_sums_of_levels kernels.cu kernels
  "    sums.fill_zero();\n" "")
mvsgd_mutant(adds_to_levels_before_they_are_cleared kernels.cu kernels
  "    members[l] = 0;\n  }\n  __syncthreads();" "    members[l] = 0;\n  }")
mvsgd_mutant(adds_up_levels_before_all_have_added kernels.cu kernels
  "atomicAdd(&members[level], 1U);\n  }\n  __syncthreads();" "atomicAdd(&members[level], 1U);\n  }")
mvsgd_mutant(adds_to_levels_in_any_order kernels.cu kernels
  "if (boundaries[l] * static_cast<double>(count) > 0x1p28 * least) return false;" "")
mvsgd_mutant(reads_sums_of_warps_before_they_are_written kernels.cu kernels
  "warp_sums[warp] = sum;\n  __syncthreads();" "warp_sums[warp] = sum;")
mvsgd_mutant(writes_sums_of_warps_before_they_are_read kernels.cu kernels
  "  }\n  __syncthreads();\n  return scan;" "  }\n  return scan;")
mvsgd_mutant(sums_a_chunk_before_it_is_there kernels.cu kernels
  "    }\n    __syncthreads();\n    const std::int64_t left" "    }\n    const std::int64_t left")
mvsgd_mutant(overwrites_a_chunk_before_it_is_summed kernels.cu kernels
  "      ++members;\n    }\n    __syncthreads();" "      ++members;\n    }")
mvsgd_mutant(sums_what_is_behind_the_last_value kernels.cu kernels
  "size = left < blockDim.x ? static_cast<unsigned>(left) : blockDim.x;" "size = blockDim.x;")
mvsgd_mutant(takes_one_equal_too_many kernels.cu kernels
  "(is_equal && mine_equal < wanted)" "(is_equal && mine_equal <= wanted)")
mvsgd_mutant(does_not_wait_for_the_slot cuda_operators.cpp cuda_operators
  "      stream_->wait_for(stream);\n" "")
mvsgd_mutant(lets_the_slot_go_on_at_once cuda_operators.cpp cuda_operators
  "for (const Stream* other : others_) other->wait_for(*stream_);" "")
mvsgd_mutant(stays_on_another_workers_device cuda_operators.cpp cuda_operators
  "    nn::cuda::use_device(operators.device_);\n" "")
