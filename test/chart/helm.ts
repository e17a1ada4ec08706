import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import type { KubernetesObject } from '../../packages/chart/test/openapi.ts'
import { run } from '../harness/run.ts'

export const chart = fileURLToPath(new URL('../../packages/chart/shoal/', import.meta.url))

/** Values as a tree, as a values file would have them. */
export type Values = { readonly [key: string]: unknown }

/** What must be given in any case. */
export const givenValues: Values = { image: { repository: 'registry.example.com/shoal' } }

const release = 'shoal'
const namespace = 'shoal-system'

/** The real helm. It finds nothing of its user's: no configuration, no cluster. */
export class Helm {
  readonly #file: string
  readonly #home: string

  private constructor(file: string, home: string) {
    this.#file = file
    this.#home = home
  }

  static async create(file: string): Promise<Helm & AsyncDisposable> {
    const home = await mkdtemp(join(tmpdir(), 'shoal-helm-'))
    return Object.assign(new Helm(file, home), {
      [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
    })
  }

  /** @throws with what helm says */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const file = join(this.#home, 'none')
    return await run(this.#file, args, {
      env: { HOME: this.#home, KUBECONFIG: file, ...env },
      timeoutMs: 300_000,
    })
  }

  /** Renders the chart as for a cluster of a version, hooks included. */
  async template(values: Values, { kubernetes = '1.33.0' } = {}): Promise<KubernetesObject[]> {
    const text = await this.run([
      ...['template', release, chart, '--namespace', namespace, '--kube-version', kubernetes],
      ...valuesFlags(values),
    ])
    return parseAllDocuments(text).flatMap((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0]
      const object = document.toJS() as KubernetesObject | null
      return object === null ? [] : [object]
    })
  }

  /** `helm lint --strict`: warnings are errors. */
  async lint(values: Values): Promise<string> {
    return await this.run(['lint', chart, '--strict', '--kube-version', '1.33.0', ...valuesFlags(values)])
  }
}

export function valuesFlags(values: Values): string[] {
  return Object.entries({ ...givenValues, ...values }).flatMap(([key, value]) => [
    '--set-json',
    `${key}=${JSON.stringify(value)}`,
  ])
}
