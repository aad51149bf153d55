"""One bridge: its program and session, the line to it, and who looks after it."""
