{{/* The release's name, with the chart's unless that is part of it. */}}
{{- define "saga-tracker.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "saga-tracker.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Which commands of saga-server run as Deployments. Each has its own Service, autoscaling, disruption budget, network policy and
     monitor, by the same keys of the values. */}}
{{- define "saga-tracker.commands" -}}
- serve
{{- if .Values.gateway.enabled }}
- gateway
{{- end }}
{{- end -}}

{{/* The name of what belongs to a command, and what its pods are selected by. These take root and command. */}}
{{- define "saga-tracker.name" -}}
{{ include "saga-tracker.fullname" .root }}{{ if eq .command "gateway" }}-gateway{{ end }}
{{- end -}}

{{- define "saga-tracker.podSelector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}{{ if eq .command "gateway" }}-gateway{{ end }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "saga-tracker.labelsOf" -}}
{{ include "saga-tracker.podSelector" . }}
{{ include "saga-tracker.versionLabels" .root }}
{{- end -}}

{{- define "saga-tracker.versionLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "saga-tracker.labels" -}}
{{ include "saga-tracker.selector" . }}
{{ include "saga-tracker.versionLabels" . }}
{{- end -}}

{{- define "saga-tracker.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "saga-tracker.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "saga-tracker.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* saga-server.yml: the values of config, and the keys that the chart sets. */}}
{{- define "saga-tracker.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.definitions -}}
{{- $_ := set $config "definitionsDir" "/etc/saga-tracker/definitions" -}}
{{- end -}}
{{- include "saga-tracker.withChartKeys" (dict "root" . "config" $config) -}}
{{- end -}}

{{/* The same for the gateway. Sources stay with the collector, which keeps dead letters in the database while their topic is unavailable,
     unless gateway.config has some. */}}
{{- define "saga-tracker.gatewayConfig" -}}
{{- $config := mergeOverwrite (deepCopy (omit .Values.config "sources")) (deepCopy .Values.gateway.config) -}}
{{- include "saga-tracker.withChartKeys" (dict "root" . "config" $config) -}}
{{- end -}}

{{- define "saga-tracker.withChartKeys" -}}
{{- $config := .config -}}
{{- $_ := set $config "listen" "0.0.0.0:8086" -}}
{{- $_ := set $config "shutdownTimeout" (printf "%ds" (int .root.Values.shutdownTimeoutSeconds)) -}}
{{- if .root.Values.mappings -}}
{{- $gateway := get $config "gateway" | default dict -}}
{{- $_ := set $gateway "mappingsDir" "/etc/saga-tracker/mappings" -}}
{{- $_ := set $config "gateway" $gateway -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The Secret of a command's environment. The gateway has that of the collector unless it has one of its own. */}}
{{- define "saga-tracker.secret" -}}
{{- $values := .root.Values -}}
{{- $own := and (eq .command "gateway") (or $values.gateway.secret.existing $values.gateway.secret.values) -}}
{{- if $own -}}
{{- $values.gateway.secret.existing | default (include "saga-tracker.name" .) -}}
{{- else -}}
{{- $values.secret.existing | default (include "saga-tracker.fullname" .root) -}}
{{- end -}}
{{- end -}}

{{/* Who the container is and what it may do: as little as possible. */}}
{{- define "saga-tracker.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "saga-tracker.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Hooks run before the release's own objects are there, so they have copies of what they read. */}}
{{- define "saga-tracker.hookAnnotations" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- define "saga-tracker.hookSecret" -}}
{{- .Values.secret.existing | default (printf "%s-hooks" (include "saga-tracker.fullname" .)) -}}
{{- end -}}

{{/* The pod of a job: a command of the same image, with the same settings. Takes name, weight, args and root. */}}
{{- define "saga-tracker.job" -}}
{{- $ := .root -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "saga-tracker.fullname" $ }}-{{ .name }}
  labels:
    {{- include "saga-tracker.labels" $ | nindent 4 }}
  annotations:
    {{- include "saga-tracker.hookAnnotations" . | nindent 4 }}
spec:
  backoffLimit: 5
  activeDeadlineSeconds: 900
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {{ $.Chart.Name }}-{{ .name }}
        app.kubernetes.io/instance: {{ $.Release.Name }}
        {{- with $.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with $.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "saga-tracker.podSecurity" $ | nindent 8 }}
      containers:
        - name: {{ .name }}
          image: {{ include "saga-tracker.image" $ }}
          imagePullPolicy: {{ $.Values.image.pullPolicy }}
          args:
            {{- toYaml .args | nindent 12 }}
          env:
            - name: SAGA_SERVER_CONFIG
              value: /etc/saga-tracker/saga-server.yml
            {{- with $.Values.env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          envFrom:
            - secretRef:
                name: {{ include "saga-tracker.hookSecret" $ }}
          resources:
            requests:
              cpu: 50m
              memory: 64Mi
            limits:
              memory: 256Mi
          securityContext:
            {{- include "saga-tracker.containerSecurity" $ | nindent 12 }}
          volumeMounts:
            - name: config
              mountPath: /etc/saga-tracker/saga-server.yml
              subPath: saga-server.yml
              readOnly: true
            {{- with $.Values.volumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ include "saga-tracker.fullname" $ }}-hooks
        {{- with $.Values.volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $.Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $.Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
