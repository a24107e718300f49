# The onnxruntime image with TensorFlow for CPUs in front of it, for the import of its models; amd64.
ARG BUILD_IMAGE=python:3.11-bookworm
ARG ONNXRUNTIME_IMAGE=inc-mlflow/onnxruntime:0.1.0

FROM ${BUILD_IMAGE} AS build
COPY components/images/tensorflow.txt /source/
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --no-deps --target /opt/tensorflow \
        --requirement /source/tensorflow.txt

FROM ${ONNXRUNTIME_IMAGE}
COPY --from=build /opt/tensorflow /opt/tensorflow
ENV PYTHONPATH=/opt/tensorflow
LABEL org.opencontainers.image.title="inc-mlflow tensorflow"
