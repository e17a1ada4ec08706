import type { PlatformDescriptor } from '@shoal/content'

/** Go's names, which OCI uses, for those of Node's that differ. */
export function ociArchitecture(arch: string = process.arch): string {
  return ({ x64: 'amd64', ia32: '386' } as Record<string, string>)[arch] ?? arch
}

/** The manifest of an index that this machine would run; else the first one, so that any image can be shown. */
export function choosePlatform(manifests: readonly PlatformDescriptor[]): PlatformDescriptor | undefined {
  const architecture = ociArchitecture()
  const own = manifests.find(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
  )
  return own ?? manifests[0]
}
