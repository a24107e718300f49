# The MLflow server of k8s/: PostgreSQL behind it, artifacts in S3, a login in front; amd64 and arm64.
ARG BUILD_IMAGE=python:3.11-bookworm
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${BUILD_IMAGE} AS build
COPY constraints.txt components/images/mlflow.txt /source/
RUN python3 -m venv --without-pip /opt/mlflow \
    && python3 -m pip --python /opt/mlflow/bin/python install --no-cache-dir --disable-pip-version-check \
        --constraint /source/constraints.txt --requirement /source/mlflow.txt \
    && find /opt/mlflow/lib -type d -name tests -prune -exec rm -r {} +

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/mlflow /opt/mlflow
ENV PATH=/opt/mlflow/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    USER=mlflow \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="inc-mlflow mlflow" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /tmp
USER 10001:10001
