import java.nio.file.Files;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.api.HealthApi;
import org.openapitools.client.api.OperationApi;
import org.openapitools.client.api.SagasApi;
import org.openapitools.client.model.*;
import org.openapitools.client.model.Error;

/**
 * A client of the API as a stranger has it: made by a generator from docs/openapi.json, and called with its own types.
 *
 * <p>It records a saga that fails, finds it by pages, reads and corrects it, and is refused as the description says. Arguments: the
 * URL, the token of an operator. Any failure ends it with a message on standard error and a status that is not 0.
 */
public final class GeneratedClient {
    private static final List<String> SAGAS = List.of("java-1", "java-2", "java-3");
    /** Long enough ago for its compensation to be overdue. */
    private static final OffsetDateTime BEGAN =
            OffsetDateTime.now(ZoneOffset.UTC).truncatedTo(ChronoUnit.MILLIS).minusHours(2);

    private final ApiClient client;
    private final SagasApi sagas;
    private final OperationApi operation;

    private GeneratedClient(String url, String token) {
        client = new ApiClient();
        client.updateBaseUri(url);
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        sagas = new SagasApi(client);
        operation = new OperationApi(client);
    }

    public static void main(String[] args) throws Exception {
        GeneratedClient program = new GeneratedClient(args[0], args[1]);
        program.record();
        program.untilStored();
        program.read();
        program.find();
        program.sumUp();
        program.correct();
        program.beRefused(args[0]);
    }

    private static Event event(String sagaId, int number, String step, SagaStatus status) {
        return new Event()
                .eventId(sagaId + "-" + number)
                .sagaId(sagaId)
                .sagaType("ORDER_CREATION")
                .step(step)
                .status(status)
                .orderId("ORD-" + sagaId)
                .recordedAt(BEGAN.plusSeconds(number))
                .putMetadataItem("producerService", "order-service")
                .putMetadataItem("customerId", "Zoë")
                .putMetadataItem("items", List.of(Map.of("sku", "A-1")));
    }

    private void record() throws Exception {
        var events = new EventsApi(client);
        for (String sagaId : SAGAS) {
            EventsAnswer answer = events.recordEvents(
                    List.of(
                            event(sagaId, 0, "ORDER_CREATED", SagaStatus.STARTED),
                            event(sagaId, 1, "STOCK_RESERVED", SagaStatus.COMPLETED),
                            event(sagaId, 2, "PAYMENT_FAILED", SagaStatus.FAILED)
                                    .putMetadataItem("failureReason", "no funds")),
                    null);
            check(answer.getAccepted() == 3, answer);
            check(answer.getResults().stream().allMatch(it -> it.getOutcome() == EventOutcome.ACCEPTED), answer);
        }
        Event wrong = event("java-1", 9, "not a step", SagaStatus.FAILED);
        Error error = refused(400, () -> events.recordEvents(List.of(wrong), null));
        check(error.getResults().get(0).getOutcome() == EventOutcome.REFUSED, error);
    }

    private void untilStored() throws Exception {
        for (String sagaId : SAGAS) {
            eventually(() -> stepsOf(sagaId) == 3);
        }
        eventually(() -> sagas.attention(5, null).getOwing().getTotal() >= 3);
        eventually(() -> !operation.deadLetters(letters()).getContent().isEmpty());
    }

    private static void eventually(Callable<Boolean> holds) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!holds.call()) {
            check(System.nanoTime() < end, "it did not come true in 60 s");
            Thread.sleep(50);
        }
    }

    private static OperationApi.APIDeadLettersRequest letters() {
        return OperationApi.APIDeadLettersRequest.newBuilder().size(1).build();
    }

    private long stepsOf(String sagaId) throws ApiException {
        try {
            return sagas.saga(sagaId, null).getStepCount();
        } catch (ApiException error) {
            check(error.getCode() == 404, error);
            return 0;
        }
    }

    private void read() throws ApiException {
        Saga saga = sagas.saga("java-1", null);
        check(saga.getCurrentStatus() == SagaStatus.FAILED && saga.getFailedStep().equals("PAYMENT_FAILED"), saga);
        check(saga.getOutstandingCompensations().contains("STOCK_RESERVED"), saga);
        check(saga.getFailureReason().equals("no funds") && saga.getExpected() == null, saga);
        check(saga.getStartedAt().isEqual(BEGAN) && saga.getFreshness().getUpToDate() != null, saga);
        check(sagas.saga("java-1", BEGAN.toString()).getStepCount() == 1, saga);
        Steps steps = sagas.steps("java-1", null, null);
        check(steps.getSteps().stream().map(StepEntry::getStep).toList()
                .equals(List.of("ORDER_CREATED", "STOCK_RESERVED", "PAYMENT_FAILED")), steps);
        StepEntry first = steps.getSteps().get(0);
        check(first.getMetadata().get("items").equals(List.of(Map.of("sku", "A-1"))), steps);
        check(first.getMetadata().get("customerId").equals("Zoë") && first.getTraceId() == null, steps);
    }

    /** Page by page, and as a file. Filters of metadata are in "q", since this generator sends no object as parameters. */
    private void find() throws Exception {
        String day = LocalDate.from(BEGAN).toString();
        List<String> found = new ArrayList<>();
        String cursor = null;
        do {
            var filters = SagasApi.APISagasRequest.newBuilder().size(2).fromDate(day).status(SagaStatus.FAILED);
            SagasPage page = sagas.sagas(filters.q("customerId:Zoë").cursor(cursor).build());
            check(page.getPage().getTotalElements() >= 3, page);
            page.getContent().forEach(saga -> found.add(saga.getSagaId()));
            cursor = page.getNextCursor();
        } while (cursor != null);
        check(found.containsAll(SAGAS) && found.stream().distinct().count() == found.size(), found);
        var file = sagas.sagasTable(SagasApi.APISagasTableRequest.newBuilder().fromDate(day).build());
        check(SAGAS.stream().allMatch(Files.readString(file.toPath())::contains), file);
    }

    private void sumUp() throws ApiException {
        Statistics totals = sagas.statistics(null, null, null, "ORDER_CREATION", null);
        check(totals.getByStatus().get("FAILED") >= 3, totals);
        check(totals.getByType().get("ORDER_CREATION").equals(totals.getTotal()), totals);
        Attention late = sagas.attention(5, null);
        check(late.getOwing().getGroups().stream()
                .anyMatch(group -> group.getStep().equals("STOCK_RESERVED") && group.getSagas() >= 3), late);
        LettersPage letters = operation.deadLetters(letters());
        check(letters.getContent().get(0).getPayload().getText().equals("no event"), letters);
        Readiness parts = new HealthApi(client).readiness();
        check(parts.getComponents().get("db").getActualInstance() instanceof ComponentUp, parts);
    }

    private void correct() throws Exception {
        Correction order = new Correction().status(SagaStatus.COMPENSATED).reason("undone by hand");
        Corrected corrected = operation.correctStatus("java-1", order);
        check(corrected.getPreviousStatus() == SagaStatus.FAILED, corrected);
        check(corrected.getCurrentStatus() == SagaStatus.COMPENSATED, corrected);
        Error again = refused(409, () -> operation.correctStatus("java-1", order));
        check(again.getError() == ErrorCode.CONFLICT, again);
    }

    private void beRefused(String url) throws Exception {
        var tooMany = SagasApi.APISagasRequest.newBuilder().size(1000).build();
        Error error = refused(400, () -> sagas.sagas(tooMany));
        check(error.getError() == ErrorCode.BAD_REQUEST && error.getDetails().containsKey("size"), error);
        Error missing = refused(404, () -> sagas.saga("java-none", null));
        check(missing.getError() == ErrorCode.NOT_FOUND, missing);
        GeneratedClient stranger = new GeneratedClient(url, "nobody's");
        Error unknown = refused(401, () -> stranger.sagas.attention(5, null));
        check(unknown.getError() == ErrorCode.UNAUTHORIZED, unknown);
    }

    private interface Call {
        void run() throws ApiException;
    }

    /** The error that the call must end with. */
    private Error refused(int status, Call call) throws Exception {
        try {
            call.run();
        } catch (ApiException error) {
            check(error.getCode() == status, error);
            return client.getObjectMapper().readValue(error.getResponseBody(), Error.class);
        }
        throw new AssertionError("not refused with " + status);
    }

    private static void check(boolean holds, Object seen) {
        if (!holds) {
            throw new AssertionError(String.valueOf(seen));
        }
    }
}
