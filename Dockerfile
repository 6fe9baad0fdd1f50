#   docker build --build-arg DESKBRIDGE_REVISION="$(git rev-parse --short=12 HEAD)" -t deskbridge .
#   docker run --rm -p 8080:8080 deskbridge                                          # the sandbox
#   docker run --rm -p 8080:8080 -v "$PWD/etc:/etc/deskbridge:ro" deskbridge         # yours
#
# What the configuration must say in a container: deploy/README.md. There is no need of an engine to
# try the steps below: tests/tools/dockerfile reads and runs them.

# The same Debian as the last stage, whose C library the binary is linked against. The slim image has
# the C compiler that SQLite and the allocator need.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# The dependencies alone, from the two files that decide what they are: this layer is built again
# only when one of those changes. Tests and benches are cut out of the manifest, as their files are
# not here. What was built of our own is thrown away: files that are copied keep their times, so
# cargo could take the stub for newer than the code.
COPY Cargo.toml Cargo.lock build.rs ./
RUN sed -i '/^\[\[\(test\|bench\|example\)\]\]/,/^$/d' Cargo.toml \
 && mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs \
 && cargo build --locked --profile dist --lib --bin deskbridge \
 && rm -rf src target/dist/deskbridge target/dist/.fingerprint/deskbridge-*

# Mappings are embedded when the program is compiled.
COPY src src
COPY mappings mappings
ARG DESKBRIDGE_REVISION=unknown
RUN DESKBRIDGE_REVISION="$DESKBRIDGE_REVISION" cargo build --locked --profile dist --bin deskbridge

# A C library and nothing else: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/dist/deskbridge /usr/local/bin/deskbridge
# What it does when it is given nothing else: the sandbox, on all addresses of the container.
# Whatever is mounted there takes its place.
COPY deploy/container /etc/deskbridge
# `deskbridge.yaml` is looked for in the working folder.
WORKDIR /etc/deskbridge
# `nonroot`, as a number: orchestrators that refuse root can see that it is none.
USER 65532:65532
# 8080 is for clients. 8081 is metrics and health: publish it to nobody.
EXPOSE 8080 8081
# Asks `/ready` on loopback, at the port that the configuration says.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
  CMD ["/usr/local/bin/deskbridge", "health"]
# SIGTERM drains, for up to `limits.grace` (20 s): `docker stop --time 30`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/deskbridge", "serve"]
