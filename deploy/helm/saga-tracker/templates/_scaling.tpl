{{/* How fast the number of instances changes, by HPA and by KEDA: each change moves partitions, so fewer of them. */}}
{{- define "saga-tracker.scalingBehavior" -}}
scaleUp:
  policies:
    - type: Pods
      value: 1
      periodSeconds: 120
scaleDown:
  stabilizationWindowSeconds: 900
  policies:
    - type: Pods
      value: 1
      periodSeconds: 300
{{- end -}}

{{/* Settings of Kafka as the collector has them, with its own defaults. */}}
{{- define "saga-tracker.kafka" -}}
{{- $kafka := .Values.config.kafka | default dict -}}
{{- $security := $kafka.security | default dict -}}
bootstrapServers: {{ $kafka.bootstrapServers | default "" | quote }}
topic: {{ $kafka.topic | default "c4ang.saga.tracker" | quote }}
deadLetterTopic: {{ $kafka.deadLetterTopic | default "c4ang.saga.tracker.dlt" | quote }}
group: {{ $kafka.group | default "saga-tracker-service" | quote }}
protocol: {{ $security.protocol | default "plaintext" | lower | quote }}
mechanism: {{ $security.mechanism | default "" | upper | quote }}
username: {{ $security.username | default "" | quote }}
caFile: {{ $security.caFile | default "" | quote }}
{{- end -}}
