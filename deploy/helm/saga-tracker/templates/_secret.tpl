{{/* What an ExternalSecret fetches. Takes name and root. */}}
{{- define "saga-tracker.externalSecretSpec" -}}
{{- $external := .root.Values.externalSecret -}}
refreshInterval: {{ $external.refreshInterval }}
secretStoreRef:
  kind: {{ $external.store.kind }}
  name: {{ required "externalSecret.store.name: the SecretStore or ClusterSecretStore to fetch from" $external.store.name }}
target:
  name: {{ .name }}
{{- if $external.data }}
data:
  {{- range $variable, $remote := $external.data }}
  - secretKey: {{ $variable }}
    remoteRef:
      {{- toYaml $remote | nindent 6 }}
  {{- end }}
{{- end }}
{{- with $external.dataFrom }}
dataFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
