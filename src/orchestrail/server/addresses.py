"""Where the interface for programs begins; everything else is for people."""

API = "/api/"
PREFIX = f"{API}v1"
