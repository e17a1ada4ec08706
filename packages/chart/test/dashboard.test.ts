import { readFile } from 'node:fs/promises'
import test from 'ava'
import { createMetrics } from '../../agent/dist/metrics.js'

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}

const file = new URL('../shoal/files/grafana-dashboard.json', import.meta.url)
const dashboard: { readonly panels: readonly Panel[] } = JSON.parse(await readFile(file, 'utf8'))

test('the dashboard asks only for metrics that the agent has', async (t) => {
  const metrics = await createMetrics(() => 0).registry.getMetricsAsJSON()
  const known = metrics.map(({ name }) => name)
  for (const { title, targets } of dashboard.panels) {
    for (const { expr } of targets) {
      const asked = expr.match(/\b(?:shoal|process|nodejs)_[a-z_]+/g) ?? []
      const unknown = asked.filter((name) => !known.includes(name.replace(/_(?:bucket|sum|count)$/, '')))
      t.deepEqual(unknown, [], title)
    }
  }
})
