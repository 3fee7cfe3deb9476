"""The product's own settings: ledger, crawl, validation. Every one is an environment variable of the same name."""

from . import env

# Ledger (RELIABILITY.md). Seconds.
PIXTASKS_LEASE_SECONDS = env.decimal("PIXTASKS_LEASE_SECONDS", 30, minimum=1)
PIXTASKS_HEARTBEAT_SECONDS = env.decimal("PIXTASKS_HEARTBEAT_SECONDS", PIXTASKS_LEASE_SECONDS / 3, minimum=0.1)
PIXTASKS_WORKER_BEAT_SECONDS = env.decimal("PIXTASKS_WORKER_BEAT_SECONDS", 5, minimum=0.5)
PIXTASKS_DISPATCH_TICK_SECONDS = env.decimal("PIXTASKS_DISPATCH_TICK_SECONDS", 0.5, minimum=0.05)
PIXTASKS_TERMINATE_AFTER_SECONDS = env.decimal("PIXTASKS_TERMINATE_AFTER_SECONDS", 5)
PIXTASKS_MAX_CRASHES = env.number("PIXTASKS_MAX_CRASHES", 3, minimum=1)
PIXTASKS_WORKERS = env.number("PIXTASKS_WORKERS", 2, minimum=1)

# Private writable memory of one pool child, in megabytes; 0 = unlimited.
PIXTASKS_WORKER_MEMORY_LIMIT_MB = env.number("PIXTASKS_WORKER_MEMORY_LIMIT_MB", 2000)

# Starts per window, fleet-wide and exact: "bucket=limit/seconds"; 0 = unlimited. "engine:*" is the default of
# every engine that has no entry of its own (CONTRACT J29, J34, X17).
PIXTASKS_RATE_LIMITS = {
    "engine:*": "10/60",
    "validation:fast": "1000/60",
    "validation:medium": "500/60",
    "validation:slow": "100/60",
    **env.mapping("PIXTASKS_RATE_LIMITS", {}),
}

# Crawl.
PIXTASKS_USER_AGENT_CONTACT = env.text("PIXTASKS_USER_AGENT_CONTACT", "https://example.com/contact")
PIXTASKS_FETCH_CONCURRENCY = env.number("PIXTASKS_FETCH_CONCURRENCY", 64, minimum=1)
PIXTASKS_FETCH_PER_HOST = env.number("PIXTASKS_FETCH_PER_HOST", 32, minimum=1)
PIXTASKS_FETCH_MAX_BYTES = env.number("PIXTASKS_FETCH_MAX_BYTES", 25_000_000, minimum=1)
PIXTASKS_FETCH_CONNECT_SECONDS = env.decimal("PIXTASKS_FETCH_CONNECT_SECONDS", 10, minimum=0.1)
PIXTASKS_FETCH_READ_SECONDS = env.decimal("PIXTASKS_FETCH_READ_SECONDS", 15, minimum=0.1)
PIXTASKS_FETCH_TOTAL_SECONDS = env.decimal("PIXTASKS_FETCH_TOTAL_SECONDS", 60, minimum=0.1)
PIXTASKS_FETCH_MAX_REDIRECTS = env.number("PIXTASKS_FETCH_MAX_REDIRECTS", 5)
PIXTASKS_DIRECTORY_ROOTS = env.words("PIXTASKS_DIRECTORY_ROOTS")

# The route that serves the pictures of the offline engine; see jobs/engines/sample.
PIXTASKS_SAMPLES = env.flag("PIXTASKS_SAMPLES", env.text("PIXTASKS_PROFILE", "development") == "development")

# Validation. A batch of 40 makes 100 images three tasks (CONTRACT X15).
PIXTASKS_VALIDATION_BATCH_SIZE = env.number("PIXTASKS_VALIDATION_BATCH_SIZE", 40, minimum=1)
PIXTASKS_MAX_IMAGE_PIXELS = env.number("PIXTASKS_MAX_IMAGE_PIXELS", 40_000_000, minimum=1)
PIXTASKS_VALIDATION_THRESHOLDS = env.mapping("PIXTASKS_VALIDATION_THRESHOLDS", {})
# Issues that are remarks: an image that has only these stays valid. Set it empty to make every issue count.
PIXTASKS_VALIDATION_WARNINGS = env.words(
    "PIXTASKS_VALIDATION_WARNINGS",
    (
        "wrong_extension",
        "wrong_content_type",
        "animated",
        "odd_color_mode",
        "blurry",
        "dark",
        "light",
        "low_contrast",
        "low_entropy",
        "odd_aspect",
        "near_duplicate",
    ),
)

# How long an answer is replayed under its Idempotency-Key. Seconds.
PIXTASKS_IDEMPOTENCY_SECONDS = env.number("PIXTASKS_IDEMPOTENCY_SECONDS", 86_400, minimum=1)

# Webhooks: seconds that a receiver has for its answer, and how long ended deliveries stay in the log.
PIXTASKS_WEBHOOK_SECONDS = env.decimal("PIXTASKS_WEBHOOK_SECONDS", 10, minimum=0.1)
PIXTASKS_WEBHOOK_KEEP_DAYS = env.number("PIXTASKS_WEBHOOK_KEEP_DAYS", 90, minimum=1)

# How long dialect C answers about a finished task from the cache; 0 = always from the database. Seconds.
PIXTASKS_STATUS_CACHE_SECONDS = env.number("PIXTASKS_STATUS_CACHE_SECONDS", 10)
