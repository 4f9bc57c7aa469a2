{{/* The metadata of a resource of Strimzi: the operators watch the namespace of the Kafka cluster. Takes name and root. */}}
{{- define "saga-tracker.strimziMetadata" -}}
name: {{ .name }}
{{- with .root.Values.strimzi.namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "saga-tracker.labels" .root | nindent 2 }}
  strimzi.io/cluster: {{ required "strimzi.cluster: the name of the Kafka resource whose operator makes topics and user" .root.Values.strimzi.cluster }}
{{- end -}}

{{/* Whether the User Operator's Secret is in the collector's namespace and holds its password. */}}
{{- define "saga-tracker.strimziPassword" -}}
{{- $strimzi := .Values.strimzi -}}
{{- if and $strimzi.enabled $strimzi.user.enabled (eq $strimzi.user.authentication "scram-sha-512") (or (not $strimzi.namespace) (eq $strimzi.namespace .Release.Namespace)) -}}
true
{{- end -}}
{{- end -}}

{{/* The KafkaUser's name, which is the username. */}}
{{- define "saga-tracker.strimziUser" -}}
{{- $kafka := include "saga-tracker.kafka" . | fromYaml -}}
{{- if eq .Values.strimzi.user.authentication "scram-sha-512" -}}
{{- if or (ne $kafka.mechanism "SCRAM-SHA-512") (not $kafka.username) -}}
{{- fail "strimzi.user: config.kafka.security must have the mechanism SCRAM-SHA-512 and the username that the KafkaUser gets" -}}
{{- end -}}
{{- $kafka.username -}}
{{- else -}}
{{- $kafka.username | default (include "saga-tracker.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* Whether a job creates the topics: not where the Topic Operator does. */}}
{{- define "saga-tracker.topicsJob" -}}
{{- if and .Values.topics.enabled (not .Values.strimzi.enabled) -}}
true
{{- end -}}
{{- end -}}
