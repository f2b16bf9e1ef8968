"""A program that knows nothing of pipelines, run as `opentelemetry-instrument python app.py`.

It uses the global tracer, as libraries do, and never reads TRACEPARENT: its spans have a trace of their own, and the host
adopts them by the token that they came with.
"""

from opentelemetry import trace

tracer = trace.get_tracer("forensic.tests.app")

with tracer.start_as_current_span("app.main"):
    with tracer.start_as_current_span("app.step") as step:
        step.set_attribute("step.number", 1)
print("sent 2")
