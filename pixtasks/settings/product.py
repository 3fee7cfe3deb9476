"""The product's own settings: ledger, crawl, validation. Every one is an environment variable of the same name."""

from . import env

# Ledger (RELIABILITY.md). Seconds.
PIXTASKS_LEASE_SECONDS = env.decimal("PIXTASKS_LEASE_SECONDS", 30, minimum=1)
PIXTASKS_HEARTBEAT_SECONDS = env.decimal("PIXTASKS_HEARTBEAT_SECONDS", PIXTASKS_LEASE_SECONDS / 3, minimum=0.1)
PIXTASKS_WORKER_BEAT_SECONDS = env.decimal("PIXTASKS_WORKER_BEAT_SECONDS", 5, minimum=0.5)
PIXTASKS_DISPATCH_TICK_SECONDS = env.decimal("PIXTASKS_DISPATCH_TICK_SECONDS", 0.5, minimum=0.05)
# When a message that nobody answers is sent again; each further wait is twice as long, a minute at most.
_redis = env.text("REDIS_URL") or env.text("PIXTASKS_PROFILE", "development") == "production"
PIXTASKS_RING_AGAIN_SECONDS = env.decimal("PIXTASKS_RING_AGAIN_SECONDS", 10 if _redis else 5, minimum=0.5)
PIXTASKS_TERMINATE_AFTER_SECONDS = env.decimal("PIXTASKS_TERMINATE_AFTER_SECONDS", 5)
# How long a task waits that found the database gone, the disk full or no file descriptor left; it costs no retry.
PIXTASKS_TROUBLE_WAIT_SECONDS = env.decimal("PIXTASKS_TROUBLE_WAIT_SECONDS", 15, minimum=0.1)
# How long a request waits for a lock of PostgreSQL before it is answered 503; 0 = as long as it takes.
PIXTASKS_LOCK_WAIT_SECONDS = env.decimal("PIXTASKS_LOCK_WAIT_SECONDS", 10)
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
# Seconds between two starts at one host; the longest Retry-After that is waited for; failures in a row after which a
# server is left alone for a while (0 = never).
PIXTASKS_FETCH_DELAY_PER_HOST = env.decimal("PIXTASKS_FETCH_DELAY_PER_HOST", 0)
PIXTASKS_FETCH_HOLD_SECONDS = env.decimal("PIXTASKS_FETCH_HOLD_SECONDS", 60)
PIXTASKS_FETCH_BREAKER_FAILURES = env.number("PIXTASKS_FETCH_BREAKER_FAILURES", 10)
# Manners (docs/manners.md): "obey" asks for every site's robots.txt, "ignore" for none.
PIXTASKS_ROBOTS = env.choice("PIXTASKS_ROBOTS", "obey", ("obey", "ignore"))
PIXTASKS_ROBOTS_TAG = env.flag("PIXTASKS_ROBOTS_TAG", True)
PIXTASKS_TDM_RESERVATION = env.flag("PIXTASKS_TDM_RESERVATION", True)
# Whether every site's tdmrep.json is asked for, one request a day; who ignores the header need not ask.
PIXTASKS_TDM_FILE = env.flag("PIXTASKS_TDM_FILE", PIXTASKS_TDM_RESERVATION)
PIXTASKS_DIRECTORY_ROOTS = env.words("PIXTASKS_DIRECTORY_ROOTS")

# Sources of images: where they are asked instead of at their own address (name=https://mirror.example), and which of
# the engines that are off by default may be used. See docs/engines.
PIXTASKS_ENGINE_URLS = env.mapping("PIXTASKS_ENGINE_URLS", {})
PIXTASKS_ENGINES_ENABLED = env.words("PIXTASKS_ENGINES_ENABLED")

# Who asks Openverse; without them anybody does, and gets less.
PIXTASKS_OPENVERSE_CLIENT_ID = env.text("PIXTASKS_OPENVERSE_CLIENT_ID").strip()
PIXTASKS_OPENVERSE_CLIENT_SECRET = env.text("PIXTASKS_OPENVERSE_CLIENT_SECRET").strip()

# Keys of the sources that want one; an engine without its key cannot be started.
PIXTASKS_GOOGLE_API_KEY = env.text("PIXTASKS_GOOGLE_API_KEY").strip()
PIXTASKS_GOOGLE_CX = env.text("PIXTASKS_GOOGLE_CX").strip()
PIXTASKS_FLICKR_API_KEY = env.text("PIXTASKS_FLICKR_API_KEY").strip()
PIXTASKS_PEXELS_API_KEY = env.text("PIXTASKS_PEXELS_API_KEY").strip()
PIXTASKS_PIXABAY_API_KEY = env.text("PIXTASKS_PIXABAY_API_KEY").strip()
PIXTASKS_BRAVE_API_KEY = env.text("PIXTASKS_BRAVE_API_KEY").strip()
# The circuit breaker of each engine: after so many passing failures in a row it is left alone, at first for so many
# seconds, each further time for twice as long.
PIXTASKS_ENGINE_FAILURES = env.number("PIXTASKS_ENGINE_FAILURES", 5, minimum=1)
PIXTASKS_ENGINE_RETRY_SECONDS = env.decimal("PIXTASKS_ENGINE_RETRY_SECONDS", 30, minimum=0.1)
PIXTASKS_ENGINE_RETRY_MOST_SECONDS = env.decimal("PIXTASKS_ENGINE_RETRY_MOST_SECONDS", 900, minimum=0.1)

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

# How long cancelling a gather waits for its worker to save what is finished. Seconds.
PIXTASKS_GATHER_CANCEL_SECONDS = env.decimal("PIXTASKS_GATHER_CANCEL_SECONDS", 3)

# How long an answer is replayed under its Idempotency-Key. Seconds.
PIXTASKS_IDEMPOTENCY_SECONDS = env.number("PIXTASKS_IDEMPOTENCY_SECONDS", 86_400, minimum=1)

# Webhooks: seconds that a receiver has for its answer, and how long ended deliveries stay in the log.
PIXTASKS_WEBHOOK_SECONDS = env.decimal("PIXTASKS_WEBHOOK_SECONDS", 10, minimum=0.1)
PIXTASKS_WEBHOOK_KEEP_DAYS = env.number("PIXTASKS_WEBHOOK_KEEP_DAYS", 90, minimum=1)
# Where "manage.py webhook_receiver" listens on loopback; in development webhooks may be sent there.
PIXTASKS_WEBHOOK_RECEIVER_PORT = env.number("PIXTASKS_WEBHOOK_RECEIVER_PORT", 9000, minimum=1)

# How long dialect C answers about a finished task from the cache; 0 = always from the database. Seconds.
PIXTASKS_STATUS_CACHE_SECONDS = env.number("PIXTASKS_STATUS_CACHE_SECONDS", 10)

# The webhook that takes in progress (CONTRACT G26-G32, X46, X47); WEBHOOK_SECRET is set by the profile. While a secret
# is being replaced, what is signed by the one before is accepted too.
WEBHOOK_SECRET_PREVIOUS = env.text("WEBHOOK_SECRET_PREVIOUS").strip()
# How long the bodies that came are remembered, so that none is accepted twice.
PIXTASKS_RECEIVED_KEEP_DAYS = env.number("PIXTASKS_RECEIVED_KEEP_DAYS", 90, minimum=1)

# A WebSocket server beside this product's own: accepted progress is posted to its /broadcast. Empty = there is none.
WEBSOCKET_SERVER_URL = env.text("WEBSOCKET_SERVER_URL").strip().rstrip("/")
INTERNAL_API_SECRET = env.text("INTERNAL_API_SECRET").strip()

# What clients of the task service (gather.client) call, and the key they send (CONTRACT G33, X45); the profile knows
# the default of the address.
TASK_API_KEY = env.text("TASK_API_KEY").strip()

# Live progress: how often the history is read while somebody listens, in seconds; how many unsent lines a client may
# have before it is sent away to resume; and how many clients one process serves.
PIXTASKS_REALTIME_POLL_SECONDS = env.decimal("PIXTASKS_REALTIME_POLL_SECONDS", 0.25, minimum=0.01)
PIXTASKS_REALTIME_QUEUE = env.number("PIXTASKS_REALTIME_QUEUE", 1000, minimum=1)
PIXTASKS_REALTIME_CLIENTS = env.number("PIXTASKS_REALTIME_CLIENTS", 5000, minimum=1)
