# alphaloop in a container: built in one stage, run without a compiler and without root in the other.
FROM debian:12-slim AS build
WORKDIR /src
COPY tools/setup tools/packages.txt tools/
RUN tools/setup build
COPY Makefile ./
COPY tools/embed_sql tools/embed_web tools/
COPY include include
COPY src src
COPY sql sql
COPY web web
RUN make -j2 build/alphaloop

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       ca-certificates curl libcurl4 libdnnl2 libmicrohttpd12 libpq5 librabbitmq4 libsodium23 libuv1 libxgboost0 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /var/lib/alphaloop --shell /usr/sbin/nologin alphaloop \
    && install -d -o alphaloop -g alphaloop /var/lib/alphaloop /var/lib/alphaloop/models
COPY --from=build /src/build/alphaloop /usr/local/bin/alphaloop
COPY config /usr/local/share/alphaloop/config
WORKDIR /usr/local/share/alphaloop
ENV MODEL_STORAGE_PATH=/var/lib/alphaloop/models MODEL_SERVICE_HOST=0.0.0.0
VOLUME /var/lib/alphaloop
USER alphaloop
EXPOSE 4500
HEALTHCHECK --interval=30s --timeout=10s --start-period=40s --retries=3 \
    CMD curl -fsS "http://127.0.0.1:${MODEL_SERVICE_PORT:-4500}/health" >/dev/null || exit 1
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/alphaloop"]
CMD ["serve"]
