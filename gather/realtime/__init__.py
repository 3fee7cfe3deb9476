"""Live progress over WebSocket and server-sent events (CONTRACT G32, G39, X48, X49, X50; docs/websocket.md)."""
