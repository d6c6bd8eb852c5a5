// The operations of the emulated cuDNN: what each accepts and what it computes, in double.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "tests/cuda_emulation/cudnn_descriptor.hpp"

namespace mvsgd::cuda_emulation {
namespace {

using Extents = std::vector<std::int64_t>;

// The names of one thing in the three passes of a convolution.
struct ConvolutionNames {
  int x, w, y, convolution;
};

ConvolutionNames names_of(cudnnBackendDescriptorType_t type) {
  switch (type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC};
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC};
    default:
      return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC};
  }
}

struct Geometry {
  explicit Geometry(const CudnnDescriptor& convolution)
      : padding(convolution.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)),
        strides(convolution.values<std::int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES)) {}

  std::vector<std::int64_t> padding;
  std::vector<std::int64_t> strides;
};

std::string tensor_objection(const CudnnDescriptor& descriptor) {
  const CudnnTensor tensor(descriptor);
  if (tensor.extents.size() != 4 || tensor.strides.size() != 4 || tensor.alignment < 1) {
    return "tensor: four extents, four strides and an alignment are wanted";
  }
  const Extents& e = tensor.extents;
  if (tensor.strides != Extents{e[1] * e[2] * e[3], 1, e[1] * e[3], e[1]}) {
    return "tensor: NHWC is wanted";
  }
  return "";
}

std::string convolution_objection(const CudnnDescriptor& operation) {
  const ConvolutionNames names = names_of(operation.type);
  for (const int name : {names.x, names.w, names.y, names.convolution}) {
    if (operation.child(name) == nullptr) return "convolution: a descriptor is missing";
  }
  const Extents x = CudnnTensor(*operation.child(names.x)).extents;
  const Extents w = CudnnTensor(*operation.child(names.w)).extents;
  const Extents y = CudnnTensor(*operation.child(names.y)).extents;
  const Geometry geometry(*operation.child(names.convolution));
  bool fits = x[0] == y[0] && x[1] == w[1] && y[1] == w[0];
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t room = x[2 + i] + 2 * geometry.padding[i] - w[2 + i];
    fits = fits && y[2 + i] == room / geometry.strides[i] + 1;
  }
  return fits ? "" : "convolution: extents do not fit";
}

// Like the real library, which has no engine for other counts.
std::string norm_objection(const CudnnDescriptor& operation, int x_name) {
  const Child x = operation.child(x_name);
  if (x == nullptr) return "norm: no x";
  return CudnnTensor(*x).extents[1] % 4 == 0 ? "" : "norm: channels are no multiple of 4";
}

std::string graph_objection(const CudnnDescriptor& graph) {
  std::map<std::int64_t, Child> by_id;
  const auto operations = graph.children(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  if (operations.empty()) return "graph: no operation";
  for (const Child& operation : operations) {
    for (const auto& [name, attribute] : operation->attributes) {
      for (const Child& child : attribute.children) {
        if (child->type != CUDNN_BACKEND_TENSOR_DESCRIPTOR) continue;
        Child& known = by_id[CudnnTensor(*child).id];
        if (known != nullptr && known != child) return "graph: two tensors of one id";
        known = child;
      }
    }
  }
  return "";
}

// Rounded to 10 bits after the leading one.
double to_10_bits(double value) {
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, 11)), exponent - 11);
}

// Values by tensor, NHWC: results of earlier operations, or from memory.
class Values {
 public:
  Values(const std::map<std::int64_t, char*>& pointers, Rounding rounding, std::uint64_t draw)
      : pointers_(pointers), rounding_(rounding), draw_(draw) {}

  [[nodiscard]] std::vector<float> read(const CudnnDescriptor& descriptor) const {
    const CudnnTensor tensor(descriptor);
    if (tensor.inside) return inside_.at(tensor.id);
    const char* const from = pointers_.at(tensor.id);
    std::vector<float> values(tensor.count());
    if (tensor.type == CUDNN_DATA_FLOAT) {
      std::memcpy(values.data(), from, tensor.bytes());
    } else {
      for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint16_t high = 0;
        std::memcpy(&high, from + 2 * i, sizeof(high));
        const std::uint32_t bits = std::uint32_t{high} << 16;
        std::memcpy(&values[i], &bits, sizeof(bits));
      }
    }
    return values;
  }

  // The factors that a convolution multiplies.
  [[nodiscard]] std::vector<double> factors(const CudnnDescriptor& descriptor) const {
    const std::vector<float> values = read(descriptor);
    std::vector<double> rounded(values.begin(), values.end());
    if (rounding_ == Rounding::tf32) {
      for (double& value : rounded) value = to_10_bits(value);
    }
    return rounded;
  }

  void write(const CudnnDescriptor& descriptor, const std::vector<double>& values) {
    const CudnnTensor tensor(descriptor);
    std::vector<float> rounded(values.begin(), values.end());
    if (rounding_ == Rounding::sums) {
      for (float& value : rounded)
        value = static_cast<float>(to_10_bits(static_cast<double>(value)));
    }
    if (rounding_ == Rounding::unstable) {
      for (float& value : rounded) value *= (draw_ & 1) != 0 ? 1 + 0x1p-20F : 1 - 0x1p-20F;
    }
    if (tensor.inside) {
      inside_[tensor.id] = std::move(rounded);
      return;
    }
    if (tensor.type != CUDNN_DATA_FLOAT) throw std::logic_error("only float32 is written");
    std::memcpy(pointers_.at(tensor.id), rounded.data(), tensor.bytes());
  }

 private:
  const std::map<std::int64_t, char*>& pointers_;
  Rounding rounding_;
  std::uint64_t draw_;
  std::map<std::int64_t, std::vector<float>> inside_;
};

// Calls f(x, w, y, C) for each tap and position that meet inside the image. x is where the C
// channels of x begin, w where the weights of output 0 begin, and y where the outputs of y begin.
template <typename F>
void for_each_meeting(const Geometry& geometry, const Extents& x, const Extents& w,
                      const Extents& y, F f) {
  for (std::int64_t n = 0; n < y[0]; ++n) {
    for (std::int64_t i = 0; i < y[2]; ++i) {
      for (std::int64_t j = 0; j < y[3]; ++j) {
        for (std::int64_t r = 0; r < w[2]; ++r) {
          for (std::int64_t s = 0; s < w[3]; ++s) {
            const std::int64_t row = i * geometry.strides[0] - geometry.padding[0] + r;
            const std::int64_t column = j * geometry.strides[1] - geometry.padding[1] + s;
            if (row < 0 || row >= x[2] || column < 0 || column >= x[3]) continue;
            f(((n * x[2] + row) * x[3] + column) * x[1], (r * w[3] + s) * x[1],
              ((n * y[2] + i) * y[3] + j) * y[1]);
          }
        }
      }
    }
  }
}

void compute_convolution(const CudnnDescriptor& operation, Values& values) {
  const ConvolutionNames names = names_of(operation.type);
  const CudnnDescriptor& x = *operation.child(names.x);
  const CudnnDescriptor& w = *operation.child(names.w);
  const CudnnDescriptor& y = *operation.child(names.y);
  const Geometry geometry(*operation.child(names.convolution));
  const Extents xe = CudnnTensor(x).extents;
  const Extents we = CudnnTensor(w).extents;
  const Extents ye = CudnnTensor(y).extents;
  const std::int64_t channels = xe[1];
  const std::int64_t outputs = ye[1];
  const std::int64_t filter = channels * we[2] * we[3];  // elements of one output's weights
  using Doubles = std::vector<double>;
  switch (operation.type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR: {
      const Doubles a = values.factors(x);
      const Doubles b = values.factors(w);
      Doubles sums(CudnnTensor(y).count());
      for_each_meeting(geometry, xe, we, ye, [&](auto xi, auto wi, auto yi) {
        for (std::int64_t o = 0; o < outputs; ++o) {
          double sum = 0;
          for (std::int64_t c = 0; c < channels; ++c) {
            sum += a.data()[xi + c] * b.data()[o * filter + wi + c];
          }
          sums.data()[yi + o] += sum;
        }
      });
      return values.write(y, sums);
    }
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR: {
      const Doubles a = values.factors(y);
      const Doubles b = values.factors(w);
      Doubles sums(CudnnTensor(x).count());
      for_each_meeting(geometry, xe, we, ye, [&](auto xi, auto wi, auto yi) {
        for (std::int64_t o = 0; o < outputs; ++o) {
          for (std::int64_t c = 0; c < channels; ++c) {
            sums.data()[xi + c] += a.data()[yi + o] * b.data()[o * filter + wi + c];
          }
        }
      });
      return values.write(x, sums);
    }
    default: {
      const Doubles a = values.factors(x);
      const Doubles b = values.factors(y);
      Doubles sums(CudnnTensor(w).count());
      for_each_meeting(geometry, xe, we, ye, [&](auto xi, auto wi, auto yi) {
        for (std::int64_t o = 0; o < outputs; ++o) {
          for (std::int64_t c = 0; c < channels; ++c) {
            sums.data()[o * filter + wi + c] += a.data()[xi + c] * b.data()[yi + o];
          }
        }
      });
      return values.write(w, sums);
    }
  }
}

void compute_pointwise(const CudnnDescriptor& operation, Values& values) {
  const auto mode = operation.child(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)
                        ->value<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
  const auto x = values.read(*operation.child(CUDNN_ATTR_OPERATION_POINTWISE_XDESC));
  std::vector<double> y(x.begin(), x.end());
  switch (mode) {
    case CUDNN_POINTWISE_IDENTITY:
      break;
    case CUDNN_POINTWISE_RELU_FWD:
      for (double& value : y) value = value <= 0 ? 0 : value;
      break;
    case CUDNN_POINTWISE_ADD: {
      const auto b = values.read(*operation.child(CUDNN_ATTR_OPERATION_POINTWISE_BDESC));
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += static_cast<double>(b[i]);
      break;
    }
    default:
      throw std::logic_error("a pointwise mode that nn/cuda did not use");
  }
  values.write(*operation.child(CUDNN_ATTR_OPERATION_POINTWISE_YDESC), y);
}

void compute_norm(const CudnnDescriptor& operation, Values& values) {
  const auto child = [&](int name) -> const CudnnDescriptor& { return *operation.child(name); };
  const auto x = values.read(child(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC));
  const auto gamma = values.read(child(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC));
  const auto beta = values.read(child(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC));
  const double epsilon = values.read(child(CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC))[0];
  const std::size_t channels = gamma.size();
  const std::size_t values_each = x.size() / channels;
  const auto m = static_cast<double>(values_each);
  std::vector<double> mean(channels);
  std::vector<double> variance(channels);
  std::vector<double> inverse(channels);
  for (std::size_t i = 0; i < x.size(); ++i) mean[i % channels] += static_cast<double>(x[i]) / m;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double difference = static_cast<double>(x[i]) - mean[i % channels];
    variance[i % channels] += difference * difference / m;
  }
  for (std::size_t c = 0; c < channels; ++c) inverse[c] = 1 / std::sqrt(variance[c] + epsilon);
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % channels;
    y[i] = static_cast<double>(gamma[c]) * ((static_cast<double>(x[i]) - mean[c]) * inverse[c]) +
           static_cast<double>(beta[c]);
  }
  values.write(child(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC), y);
  values.write(child(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC), mean);
  values.write(child(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC), inverse);

  const double factor = values.read(child(CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC))[0];
  const auto move = [&](int from, int to, const std::vector<double>& batch, double scale) {
    const auto old = values.read(child(from));
    std::vector<double> moved(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      moved[c] = (1 - factor) * static_cast<double>(old[c]) + factor * batch[c] * scale;
    }
    values.write(child(to), moved);
  };
  move(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC,
       CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, mean, 1);
  move(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC,
       CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, variance, m / (m - 1));
}

void compute_norm_backward(const CudnnDescriptor& operation, Values& values) {
  const auto child = [&](int name) -> const CudnnDescriptor& { return *operation.child(name); };
  const auto x = values.read(child(CUDNN_ATTR_OPERATION_NORM_BWD_XDESC));
  const auto dy = values.read(child(CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC));
  const auto gamma = values.read(child(CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC));
  const auto mean = values.read(child(CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC));
  const auto inverse = values.read(child(CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC));
  const std::size_t channels = gamma.size();
  const std::size_t values_each = x.size() / channels;
  const auto m = static_cast<double>(values_each);
  const auto h = [&](std::size_t i) {
    const std::size_t c = i % channels;
    return (static_cast<double>(x[i]) - static_cast<double>(mean[c])) *
           static_cast<double>(inverse[c]);
  };
  std::vector<double> dbeta(channels);
  std::vector<double> dgamma(channels);
  for (std::size_t i = 0; i < x.size(); ++i) {
    dbeta[i % channels] += static_cast<double>(dy[i]);
    dgamma[i % channels] += static_cast<double>(dy[i]) * h(i);
  }
  std::vector<double> dx(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % channels;
    dx[i] = static_cast<double>(gamma[c]) * static_cast<double>(inverse[c]) *
            (static_cast<double>(dy[i]) - (dbeta[c] + h(i) * dgamma[c]) / m);
  }
  values.write(child(CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC), dx);
  values.write(child(CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC), dgamma);
  values.write(child(CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC), dbeta);
}

}  // namespace

std::string objection(const CudnnDescriptor& descriptor) {
  switch (descriptor.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return tensor_objection(descriptor);
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return convolution_objection(descriptor);
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
      return norm_objection(descriptor, CUDNN_ATTR_OPERATION_NORM_FWD_XDESC);
    case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
      return norm_objection(descriptor, CUDNN_ATTR_OPERATION_NORM_BWD_XDESC);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      return graph_objection(descriptor);
    default:
      return "";
  }
}

void compute(const std::vector<Child>& operations, const std::map<std::int64_t, char*>& pointers,
             Rounding rounding, std::uint64_t draw) {
  Values values(pointers, rounding, draw);
  for (const Child& operation : operations) {
    switch (operation->type) {
      case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        compute_pointwise(*operation, values);
        break;
      case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
        compute_norm(*operation, values);
        break;
      case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
        compute_norm_backward(*operation, values);
        break;
      default:
        compute_convolution(*operation, values);
    }
  }
}

}  // namespace mvsgd::cuda_emulation
