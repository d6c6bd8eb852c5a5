# Each mutant is a source of nn/cuda with a fault, and the test that must find it.

mvsgd_mutant(leaves_padding_unwritten kernels.cu operations
  "packed[i] = inside ? plain[(o * e.inputs + c) * e.taps + tap] : 0.0F;"
  "if (inside) packed[i] = plain[(o * e.inputs + c) * e.taps + tap];")
mvsgd_mutant(contracts_the_step_of_sgd kernels.cu operations
  "theta[i] -= learning_rate * (gradient[i] + weight_decay * theta[i]);"
  "theta[i] = fmaf(-learning_rate, gradient[i] + weight_decay * theta[i], theta[i]);")
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
mvsgd_mutant(copies_what_the_host_has_later runtime.cpp emulated
  "cudaMemcpySrcAccessOrderDuringApiCall" "cudaMemcpySrcAccessOrderStream")
mvsgd_mutant(puts_new_statistics_into_the_old_ones_place cuda_backend.cpp emulated
  "float* const new_means = gammas + 4 * width;" "float* const new_means = means;")
mvsgd_mutant(takes_engines_that_round_sums graph.cpp emulated
  "  if (has(notes, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;
" "")
