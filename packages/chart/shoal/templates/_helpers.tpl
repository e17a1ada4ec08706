{{/* Names, labels and what several objects must agree on. */}}

{{- define "shoal.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Cut to 40: hooks append to it, and names of DaemonSets and Jobs become labels. */}}
{{- define "shoal.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "shoal.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "shoal.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects the pods of one component: (dict "root" $ "component" "agent"). */}}
{{- define "shoal.selectorLabels" -}}
app.kubernetes.io/name: {{ include "shoal.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "shoal.labels" -}}
{{ include "shoal.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "shoal.image" -}}
{{- with .Values.image }}
{{- $repository := required "image.repository: name where you pushed the image, such as registry.example.com/shoal" .repository }}
{{- if .digest }}
{{- printf "%s@%s" $repository .digest }}
{{- else }}
{{- printf "%s:%s" $repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "shoal.secretName" -}}
{{- default (printf "%s-cluster" (include "shoal.fullname" .)) .Values.clusterSecret.existingSecret }}
{{- end }}

{{- define "shoal.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "shoal.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The address that stands for all of them, in the form of host:port and of a multiaddr. */}}
{{- define "shoal.anyHost" -}}
{{- ternary "[::]" "0.0.0.0" (eq .Values.ipFamily "IPv6") }}
{{- end }}
{{- define "shoal.ipProtocol" -}}
{{- ternary "ip6" "ip4" (eq .Values.ipFamily "IPv6") }}
{{- end }}

{{- define "shoal.isLoopback" -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\]:)" . }}true{{ end }}
{{- end }}

{{- define "shoal.portOf" -}}
{{- regexFind "[0-9]+$" . }}
{{- end }}

{{/* A pod's own loopback is out of the node's reach: there the shim listens on all addresses, and the host port on the node's loopback. */}}
{{- define "shoal.registryListen" -}}
{{- $listen := required "settings.registry.listen must be host:port" .Values.settings.registry.listen }}
{{- if and (not .Values.hostNetwork) (include "shoal.isLoopback" $listen) }}
{{- printf "%s:%s" (include "shoal.anyHost" .) (include "shoal.portOf" $listen) }}
{{- else }}
{{- $listen }}
{{- end }}
{{- end }}

{{/* Loopback suffices for probes while the pod has the node's network; a scraper needs more. */}}
{{- define "shoal.adminListen" -}}
{{- $listen := required "settings.admin.listen must be host:port" .Values.settings.admin.listen }}
{{- $exposed := or .Values.metrics.expose .Values.metrics.serviceMonitor.enabled (not .Values.hostNetwork) }}
{{- if and $exposed (include "shoal.isLoopback" $listen) }}
{{- printf "%s:%s" (include "shoal.anyHost" .) (include "shoal.portOf" $listen) }}
{{- else }}
{{- $listen }}
{{- end }}
{{- end }}

{{- define "shoal.swarmListen" -}}
{{- $listen := required "settings.swarm.listen needs an address" (first (default (list) .Values.settings.swarm.listen)) }}
{{- if eq .Values.ipFamily "IPv6" }}
{{- $listen | replace "/ip4/0.0.0.0/" "/ip6/::/" }}
{{- else }}
{{- $listen }}
{{- end }}
{{- end }}

{{- define "shoal.registryPort" -}}{{ include "shoal.portOf" (include "shoal.registryListen" .) }}{{- end }}
{{- define "shoal.adminPort" -}}{{ include "shoal.portOf" (include "shoal.adminListen" .) }}{{- end }}
{{- define "shoal.swarmPort" -}}{{ include "shoal.portOf" (include "shoal.swarmListen" .) }}{{- end }}

{{/* The nodes find each other by the headless Service: its name has the address of every pod, ready or not. */}}
{{- define "shoal.bootstrap" -}}
/dns/{{ include "shoal.fullname" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}/tcp/{{ include "shoal.swarmPort" . }}
{{- end }}

{{/* `shoal agent --config`: every setting as the values have it, and what only the chart knows. */}}
{{- define "shoal.config" -}}
{{- $settings := deepCopy .Values.settings }}
{{- $listen := include "shoal.registryListen" . }}
{{- if ne $listen $settings.registry.listen }}
{{- $_ := set $settings.registry "exposed" true }}
{{- end }}
{{- $_ := set $settings.registry "listen" $listen }}
{{- $_ := set $settings.admin "listen" (include "shoal.adminListen" .) }}
{{- $_ := set $settings.swarm "listen" (prepend (rest $settings.swarm.listen) (include "shoal.swarmListen" .)) }}
{{- $_ := set $settings.swarm "bootstrap" (prepend (default (list) $settings.swarm.bootstrap) (include "shoal.bootstrap" .)) }}
{{- $cluster := default (dict) $settings.cluster }}
{{- if not $cluster.secretFile }}
{{- $_ := set $cluster "secretFile" "/etc/shoal/cluster/cluster-secret" }}
{{- end }}
{{- $_ := set $settings "cluster" $cluster }}
{{- toYaml $settings }}
{{- end }}

{{/* After the pulls, the agent closes everything else within 6 s. */}}
{{- define "shoal.terminationGracePeriod" -}}
{{- default (add 10 (trimSuffix "s" (default "4s" .Values.settings.registry.drain))) .Values.terminationGracePeriodSeconds }}
{{- end }}
