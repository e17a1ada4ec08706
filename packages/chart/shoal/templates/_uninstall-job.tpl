{{/* A Job that asks the API server by files/daemonset.mjs: (dict "root" $ "name" … "weight" … "arguments" (list …)). */}}
{{- define "shoal.uninstallJob" -}}
{{- $restore := printf "%s-restore" (include "shoal.fullname" .root) }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "shoal.labels" (dict "root" .root "component" "uninstall") | nindent 4 }}
  annotations:
    helm.sh/hook: pre-delete
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  {{- /* What can be tried again is, within the time; after it nothing is, and helm says so. */}}
  backoffLimit: 0
  activeDeadlineSeconds: {{ add .root.Values.uninstall.timeoutSeconds 15 }}
  template:
    metadata:
      labels: {{- include "shoal.labels" (dict "root" .root "component" "uninstall") | nindent 8 }}
    spec:
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      nodeSelector:
        kubernetes.io/os: linux
      tolerations: {{- toYaml .root.Values.tolerations | nindent 8 }}
      serviceAccountName: {{ $restore }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      restartPolicy: Never
      terminationGracePeriodSeconds: 5
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .root.Values.user.uid }}
        runAsGroup: {{ .root.Values.user.gid }}
        fsGroup: {{ .root.Values.user.gid }}
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: hook
          image: {{ include "shoal.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command:
            - node
            - /hook/daemonset.mjs
            {{- range .arguments }}
            - {{ . | quote }}
            {{- end }}
            - {{ .root.Values.uninstall.timeoutSeconds | quote }}
          securityContext: {{- include "shoal.leastPrivilege" .root | nindent 12 }}
          resources: {{- toYaml .root.Values.installerResources | nindent 12 }}
          volumeMounts:
            - name: hook
              mountPath: /hook
              readOnly: true
      volumes:
        - name: hook
          configMap:
            name: {{ $restore }}
{{- end }}
