# Farman's image: what requirements.lock names for running, and nothing to build or test with.
# amd64 and arm64. docker-compose.yml builds it as farman:local.

FROM python:3.13-slim AS build
# faust-streaming has no wheel for arm64: made from source, and without a compiler.
ENV NO_CYTHON=1 UV_LINK_MODE=copy
WORKDIR /src
COPY bootstrap.lock ./
RUN pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes --requirement bootstrap.lock \
    && python -m venv --without-pip /opt/farman
# As constraints: of the lock only what running needs, each file checked against its hashes.
COPY requirements.lock pyproject.toml ./
RUN uv pip install --compile-bytecode --python /opt/farman/bin/python --constraint requirements.lock --requirement pyproject.toml \
    && uv pip install --system --constraint requirements.lock hatchling
COPY . .
RUN python -m hatchling build --target wheel --directory /wheels \
    && uv pip install --compile-bytecode --python /opt/farman/bin/python --no-deps /wheels/*.whl

FROM python:3.13-slim
RUN groupadd --gid 10001 farman \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/farman --shell /usr/sbin/nologin farman \
    # A new volume takes over the owner of the folder that it is mounted on.
    && install --directory --owner farman --group farman --mode 0700 /var/lib/farman /handover
COPY --from=build /opt/farman /opt/farman
COPY docker/credentials.py /usr/share/farman/
COPY examples /usr/share/farman/examples
ENV PATH=/opt/farman/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FARMAN_HOME=/var/lib/farman
USER 10001:10001
WORKDIR /var/lib/farman
CMD ["farman", "--help"]
