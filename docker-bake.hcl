# All images for all machines: docker buildx bake --push --metadata-file metadata.json
variable "REGISTRY" { default = "inc-mlflow" }
variable "VERSION" { default = "0.1.0" }
variable "REVISION" { default = "unknown" }
variable "SOURCE" { default = "unknown" }
variable "PYTHON_IMAGE" { default = "python:3.11-slim-bookworm" }
variable "BUILD_IMAGE" { default = "python:3.11-bookworm" }
# The index with PyTorch's builds without CUDA; without it, the image is some gigabytes larger.
variable "TORCH_INDEX" { default = "" }

group "default" {
  targets = ["onnxruntime", "cuda", "mlflow", "openvino", "pytorch", "tensorflow"]
}

target "_common" {
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    BUILD_IMAGE  = BUILD_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
    SOURCE       = SOURCE
  }
}

target "onnxruntime" {
  inherits   = ["_common"]
  dockerfile = "components/images/onnxruntime.Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  tags       = ["${REGISTRY}/onnxruntime:${VERSION}"]
}

target "cuda" {
  dockerfile = "components/images/cuda.Dockerfile"
  platforms  = ["linux/amd64"]
  args       = { BUILD_IMAGE = BUILD_IMAGE, ONNXRUNTIME_IMAGE = "onnxruntime" }
  contexts   = { onnxruntime = "target:onnxruntime" }
  tags       = ["${REGISTRY}/cuda:${VERSION}"]
}

target "openvino" {
  dockerfile = "components/images/openvino.Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  args       = { BUILD_IMAGE = BUILD_IMAGE, ONNXRUNTIME_IMAGE = "onnxruntime" }
  contexts   = { onnxruntime = "target:onnxruntime" }
  tags       = ["${REGISTRY}/openvino:${VERSION}"]
}

target "pytorch" {
  dockerfile = "components/images/pytorch.Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  args       = { BUILD_IMAGE = BUILD_IMAGE, ONNXRUNTIME_IMAGE = "onnxruntime", TORCH_INDEX = TORCH_INDEX }
  contexts   = { onnxruntime = "target:onnxruntime" }
  tags       = ["${REGISTRY}/pytorch:${VERSION}"]
}

target "tensorflow" {
  dockerfile = "components/images/tensorflow.Dockerfile"
  platforms  = ["linux/amd64"]
  args       = { BUILD_IMAGE = BUILD_IMAGE, ONNXRUNTIME_IMAGE = "onnxruntime" }
  contexts   = { onnxruntime = "target:onnxruntime" }
  tags       = ["${REGISTRY}/tensorflow:${VERSION}"]
}

target "mlflow" {
  inherits   = ["_common"]
  dockerfile = "components/images/mlflow.Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  tags       = ["${REGISTRY}/mlflow:${VERSION}"]
}
