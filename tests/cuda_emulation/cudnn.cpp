// cuDNN's graph API on the emulated device: descriptors, ranking, plans. Every graph has the same
// engines. The first ones are those that no precision may take, and that strict float32 must not.
// Devices of another kind rank
// the last two the other way round.
#include <cudnn_graph.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <unordered_map>
#include <utility>

#include "tests/cuda_emulation/cudnn_descriptor.hpp"
#include "tests/cuda_emulation/device.hpp"

// NVIDIA's names. NOLINTBEGIN(readability-identifier-naming)
namespace emulation = mvsgd::cuda_emulation;
using emulation::CudnnDescriptor;
using emulation::CudnnTensor;

struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace {

struct Engine {
  std::vector<cudnnBackendNumericalNote_t> notes;
  emulation::Rounding rounding;
};

const std::array<Engine, 5>& engines() {
  static const std::array<Engine, 5> all{
      Engine{{CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC}, emulation::Rounding::unstable},
      Engine{{CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION}, emulation::Rounding::sums},
      Engine{{CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS},
             emulation::Rounding::tf32},
      Engine{{}, emulation::Rounding::none}, Engine{{}, emulation::Rounding::none}};
  return all;
}

constexpr std::int64_t kWorkspace = 1024;  // bytes; every plan has them and overwrites them

struct Library {
  std::unordered_map<void*, std::shared_ptr<CudnnDescriptor>> descriptors;
  std::string reason;
};

Library& library() {
  static Library* const the_library = new Library;  // NOLINT(*-non-const-global-variables)
  return *the_library;
}

cudnnStatus_t refuse(cudnnStatus_t status, const std::string& reason) {
  library().reason = "emulation: " + reason;
  return status;
}

std::shared_ptr<CudnnDescriptor> find(void* descriptor) {
  const auto found = library().descriptors.find(descriptor);
  return found == library().descriptors.end() ? nullptr : found->second;
}

std::size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_INT64:
      return 8;
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    default:
      return 4;
  }
}

// One configuration of each engine, as children of the descriptors handed in.
void fill_ranking(const CudnnDescriptor& heuristic, std::int64_t wanted, void* values) {
  for (std::int64_t i = 0; i < wanted; ++i) {
    auto engine = std::make_shared<CudnnDescriptor>();
    engine->type = CUDNN_BACKEND_ENGINE_DESCRIPTOR;
    engine->finalized = true;
    engine->set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, i < 3 || emulation::like_the_first() ? i : 7 - i);
    engine->attributes[CUDNN_ATTR_ENGINE_OPERATION_GRAPH].children = {
        heuristic.child(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)};
    const auto configuration = find(static_cast<void**>(values)[i]);
    configuration->finalized = true;
    configuration->attributes[CUDNN_ATTR_ENGINECFG_ENGINE].children = {engine};
  }
}

std::int64_t engine_index(const CudnnDescriptor& engine) {
  return engine.value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
}

const char* objection_to(const CudnnTensor& tensor, const char* pointer) {
  if (tensor.host) return nullptr;
  if (!emulation::is_device(pointer, tensor.bytes())) return "not so much memory of the device";
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  return address % static_cast<std::uintptr_t>(tensor.alignment) == 0 ? nullptr : "not aligned";
}

}  // namespace

extern "C" {

size_t cudnnGetVersion() { return CUDNN_VERSION; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
  return status == CUDNN_STATUS_SUCCESS ? "CUDNN_STATUS_SUCCESS" : "CUDNN_STATUS_EMULATED";
}

void cudnnGetLastErrorString(char* message, size_t size) {
  std::snprintf(message, size, "%s", library().reason.c_str());
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) {
  const auto held = emulation::hold_device();
  auto made = std::make_shared<CudnnDescriptor>();
  made->type = type;
  *descriptor = made.get();
  library().descriptors[made.get()] = std::move(made);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  const auto held = emulation::hold_device();
  return library().descriptors.erase(descriptor) == 1 ? CUDNN_STATUS_SUCCESS
                                                      : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void* values) {
  const auto held = emulation::hold_device();
  const auto to = find(descriptor);
  if (to == nullptr || to->finalized || values == nullptr) {
    return refuse(CUDNN_STATUS_BAD_PARAM, "set: unknown, finalized, or no values");
  }
  CudnnDescriptor::Attribute attribute{.type = type, .bytes = {}, .children = {}};
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    for (int64_t i = 0; i < count; ++i) {
      const auto child = find(static_cast<void* const*>(values)[i]);
      if (child == nullptr || !child->finalized) {
        return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "set: a child is not finalized");
      }
      attribute.children.push_back(child);
    }
  } else {
    const auto* const bytes = static_cast<const char*>(values);
    attribute.bytes.assign(bytes, bytes + static_cast<std::size_t>(count) * size_of(type));
  }
  to->attributes[name] = std::move(attribute);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  const auto held = emulation::hold_device();
  const auto to = find(descriptor);
  if (to == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM, "finalize: unknown");
  const std::string why = emulation::objection(*to);
  if (!why.empty()) return refuse(CUDNN_STATUS_NOT_SUPPORTED, why);
  to->finalized = true;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t /*type*/, int64_t wanted,
                                       int64_t* count, void* values) {
  const auto held = emulation::hold_device();
  const auto from = find(descriptor);
  if (from == nullptr || !from->finalized) {
    return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "get: unknown or not finalized");
  }
  *count = 1;
  switch (name) {
    case CUDNN_ATTR_ENGINEHEUR_RESULTS:
      *count = static_cast<int64_t>(engines().size());
      if (values != nullptr) {
        *count = std::min(*count, wanted);
        fill_ranking(*from, *count, values);
      }
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_ENGINECFG_ENGINE:
      *find(*static_cast<void**>(values)) = *from->child(name);
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
      *static_cast<int64_t*>(values) = engine_index(*from);
      return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE: {
      const auto& notes = engines()[static_cast<std::size_t>(engine_index(*from))].notes;
      *count = static_cast<int64_t>(notes.size());
      if (values != nullptr) {
        std::copy(notes.begin(), notes.end(), static_cast<cudnnBackendNumericalNote_t*>(values));
      }
      return CUDNN_STATUS_SUCCESS;
    }
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
      *static_cast<int64_t*>(values) = kWorkspace;
      return CUDNN_STATUS_SUCCESS;
    default:
      return refuse(CUDNN_STATUS_NOT_SUPPORTED, "get: attribute " + std::to_string(name));
  }
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
  const auto held = emulation::hold_device();
  const auto executed = find(plan);
  const auto given = find(pack);
  if (executed == nullptr || given == nullptr || !executed->finalized || !given->finalized) {
    return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "execute: not finalized");
  }
  const auto engine =
      executed->child(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->child(CUDNN_ATTR_ENGINECFG_ENGINE);
  const auto operations =
      engine->child(CUDNN_ATTR_ENGINE_OPERATION_GRAPH)->children(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  auto* const workspace = given->value<char*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  if (!emulation::is_device(workspace, kWorkspace)) {
    return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "execute: workspace");
  }
  const auto ids = given->values<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto bound = given->values<char*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  if (ids.size() != bound.size()) return refuse(CUDNN_STATUS_BAD_PARAM, "execute: pointers");
  std::map<std::int64_t, char*> pointers;
  for (std::size_t i = 0; i < ids.size(); ++i) pointers[ids[i]] = bound[i];

  // Numbers on the host are read now, the device's memory later.
  std::set<std::int64_t> known;
  const auto numbers = std::make_shared<std::map<std::int64_t, float>>();
  for (const auto& operation : operations) {
    for (const auto& [name, attribute] : operation->attributes) {
      for (const auto& child : attribute.children) {
        if (child->type != CUDNN_BACKEND_TENSOR_DESCRIPTOR) continue;
        const CudnnTensor tensor(*child);
        if (tensor.inside) continue;
        known.insert(tensor.id);
        const char* const why = pointers[tensor.id] == nullptr
                                    ? "no pointer"
                                    : objection_to(tensor, pointers[tensor.id]);
        if (why != nullptr) {
          return refuse(CUDNN_STATUS_BAD_PARAM,
                        "execute: tensor " + std::to_string(tensor.id) + ": " + why);
        }
        if (tensor.host && numbers->count(tensor.id) == 0) {
          float& number = (*numbers)[tensor.id];
          std::memcpy(&number, pointers[tensor.id], sizeof(number));
          pointers[tensor.id] = reinterpret_cast<char*>(&number);
        }
      }
    }
  }
  if (known.size() != ids.size()) return refuse(CUDNN_STATUS_BAD_PARAM, "execute: other tensors");
  // cuDNN does not say that new statistics may take the place of those that it reads.
  for (const auto& operation : operations) {
    if (operation->type != CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR) continue;
    const auto of = [&](cudnnBackendAttributeName_t name) {
      return pointers[CudnnTensor(*operation->child(name)).id];
    };
    if (of(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC) ==
            of(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC) ||
        of(CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC) ==
            of(CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC)) {
      return refuse(CUDNN_STATUS_BAD_PARAM, "execute: new statistics in place of the old ones");
    }
  }
  if (emulation::refuses_capture() && emulation::is_captured(handle->stream)) {
    emulation::spoil_capture(handle->stream);
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "execute: the stream is captured");
  }
  const auto rounding = engines()[static_cast<std::size_t>(engine_index(*engine))].rounding;
  const std::uint64_t draw = emulation::draw();
  const bool launched = emulation::enqueue_launch(handle->stream, [=] {
    static_cast<void>(numbers);  // kept alive, since pointers point to them
    std::memset(workspace, 0xff, kWorkspace);
    emulation::compute(operations, pointers, rounding, draw);
  });
  return launched ? CUDNN_STATUS_SUCCESS : refuse(CUDNN_STATUS_EXECUTION_FAILED, "execute: device");
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
