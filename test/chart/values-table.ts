import type { Values } from './helm.ts'

/** What people set, one case each. Every case must lint, render, and be what Kubernetes takes. */
export const valuesTable: Readonly<Record<string, Values>> = {
  'nothing but the image': {},
  'an image by digest, from a registry that asks who pulls': {
    image: { repository: 'registry.example.com/shoal', digest: `sha256:${'ab'.repeat(32)}` },
    imagePullSecrets: [{ name: 'registry-account' }],
  },
  'another name': { fullnameOverride: 'layer-cache' },
  'a very long name': {
    nameOverride: 'a-name-that-is-longer-than-what-kubernetes-takes-for-labels-and-names',
  },
  'pod network': { hostNetwork: false },
  'pod network, scraped from one namespace': {
    hostNetwork: false,
    metrics: { serviceMonitor: { enabled: true, labels: { release: 'prometheus' } }, expose: false },
    networkPolicy: {
      enabled: true,
      metricsFrom: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
    },
  },
  'pod network without a policy': { hostNetwork: false, networkPolicy: { enabled: false } },
  'IPv6 only': {
    ipFamily: 'IPv6',
    settings: { registry: { listen: '[::1]:5005' }, admin: { listen: '[::1]:5007' } },
  },
  'everything for Prometheus and Grafana': {
    metrics: {
      expose: true,
      serviceMonitor: { enabled: true, interval: '15s', scrapeTimeout: '10s' },
      dashboard: { enabled: true },
    },
  },
  'nodes of k3s': { node: { runtime: 'k3s' } },
  'nodes of RKE2': { node: { runtime: 'rke2' } },
  'nodes of MicroK8s': { node: { runtime: 'microk8s' } },
  'nodes with Docker': { node: { runtime: 'docker' } },
  'nodes with CRI-O': {
    node: {
      runtime: 'crio',
      extraHostPaths: [{ path: '/opt/crio', type: 'Directory' }],
      extraArguments: ['--json'],
    },
  },
  'nodes whose containerd shares what it has': {
    settings: { cache: { containerdContent: '/var/lib/containerd' } },
  },
  'nodes left as they are': { node: { runtime: 'none' } },
  'no hook': { uninstall: { enabled: false } },
  'the cache outlives the release': { uninstall: { removeData: false, timeoutSeconds: 900 } },
  'secrets of one’s own': {
    clusterSecret: { existingSecret: 'swarm' },
    credentials: { existingSecret: 'registry-passwords' },
    settings: {
      upstreams: {
        registries: {
          'registry.example.com': {
            url: 'https://registry.example.com',
            username: 'puller',
            passwordFile: '/etc/shoal/credentials/registry.example.com',
          },
        },
        only: true,
      },
    },
  },
  'other ports and places': {
    settings: {
      dataDir: '/mnt/fast/shoal',
      registry: { listen: '127.0.0.1:15005' },
      admin: { listen: '0.0.0.0:15007' },
      swarm: {
        listen: ['/ip4/0.0.0.0/tcp/15006'],
        announce: ['/ip4/10.0.0.1/tcp/15006'],
        bootstrap: ['mdns'],
      },
      cache: { quota: '50GiB' },
      log: { level: 'debug' },
    },
  },
  'some nodes only, updated by hand': {
    nodeSelector: { 'kubernetes.io/os': 'linux', pool: 'gpu' },
    tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'edge', operator: 'DoesNotExist' }] }],
        },
      },
    },
    updateStrategy: { type: 'OnDelete' },
    priorityClassName: '',
  },
  'all that pods can be given besides': {
    podAnnotations: { 'example.com/team': 'platform' },
    podLabels: { team: 'platform' },
    extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/company/ca.crt' }],
    extraVolumes: [{ name: 'company', configMap: { name: 'company-ca' } }],
    extraVolumeMounts: [{ name: 'company', mountPath: '/etc/company', readOnly: true }],
    serviceAccount: { create: false, name: 'layer-cache' },
    resources: { limits: { cpu: '2', memory: '1Gi' } },
  },
}
