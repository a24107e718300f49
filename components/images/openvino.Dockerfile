# The onnxruntime image with OpenVINO in front of it, for jobs that name that engine; amd64 and arm64.
ARG BUILD_IMAGE=python:3.11-bookworm
ARG ONNXRUNTIME_IMAGE=inc-mlflow/onnxruntime:0.1.0

FROM ${BUILD_IMAGE} AS build
COPY components/images/openvino.txt /source/
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --no-deps --target /opt/openvino \
        --requirement /source/openvino.txt

FROM ${ONNXRUNTIME_IMAGE}
COPY --from=build /opt/openvino /opt/openvino
ENV PYTHONPATH=/opt/openvino
LABEL org.opencontainers.image.title="inc-mlflow openvino"
