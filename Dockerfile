# SPDX-License-Identifier: Apache-2.0
# Two images from one build, each with one program, the shared libraries it needs, and nothing else: no shell, no package
# manager, no user database (the user is a number). `make image` makes the same images without docker.
#
#   docker build --target webhook    --build-arg VERSION=v0.1.0 -t cloneset/cloneset-webhook:v0.1.0 .
#   docker build --target controller --build-arg VERSION=v0.1.0 -t cloneset/cloneset-controller:v0.1.0 .
FROM debian:12 AS build
WORKDIR /src
# The packages first, so that a change of the sources does not fetch them again.
COPY tools/deps.sh tools/
RUN tools/deps.sh build
COPY . .
ARG VERSION=unknown
RUN make -j"$(nproc)" all VERSION="$VERSION"
# Libraries and the loader at the paths where the loader looks for them.
RUN set -eu; for program in webhook controller; do \
        root=/out/$program; \
        install -D -m 0755 "build/release/cloneset-$program" "$root/cloneset-$program"; \
        ldd "build/release/cloneset-$program" | grep -o '/[^ ]*' | sort -u | xargs cp -L --parents -t "$root"; \
    done

FROM scratch AS webhook
COPY --from=build /out/webhook/ /
USER 65532:65532
EXPOSE 9443 8080 8081
ENTRYPOINT ["/cloneset-webhook"]

FROM scratch AS controller
COPY --from=build /out/controller/ /
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/cloneset-controller"]
