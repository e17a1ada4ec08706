{{/* What of a node each runtime's configuration needs. The mount points repeat the node's paths under /host. */}}

{{/* type Directory: a missing directory is an error, and never made on a node that has not got that runtime. */}}
{{- define "shoal.hostPaths" -}}
{{- $paths := dict
  "containerd" (list (dict "path" "/etc/containerd" "type" "Directory") (dict "path" "/run/containerd" "type" "Directory"))
  "k3s" (list (dict "path" "/etc/rancher/k3s" "type" "Directory") (dict "path" "/var/lib/rancher/k3s/agent/etc" "type" "Directory") (dict "path" "/run/k3s/containerd" "type" "Directory"))
  "rke2" (list (dict "path" "/etc/rancher/rke2" "type" "Directory") (dict "path" "/var/lib/rancher/rke2/agent/etc" "type" "Directory") (dict "path" "/run/k3s/containerd" "type" "Directory"))
  "microk8s" (list (dict "path" "/var/snap/microk8s/current/args" "type" "Directory") (dict "path" "/var/snap/microk8s/common/run" "type" "Directory"))
  "docker" (list (dict "path" "/etc/docker" "type" "Directory") (dict "path" "/run/docker.sock" "type" "Socket"))
  "podman" (list (dict "path" "/etc/containers" "type" "Directory"))
  "crio" (list (dict "path" "/etc/containers" "type" "Directory") (dict "path" "/etc/crio" "type" "Directory") (dict "path" "/run/crio" "type" "Directory"))
}}
{{- $needed := get $paths .Values.node.runtime }}
{{- $state := dict "path" (include "shoal.installStateDir" .) "type" "DirectoryOrCreate" }}
{{- toYaml (concat (prepend $needed $state) .Values.node.extraHostPaths) }}
{{- end }}

{{/* Where `shoal install` keeps what it needs to restore the node. */}}
{{- define "shoal.installStateDir" -}}/var/lib/shoal-install{{- end }}

{{/* The names that `shoal install --runtime` knows. */}}
{{- define "shoal.runtimeArgument" -}}
{{- $names := dict "k3s" "containerd" "rke2" "containerd" "microk8s" "containerd" "crio" "cri-o" }}
{{- get $names .Values.node.runtime | default .Values.node.runtime }}
{{- end }}

{{- define "shoal.nodeArguments" -}}
{{- $arguments := list "--host-root" "/host" "--runtime" (include "shoal.runtimeArgument" .) }}
{{- if .Values.node.allowRestart }}{{ $arguments = append $arguments "--allow-restart" }}{{ end }}
{{- toJson (concat $arguments .Values.node.extraArguments) }}
{{- end }}

{{- define "shoal.hostVolumes" -}}
{{- range $index, $entry := include "shoal.hostPaths" . | fromYamlArray }}
- name: host-{{ $index }}
  hostPath:
    path: {{ $entry.path }}
    type: {{ $entry.type }}
{{- end }}
{{- end }}

{{- define "shoal.hostVolumeMounts" -}}
{{- range $index, $entry := include "shoal.hostPaths" . | fromYamlArray }}
- name: host-{{ $index }}
  mountPath: /host{{ $entry.path }}
{{- end }}
{{- end }}

{{/* Root, since the runtimes' files are root's; without a single capability. */}}
{{- define "shoal.rootWithoutCapabilities" -}}
runAsUser: 0
runAsGroup: {{ .Values.user.gid }}
runAsNonRoot: false
{{ include "shoal.leastPrivilege" . }}
{{- end }}

{{- define "shoal.leastPrivilege" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities:
  drop: [ALL]
{{- end }}
