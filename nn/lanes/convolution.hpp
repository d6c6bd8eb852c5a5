// The three passes of a convolution between activations with images in the lanes.
#pragma once

#include "nn/backend_entry.hpp"
#include "nn/buffer_pool.hpp"
#include "nn/lanes/loops.hpp"
#include "nn/lanes/parallel.hpp"
#include "nn/shape_checks.hpp"

namespace mvsgd::nn::lanes {

/// What a pass computes with. It takes scratch memory from the pool and gives it back.
struct Engine {
  const Loops& loops;
  BufferPool& pool;
  Threads threads;
  bool bf16 = false;  ///< weights are rounded to bfloat16; x and dy are given so
};

/// Whether this convolution runs by Winograd's F(4x4, 3x3): unless the choice is direct, every 3x3
/// one of stride and padding 1 does. A function of the problem alone, the same on every processor.
[[nodiscard]] bool is_winograd(ConvolutionChoice choice, const ConvolutionProblem& problem);

// Weights are plain [O, C, R, S]. Filling images are zero in the arguments, and so in the result.

void forward(const Engine& engine, ConvolutionChoice choice, const ConvolutionProblem& problem,
             const float* x, const float* w, float* y);
void backward_data(const Engine& engine, ConvolutionChoice choice,
                   const ConvolutionProblem& problem, const float* dy, const float* w, float* dx);
void backward_weights(const Engine& engine, ConvolutionChoice choice,
                      const ConvolutionProblem& problem, const float* x, const float* dy, float* dw,
                      Into into);

}  // namespace mvsgd::nn::lanes
