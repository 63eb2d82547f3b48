"""Foreign texts: what a database can hold of them, and what a message shows."""


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold `text`: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def storable(text: str) -> str:
    """`text` with what PostgreSQL cannot hold (NUL, lone surrogates) written as escapes."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def clipped(value: object, limit: int = 60) -> str:
    """Foreign content for a message: as Python writes it, on one line, and short."""
    text = ascii(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
