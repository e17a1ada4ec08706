{{/* Where the pods of the agent and of the uninstall hook run: on the same nodes. */}}
{{- define "shoal.podPlacement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (dict "root" $ "path" "/healthz"). On the node's loopback while the agent listens nowhere else. */}}
{{- define "shoal.probe" -}}
httpGet:
  {{- if include "shoal.isLoopback" (include "shoal.adminListen" .root) }}
  host: {{ ternary "::1" "127.0.0.1" (hasPrefix "[" (include "shoal.adminListen" .root)) | quote }}
  {{- end }}
  path: {{ .path }}
  port: {{ include "shoal.adminPort" .root }}
{{- end }}
