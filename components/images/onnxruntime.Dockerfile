# Every step of every pipeline but those on GPUs; amd64 and arm64. Built from the top of the repository.
# BUILD_IMAGE needs Python with pip and a C compiler, PYTHON_IMAGE the same Python and nothing else: give your own for an
# air-gapped site, and by digest for a release.
ARG BUILD_IMAGE=python:3.11-bookworm
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${BUILD_IMAGE} AS build
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE /source/
COPY inc_mlflow /source/inc_mlflow
COPY components /source/components
COPY pipelines /source/pipelines
# The environment holds no pip: what runs in a pod cannot install anything. Nor the tests of 20 libraries: 146 MB.
RUN python3 -m venv --without-pip /opt/inc-mlflow \
    && python3 -m pip --python /opt/inc-mlflow/bin/python install --no-cache-dir --disable-pip-version-check \
        --constraint /source/constraints.txt '/source[vision,text,detection,language]' \
    && find /opt/inc-mlflow/lib -type d -name tests -prune -exec rm -r {} +

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/inc-mlflow /opt/inc-mlflow
# Everything that is written goes below /tmp, the one place that is left where the root is read-only.
# USER is a name too: the number that a cluster chooses has no line in /etc/passwd.
ENV PATH=/opt/inc-mlflow/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    USER=inc-mlflow \
    XDG_CACHE_HOME=/tmp/.cache \
    MPLCONFIGDIR=/tmp/.config/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="inc-mlflow onnxruntime" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /tmp
USER 10001:10001
