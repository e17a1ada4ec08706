# The image of the agent, for amd64 and arm64: Node.js, the agent and the C libraries that Node.js needs; no shell.
#
#   docker buildx build --platform linux/amd64,linux/arm64 -t registry.example.com/shoal:0.1.0 --push .
#   buildah build --timestamp "$(git log -1 --format=%ct)" -t shoal .
#
# Nothing of the target is run while it is built, so no emulation is needed. A fixed SOURCE_DATE_EPOCH or --timestamp
# makes the same image from the same commit and the same Debian packages.

# Debian 12 with Node.js 22.6 or newer and npm.
ARG BUILDER=docker.io/library/node:24-bookworm-slim

ARG BUILDPLATFORM
FROM --platform=${BUILDPLATFORM} ${BUILDER} AS build
WORKDIR /src
COPY . .
# Not silent: a build that fails has to say why.
RUN npm run bootstrap && npm run build
ARG TARGETARCH=amd64
ARG SOURCE_DATE_EPOCH=0
RUN SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} node packaging/bundle.ts --arch ${TARGETARCH} --out /image/opt/shoal
RUN sh packaging/image-root.sh ${TARGETARCH} /image && mkdir /home-of-nonroot

FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /home-of-nonroot/ /home/nonroot/
ENV PATH=/opt/shoal/bin:/bin HOME=/home/nonroot NODE_ENV=production
LABEL org.opencontainers.image.title="Shoal" \
      org.opencontainers.image.description="A peer-to-peer layer cache for container clusters" \
      org.opencontainers.image.licenses="Apache-2.0"
# The shim, the swarm, the admin listener.
EXPOSE 5005 5006 5007
USER 65532:65532
ENTRYPOINT ["shoal"]
CMD ["agent"]
