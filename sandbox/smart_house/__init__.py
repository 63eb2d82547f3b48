"""The Smart House on loopback: what homes with Home Assistant uploaded, as its server's public source code gives it."""
