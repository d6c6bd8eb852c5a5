# Seeded faults: a test of the kernels that passes although a barrier, a memset or a rule is missing
# shows nothing. Each mutant is a source of nn/cuda with one text in place of another; the test that
# is named must fail when it is linked with it.

# mvsgd_mutant(NAME SOURCE TEST OLD NEW): of nn/cuda/SOURCE, for TEST_test.
function(mvsgd_mutant name source test old new)
  set(original ${PROJECT_SOURCE_DIR}/nn/cuda/${source})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original})
  file(READ ${original} text)
  string(FIND "${text}" "${old}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "mutant ${name}: ${source} has no longer:\n${old}")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  cmake_path(GET source EXTENSION extension)
  set(mutated ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}${extension})
  file(CONFIGURE OUTPUT ${mutated} CONTENT "${text}" @ONLY)
  if(extension STREQUAL ".cu")
    mvsgd_emulated_source(${mutated})
  endif()
  set(target nn_cuda_mutant_${name})
  # The mutated object comes before the library, whose own is then not taken.
  add_executable(${target} ${mutated} $<TARGET_OBJECTS:nn_cuda_${test}_test>)
  target_link_libraries(${target} PRIVATE
    mvsgd_nn_cuda_emulated mvsgd_cuda_kernel_language mvsgd::compress GTest::gmock_main)
  target_compile_options(${target} PRIVATE -ffp-contract=off -w)
  mvsgd_cuda_test(${target})
  # A fault that crashes is found too, which WILL_FAIL would not say.
  add_test(NAME nn/cuda/mutant/${name}
           COMMAND sh -c "! \"$0\" --gtest_brief=1" $<TARGET_FILE:${target}>)
  set_tests_properties(nn/cuda/mutant/${name} PROPERTIES LABELS cuda_emulated TIMEOUT 120)
endfunction()

mvsgd_mutant(counts_before_bins_are_cleared update.cu update
  "bins[b] = 0;\n  __syncthreads();" "bins[b] = 0;")
mvsgd_mutant(adds_bins_before_all_have_counted update.cu update
  "digit(key, pass)], 1U);\n  }\n  __syncthreads();" "digit(key, pass)], 1U);\n  }")
mvsgd_mutant(does_not_clear_the_histogram update.cu update
  "    histogram.fill_zero();\n" "")
mvsgd_mutant(does_not_clear_the_sums_of_levels update.cu update
  "    sums.fill_zero();\n" "")
mvsgd_mutant(adds_to_levels_before_they_are_cleared update.cu update
  "    members[l] = 0;\n  }\n  __syncthreads();" "    members[l] = 0;\n  }")
mvsgd_mutant(adds_up_levels_before_all_have_added update.cu update
  "atomicAdd(&members[level], 1U);\n  }\n  __syncthreads();" "atomicAdd(&members[level], 1U);\n  }")
mvsgd_mutant(adds_to_levels_in_any_order update.cu update
  "if (boundaries[l] * static_cast<double>(count) > 0x1p28 * least) return false;" "")
mvsgd_mutant(reads_sums_of_warps_before_they_are_written update.cu update
  "warp_sums[warp] = sum;\n  __syncthreads();" "warp_sums[warp] = sum;")
mvsgd_mutant(writes_sums_of_warps_before_they_are_read update.cu update
  "  }\n  __syncthreads();\n  return scan;" "  }\n  return scan;")
mvsgd_mutant(sums_a_chunk_before_it_is_there update.cu update
  "    }\n    __syncthreads();\n    const std::int64_t left" "    }\n    const std::int64_t left")
mvsgd_mutant(overwrites_a_chunk_before_it_is_summed update.cu update
  "      ++members;\n    }\n    __syncthreads();" "      ++members;\n    }")
mvsgd_mutant(sums_what_is_behind_the_last_value update.cu update
  "size = left < blockDim.x ? static_cast<unsigned>(left) : blockDim.x;" "size = blockDim.x;")
mvsgd_mutant(takes_one_equal_too_many update.cu update
  "(is_equal && mine_equal < wanted)" "(is_equal && mine_equal <= wanted)")
mvsgd_mutant(leaves_padding_unwritten kernels.cu operations
  "packed[i] = inside ? plain[(o * e.inputs + c) * e.taps + tap] : 0.0F;"
  "if (inside) packed[i] = plain[(o * e.inputs + c) * e.taps + tap];")
mvsgd_mutant(contracts_the_step_of_sgd kernels.cu operations
  "theta[i] -= learning_rate * (gradient[i] + weight_decay * theta[i]);"
  "theta[i] = fmaf(-learning_rate, gradient[i] + weight_decay * theta[i], theta[i]);")
mvsgd_mutant(does_not_wait_for_the_slot flat_operators.cpp flat_operators
  "      stream_->wait_for(stream);\n" "")
mvsgd_mutant(lets_the_slot_go_on_at_once flat_operators.cpp flat_operators
  "for (const Stream* other : others_) other->wait_for(*stream_);" "")
mvsgd_mutant(stays_on_another_workers_device flat_operators.cpp flat_operators
  "    use_device(operators.device_);\n" "")
mvsgd_mutant(forgets_to_mirror kernels.cu image_store
  "window.left + (window.flip ? side - 1 - column : column)" "window.left + column")
mvsgd_mutant(mirrors_the_image_and_not_the_window kernels.cu image_store
  "window.left + (window.flip ? side - 1 - column : column)"
  "window.flip ? side - 1 - window.left - column : window.left + column")
mvsgd_mutant(goes_on_in_the_next_row kernels.cu image_store
  "y >= 0 && y < side && x >= 0 && x < side" "y >= 0 && y < side")
mvsgd_mutant(gives_images_back_while_they_are_read image_store.cpp image_store
  "  stream_->wait_for(*stream);  // lest" "  // lest")
mvsgd_mutant(packs_weights_only_if_they_are_out_of_date cuda_backend.cpp repeated_step
  " || packed.recorded_for != recorded_rows_" "")
mvsgd_mutant(goes_on_with_the_first_images repeated_step.cpp repeated_step
  "  copy_on_device(stream, storage(recorded->images).data(), plain_data(images),
                 static_cast<std::size_t>(elements(images.shape)) * sizeof(float));
" "")
mvsgd_mutant(goes_on_with_the_first_labels repeated_step.cpp repeated_step
  "  recorded->rows->write(labels);
" "")
