"""What a process counts of itself for `/metrics`; no name or address is a label."""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter(
    "menting_requests",
    "Requests by what answers them.",
    ["kind"],
    registry=REGISTRY,
)
EVENTS = Counter(
    "menting_events",
    "Events that platforms told and that are stored.",
    ["channel", "type"],
    registry=REGISTRY,
)
SENDS = Counter(
    "menting_sends",
    "Outcomes of what was to be sent from here.",
    ["channel", "kind", "outcome"],
    registry=REGISTRY,
)
#: From a memory's speed to a disk that is about to fail.
FDATASYNC = Histogram(
    "menting_spool_fdatasync_seconds",
    "How long the disk took to keep a batch of visits.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
    registry=REGISTRY,
)
