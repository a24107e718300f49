# The onnxruntime image with ONNX Runtime's CUDA provider in front of it; amd64. The driver comes from the node.
ARG BUILD_IMAGE=python:3.11-bookworm
ARG ONNXRUNTIME_IMAGE=inc-mlflow/onnxruntime:0.1.0

FROM ${BUILD_IMAGE} AS build
COPY constraints.txt components/images/cuda.txt /source/
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --no-deps --target /opt/cuda --requirement /source/cuda.txt
# One place for the loader, wherever the wheels keep their libraries; and one answer to "which onnxruntime runs here?".
RUN mkdir /opt/cuda/lib \
    && find /opt/cuda/nvidia -name '*.so*' -exec ln -s -t /opt/cuda/lib {} + \
    && for found in /opt/cuda/onnxruntime_gpu-*.dist-info; do \
         cp -r "$found" "$(echo "$found" | sed s/onnxruntime_gpu/onnxruntime/)"; done

FROM ${ONNXRUNTIME_IMAGE}
COPY --from=build /opt/cuda /opt/cuda
ENV PYTHONPATH=/opt/cuda \
    LD_LIBRARY_PATH=/opt/cuda/lib \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
LABEL org.opencontainers.image.title="inc-mlflow cuda"
