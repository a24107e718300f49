# The onnxruntime image with PyTorch for CPUs in front of it, for the import of its models; amd64 and arm64.
ARG BUILD_IMAGE=python:3.11-bookworm
ARG ONNXRUNTIME_IMAGE=inc-mlflow/onnxruntime:0.1.0

FROM ${BUILD_IMAGE} AS build
# The index with PyTorch's builds without CUDA: others bring gigabytes that an import on CPUs never loads.
ARG TORCH_INDEX
COPY components/images/pytorch.txt /source/
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --no-deps --target /opt/pytorch \
        ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} --requirement /source/pytorch.txt

FROM ${ONNXRUNTIME_IMAGE}
COPY --from=build /opt/pytorch /opt/pytorch
ENV PYTHONPATH=/opt/pytorch
LABEL org.opencontainers.image.title="inc-mlflow pytorch"
