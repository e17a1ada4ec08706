import type { Secret } from '../identity.ts'

/** What credentials are wanted for. */
export interface RegistrySubject {
  /** As image names spell it: `docker.io`, `registry.corp:5000`. */
  readonly registry: string
  /** `library/nginx` */
  readonly repository: string
}

/** Where a node keeps credentials: a file that Docker or Podman wrote, or a program that knows. */
export interface CredentialSource {
  /** The secret for a repository, or undefined when the source knows none. @throws Error when it can't be asked */
  find(subject: RegistrySubject, signal?: AbortSignal): Promise<Secret | undefined>
}
