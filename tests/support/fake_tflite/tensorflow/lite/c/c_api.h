// What hosts call of TensorFlow Lite's C API, for models whose outputs are their inputs, four at most.
#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

struct TfLiteModel {
  const void* data;
};

struct TfLiteInterpreterOptions {
  int threads = -1;
};

struct TfLiteTensor {
  std::vector<int> shape;
  std::vector<unsigned char> data;
};

struct TfLiteInterpreter {
  TfLiteTensor inputs[4], outputs[4];
  bool allocated = false;
};

inline TfLiteModel* TfLiteModelCreate(const void* data, std::size_t size) {
  const bool is_model = size > 8 && std::memcmp(static_cast<const char*>(data) + 4, "TFL3", 4) == 0;
  return is_model ? new TfLiteModel{data} : nullptr;
}

inline void TfLiteModelDelete(TfLiteModel* model) { delete model; }

inline TfLiteInterpreterOptions* TfLiteInterpreterOptionsCreate() { return new TfLiteInterpreterOptions; }

inline void TfLiteInterpreterOptionsDelete(TfLiteInterpreterOptions* options) { delete options; }

inline void TfLiteInterpreterOptionsSetNumThreads(TfLiteInterpreterOptions* options, int threads) {
  options->threads = threads;
}

inline TfLiteInterpreter* TfLiteInterpreterCreate(const TfLiteModel*, const TfLiteInterpreterOptions*) {
  return new TfLiteInterpreter;
}

inline void TfLiteInterpreterDelete(TfLiteInterpreter* interpreter) { delete interpreter; }

inline TfLiteStatus TfLiteInterpreterAllocateTensors(TfLiteInterpreter* interpreter) {
  for (TfLiteTensor& input : interpreter->inputs) {
    std::size_t bytes = sizeof(float);
    for (const int n : input.shape) bytes *= static_cast<std::size_t>(n);
    input.data.resize(bytes);
  }
  interpreter->allocated = true;
  return kTfLiteOk;
}

inline TfLiteStatus TfLiteInterpreterResizeInputTensor(
    TfLiteInterpreter* interpreter, int index, const int* shape, int rank) {
  interpreter->inputs[index].shape.assign(shape, shape + rank);
  interpreter->allocated = false;
  return kTfLiteOk;
}

inline TfLiteTensor* TfLiteInterpreterGetInputTensor(const TfLiteInterpreter* interpreter, int index) {
  return &const_cast<TfLiteInterpreter*>(interpreter)->inputs[index];
}

inline const TfLiteTensor* TfLiteInterpreterGetOutputTensor(const TfLiteInterpreter* interpreter, int index) {
  return &interpreter->outputs[index];
}

inline TfLiteStatus TfLiteInterpreterInvoke(TfLiteInterpreter* interpreter) {
  for (int i = 0; i < 4; i++) interpreter->outputs[i] = interpreter->inputs[i];
  return interpreter->allocated ? kTfLiteOk : kTfLiteError;
}

inline int TfLiteTensorNumDims(const TfLiteTensor* tensor) { return static_cast<int>(tensor->shape.size()); }

inline int TfLiteTensorDim(const TfLiteTensor* tensor, int axis) { return tensor->shape[static_cast<std::size_t>(axis)]; }

inline std::size_t TfLiteTensorByteSize(const TfLiteTensor* tensor) { return tensor->data.size(); }

inline TfLiteStatus TfLiteTensorCopyFromBuffer(TfLiteTensor* tensor, const void* data, std::size_t size) {
  if (size != tensor->data.size()) return kTfLiteError;
  std::memcpy(tensor->data.data(), data, size);
  return kTfLiteOk;
}

inline TfLiteStatus TfLiteTensorCopyToBuffer(const TfLiteTensor* tensor, void* data, std::size_t size) {
  if (size != tensor->data.size()) return kTfLiteError;
  std::memcpy(data, tensor->data.data(), size);
  return kTfLiteOk;
}
