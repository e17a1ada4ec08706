import { Document, type Pair, type Scalar, stringify } from 'yaml'
import { type SettingDefaults, settingsSchema } from '../../agent/dist/config/schema.js'
import { listSettings } from '../../agent/dist/config/setting-list.js'

/** From this line on values.yaml is written by `npm run generate`. */
export const marker = '# generated from here: settings\n'

const heading = `# Every setting of \`shoal agent\`, as its configuration file has it. The chart adds to swarm.bootstrap the headless
# Service, to cluster.secretFile its Secret, and mounts the blobs of the node's containerd that cache.containerdContent
# names: /var/lib/containerd, /var/lib/rancher/k3s/agent/containerd, /var/snap/microk8s/common/var/lib/containerd.
`

/** The \`settings\` of values.yaml: every setting of the agent's schema with its default, and what it is for. */
export function settingsSection(defaults: SettingDefaults): string {
  const given = settingsSchema(defaults).parse({}) as Record<string, unknown>
  const tree: Record<string, unknown> = {}
  const settings = listSettings(defaults)
  for (const { path } of settings) {
    const keys = path.split('.')
    const parent = keys.slice(0, -1).reduce((node: Record<string, unknown>, key) => {
      node[key] ??= {}
      return node[key] as Record<string, unknown>
    }, tree)
    const value = keys.reduce<unknown>(
      (node, key) => (node as Record<string, unknown> | undefined)?.[key],
      given,
    )
    parent[keys.at(-1) ?? ''] = value ?? null
  }
  // Helm reads YAML 1.1, where a plain off is false.
  const document = new Document({ settings: tree }, { version: '1.1' })
  for (const { path, description } of settings) {
    const keys = path.split('.')
    const section = document.getIn(['settings', ...keys.slice(0, -1)]) as { items: Pair<Scalar>[] }
    const pair = section.items.find(({ key }) => key.value === keys.at(-1))
    if (pair !== undefined) pair.key.commentBefore = ` ${description}`
  }
  return `${marker}\n${heading}${stringify(document, { lineWidth: 0 })}`
}

/** values.yaml with its last part written anew. */
export function withSettingsSection(values: string, defaults: SettingDefaults): string {
  const at = values.indexOf(marker)
  if (at < 0) throw new TypeError(`values.yaml has no line "${marker.trim()}"`)
  return values.slice(0, at) + settingsSection(defaults)
}
