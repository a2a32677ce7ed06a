# syntax=docker/dockerfile:1
# The whole product in one process, for those who host it themselves: docs/container.md.

# One toolchain for all stages that build; the version is the oldest that the workspace allows.
FROM rust:1.95-bookworm AS toolchain
WORKDIR /build
# Reads the manifests apart from the source, so that dependencies are a layer of their own.
RUN cargo install cargo-chef --locked --version 0.1.78
# No debug information, and no symbols: the image holds the program and nothing to look into it with.
ENV CARGO_PROFILE_RELEASE_DEBUG=false \
    CARGO_PROFILE_RELEASE_STRIP=symbols \
    CARGO_INCREMENTAL=0

# The recipe changes with the manifests alone.
FROM toolchain AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM toolchain AS build
COPY --from=recipe /build/recipe.json recipe.json
RUN cargo chef cook --release --locked --workspace --bin devserver --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --workspace --bin devserver

# What the program needs to run, gathered below one folder: itself, its libraries, who it runs as, certificates.
FROM build AS root
RUN infra/container/gather.sh target/release/devserver /root-of-image

FROM scratch
LABEL org.opencontainers.image.title="Dynamic AI Toolset" \
      org.opencontainers.image.description="Paste an API, get a safe, tested, versioned AI tool" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.documentation="docs/container.md"
COPY --from=root /root-of-image /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# By number, so that an engine can see that it is not root.
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/devserver", "health"]
ENTRYPOINT ["/devserver"]
CMD ["serve", "--host", "0.0.0.0"]
