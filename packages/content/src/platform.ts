import type { PlatformDescriptor } from './manifest.ts'

/** Go's names for processors, which OCI uses, where they differ from Node's. */
export function ociArchitecture(arch: string = process.arch): string {
  return ({ x64: 'amd64', ia32: '386' } as Record<string, string>)[arch] ?? arch
}

/** The manifest of an index that a machine with such a processor runs containers of. */
export function ofPlatform(
  manifests: readonly PlatformDescriptor[],
  architecture: string = ociArchitecture(),
): PlatformDescriptor | undefined {
  return manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture)
}
