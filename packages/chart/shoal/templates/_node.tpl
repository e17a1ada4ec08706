{{/* What of a node each runtime's configuration needs. The mount points repeat the node's paths under /host. */}}

{{/* type Directory: a missing directory is an error, and never made on a node that has not got that runtime. */}}
{{- define "shoal.hostPaths" -}}
{{- $paths := dict
  "containerd" (list (dict "path" "/etc/containerd" "type" "Directory") (dict "path" "/run/containerd" "type" "Directory"))
  "k3s" (list (dict "path" "/var/lib/rancher/k3s/agent/etc" "type" "Directory") (dict "path" "/run/k3s/containerd" "type" "Directory"))
  "rke2" (list (dict "path" "/var/lib/rancher/rke2/agent/etc" "type" "Directory") (dict "path" "/run/k3s/containerd" "type" "Directory"))
  "microk8s" (list (dict "path" "/var/snap/microk8s/current/args" "type" "Directory") (dict "path" "/var/snap/microk8s/common/run" "type" "Directory"))
  "docker" (list (dict "path" "/etc/docker" "type" "Directory") (dict "path" "/run/docker.sock" "type" "Socket") (dict "path" "/proc" "type" "Directory"))
  "crio" (list (dict "path" "/etc/containers" "type" "Directory") (dict "path" "/run/crio" "type" "Directory") (dict "path" "/proc" "type" "Directory"))
}}
{{- $needed := get $paths .Values.node.runtime }}
{{- $state := dict "path" (include "shoal.installStateDir" .) "type" "DirectoryOrCreate" }}
{{- toYaml (concat (prepend $needed $state) .Values.node.extraHostPaths) }}
{{- end }}

{{/* Where `shoal install` keeps what it needs to restore the node. */}}
{{- define "shoal.installStateDir" -}}/var/lib/shoal-install{{- end }}

{{/* Of `shoal install` and `shoal uninstall` alike. CRI-O reads what Podman reads. */}}
{{- define "shoal.nodeArguments" -}}
{{- $families := dict "docker" "docker" "crio" "podman" }}
{{- $family := get $families .Values.node.runtime | default "containerd" }}
{{- $arguments := list "--host-root" "/host" "--state-dir" (include "shoal.installStateDir" .) "--runtime" $family }}
{{- toJson (concat $arguments .Values.node.extraArguments) }}
{{- end }}

{{/* dockerd and CRI-O read their configuration again when they are sent SIGHUP, for which they must be seen. */}}
{{- define "shoal.needsHostProcesses" -}}
{{- if has .Values.node.runtime (list "docker" "crio") }}true{{ end }}
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

{{/*
  The blobs of containerd's content store, of which settings.cache.containerdContent names the directory or one above it.
  Only they: the directories above are root's alone, these and their files may be read by every user who gets to them.
*/}}
{{- define "shoal.containerdBlobs" -}}
{{- $store := "io.containerd.content.v1.content" }}
{{- with .Values.settings.cache.containerdContent }}
{{- $root := trimSuffix "/" . }}
{{- if hasSuffix (printf "/%s" $store) $root }}{{ $root }}/blobs{{ else }}{{ $root }}/{{ $store }}/blobs{{ end }}
{{- end }}
{{- end }}

{{/* Root, since the runtimes' files are root's; without a single capability. */}}
{{- define "shoal.rootWithoutCapabilities" -}}
runAsUser: 0
runAsGroup: 0
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
