import * as z from 'zod'
import { type SettingDefaults, settingsSchema } from '../../agent/dist/config/schema.js'

/** What Kubernetes checks by itself. */
const kubernetesObject = z.looseObject({})
const kubernetesList = z.array(kubernetesObject)
const labels = z.record(z.string(), z.string())
const absolutePath = z.string().regex(/^\/[^:]*$/)
const countOrShare = z.union([z.int().min(0), z.string().regex(/^[0-9]+%$/)])
/** Too short a time would name every node as late; a day is no uninstall any more. */
const seconds = z.int().min(10).max(86_400)

const runtimes = ['containerd', 'k3s', 'rke2', 'microk8s', 'docker', 'crio', 'none'] as const
const hostPathTypes = ['', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'] as const

const chartValues = z.strictObject({
  image: z.strictObject({
    repository: z.string(),
    tag: z.string(),
    digest: z.string().regex(/^(sha256:[0-9a-f]{64})?$/),
    pullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']),
  }),
  imagePullSecrets: z.array(z.strictObject({ name: z.string() })),
  nameOverride: z.string(),
  fullnameOverride: z.string(),
  node: z.strictObject({
    runtime: z.enum(runtimes),
    extraArguments: z.array(z.string()),
    extraHostPaths: z.array(z.strictObject({ path: absolutePath, type: z.enum(hostPathTypes) })),
  }),
  uninstall: z.strictObject({ enabled: z.boolean(), removeData: z.boolean(), timeoutSeconds: seconds }),
  clusterSecret: z.strictObject({ existingSecret: z.string() }),
  credentials: z.strictObject({ existingSecret: z.string() }),
  hostNetwork: z.boolean(),
  ipFamily: z.enum(['IPv4', 'IPv6']),
  clusterDomain: z.string().min(1),
  priorityClassName: z.string(),
  tolerations: kubernetesList,
  nodeSelector: labels,
  affinity: kubernetesObject,
  updateStrategy: z.strictObject({
    type: z.enum(['RollingUpdate', 'OnDelete']),
    rollingUpdate: z.strictObject({ maxUnavailable: countOrShare, maxSurge: countOrShare }),
  }),
  minReadySeconds: z.int().min(0),
  terminationGracePeriodSeconds: z.int().min(10).nullish(),
  resources: kubernetesObject,
  installerResources: kubernetesObject,
  user: z.strictObject({ uid: z.int().min(1), gid: z.int().min(1) }),
  serviceAccount: z.strictObject({ create: z.boolean(), name: z.string(), annotations: labels }),
  metrics: z.strictObject({
    expose: z.boolean(),
    serviceMonitor: z.strictObject({
      enabled: z.boolean(),
      interval: z.string(),
      scrapeTimeout: z.string(),
      labels,
    }),
    dashboard: z.strictObject({ enabled: z.boolean(), labels }),
  }),
  networkPolicy: z.strictObject({ enabled: z.boolean(), metricsFrom: kubernetesList }),
  podAnnotations: labels,
  podLabels: labels,
  extraEnv: kubernetesList,
  extraVolumes: kubernetesList,
  extraVolumeMounts: kubernetesList,
  // A parent chart hands these down to every chart below it.
  global: kubernetesObject.optional(),
})

type JsonSchema = z.core.JSONSchema.JSONSchema

/** The chart's values.schema.json: the chart's own values, and under `settings` what the agent's schema takes. */
export function valuesSchema(defaults: SettingDefaults): JsonSchema {
  // Helm before 3.18 knows no later draft.
  const options = { target: 'draft-7', io: 'input' } as const
  const { $schema: _, ...settings } = z.toJSONSchema(settingsSchema(defaults), options)
  const schema = z.toJSONSchema(chartValues, options)
  return { ...schema, properties: { ...schema.properties, settings: withNulls(settings) } }
}

/** In the values, as in the agent's file, null is as good as not there. */
function withNulls(schema: JsonSchema): JsonSchema {
  const { properties, ...rest } = schema
  if (properties === undefined) return schema
  const children = Object.entries(properties).map(([key, child]) => [key, orNull(child)])
  return { ...rest, properties: Object.fromEntries(children) }
}

function orNull(child: JsonSchema | boolean): JsonSchema | boolean {
  if (typeof child === 'boolean') return child
  const { type, enum: members, ...rest } = withNulls(child)
  if (typeof type !== 'string') return { anyOf: [child, { type: 'null' }] }
  return { ...rest, type: [type, 'null'], ...(members && { enum: [...members, null] }) } as JsonSchema
}
