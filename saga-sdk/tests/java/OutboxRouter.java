import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.debezium.data.Envelope;
import io.debezium.time.ZonedTimestamp;
import io.debezium.transforms.outbox.EventRouter;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;

/**
 * Debezium's outbox event router, as a connector's configuration sets it up, on rows as its PostgreSQL connector reads
 * them. Arguments: the configuration's file. Standard input: {"columns": [[name, type]], "rows": [{column: value}]}.
 * Prints each record as a line of JSON, with key and value as they go to Kafka, in hex.
 */
public final class OutboxRouter {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        Map<String, String> config = new HashMap<>();
        JSON.readTree(new File(args[0])).get("config").fields()
                .forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        Converter keys = converter(config, "key.converter", true);
        Converter values = converter(config, "value.converter", false);
        var headers = (HeaderConverter) make(config, "header.converter");
        headers.configure(Map.of("converter.type", "header"));
        try (var router = new EventRouter<SourceRecord>()) {
            Map<String, String> settings = new HashMap<>();
            config.forEach((key, value) -> {
                if (key.startsWith("transforms.outbox.") && !key.endsWith(".type")) {
                    settings.put(key.substring("transforms.outbox.".length()), value);
                }
            });
            router.configure(settings);
            JsonNode table = JSON.readTree(System.in);
            for (JsonNode row : table.get("rows")) {
                SourceRecord sent = router.apply(inserted(table.get("columns"), row));
                Map<String, Object> shown = new TreeMap<>();
                sent.headers().forEach(header -> {
                    byte[] value = headers.fromConnectHeader(sent.topic(), header.key(), header.schema(), header.value());
                    shown.put(header.key(), value == null ? null : new String(value, StandardCharsets.UTF_8));
                });
                System.out.println(JSON.writeValueAsString(Map.of(
                        "topic", sent.topic(),
                        "key", hex(keys.fromConnectData(sent.topic(), sent.keySchema(), sent.key())),
                        "value", hex(values.fromConnectData(sent.topic(), sent.valueSchema(), sent.value())),
                        "headers", shown)));
            }
        }
    }

    /** A row that was inserted, with the types that the connector gives PostgreSQL's columns. */
    private static SourceRecord inserted(JsonNode columns, JsonNode row) {
        SchemaBuilder fields = SchemaBuilder.struct().name("order-service.public.saga_outbox.Value").optional();
        columns.forEach(column -> fields.field(column.get(0).asText(), type(column.get(1).asText())));
        Schema schema = fields.build();
        Struct after = new Struct(schema);
        schema.fields().forEach(field -> after.put(field, value(field.schema(), row.get(field.name()))));
        Schema source = SchemaBuilder.struct().name("source").build();
        Envelope envelope = Envelope.defineSchema()
                .withName("order-service.public.saga_outbox.Envelope").withRecord(schema).withSource(source).build();
        Struct change = envelope.create(after, new Struct(source), Instant.now());
        String topic = "order-service.public.saga_outbox";
        return new SourceRecord(Map.of(), Map.of(), topic, null, null, envelope.schema(), change);
    }

    private static Schema type(String type) {
        return switch (type) {
            case "bigint" -> Schema.OPTIONAL_INT64_SCHEMA;
            case "text" -> Schema.OPTIONAL_STRING_SCHEMA;
            case "bytea" -> Schema.OPTIONAL_BYTES_SCHEMA;
            case "timestamp with time zone" -> ZonedTimestamp.builder().optional().build();
            default -> throw new IllegalArgumentException("a column of type " + type);
        };
    }

    private static Object value(Schema schema, JsonNode value) {
        if (value.isNull()) {
            return null;
        }
        return switch (schema.type()) {
            case INT64 -> value.asLong();
            case BYTES -> ByteBuffer.wrap(HexFormat.of().parseHex(value.asText().substring(2)));
            default -> value.asText();
        };
    }

    private static Converter converter(Map<String, String> config, String key, boolean isKey) throws Exception {
        var converter = (Converter) make(config, key);
        converter.configure(Map.of(), isKey);
        return converter;
    }

    private static Object make(Map<String, String> config, String key) throws Exception {
        return Class.forName(config.get(key)).getConstructor().newInstance();
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
