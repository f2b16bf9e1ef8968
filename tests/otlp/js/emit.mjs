// A stage in JavaScript that is instrumented by hand: sends spans to wherever the standard OTEL_* variables point.
//
//     node emit.mjs http|proto|grpc [EXTRA]
//
// The first argument chooses the exporter: OTLP/HTTP with JSON, OTLP/HTTP with protobuf, OTLP/gRPC. One parent span below
// TRACEPARENT, two children, and EXTRA more children (default 0). Prints `sent N`.

import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  context,
  defaultTextMapGetter,
  propagation,
  trace,
} from "@opentelemetry/api";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const exporters = {
  http: "@opentelemetry/exporter-trace-otlp-http",
  proto: "@opentelemetry/exporter-trace-otlp-proto",
  grpc: "@opentelemetry/exporter-trace-otlp-grpc",
};
const [way, extra = "0"] = process.argv.slice(2);
if (!(way in exporters)) {
  console.error("usage: node emit.mjs http|proto|grpc [EXTRA]");
  process.exit(2);
}
const { OTLPTraceExporter } = await import(exporters[way]);
const count = Number(extra);
const provider = new NodeTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(), { maxQueueSize: Math.max(2048, 2 * count) })],
});
// Sets the W3C propagator too, which reads the carrier below.
provider.register();
const tracer = trace.getTracer("forensic.tests.emit", "1.0");

// What puts a program's spans below its stage.
const carrier = { traceparent: process.env.TRACEPARENT, tracestate: process.env.TRACESTATE };
const outer = propagation.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);

const parent = tracer.startSpan(
  "emit.parent",
  {
    kind: SpanKind.SERVER,
    attributes: {
      int: 2 ** 53 - 1,
      float: 1e300,
      small: 0.1,
      bool: true,
      text: "Grüße, 世界 🦀",
      empty: "",
      texts: ["a", "ü"],
      ints: [1, 2],
      bools: [true, false],
    },
  },
  outer,
);
const inside = trace.setSpan(outer, parent);

const first = tracer.startSpan("emit.first", {}, inside);
first.addEvent("checkpoint", { rows: 42 });
first.end();

const elsewhere = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.SAMPLED,
};
const links = [{ context: elsewhere, attributes: { why: "retry of" } }];
const second = tracer.startSpan("emit.second", { links }, inside);
second.recordException(new Error("the second child fails on purpose"));
second.setStatus({ code: SpanStatusCode.ERROR, message: "the second child fails on purpose" });
second.end();

for (let number = 0; number < count; number++) {
  context.with(inside, () => tracer.startSpan(`emit.extra.${number % 10}`, { attributes: { number } }).end());
}
parent.end();
// A receiver that says no must not fail the stage.
await provider.shutdown().catch((error) => console.error(`telemetry was not taken: ${error.message}`));
console.log(`sent ${3 + count}`);
