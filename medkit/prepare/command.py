"""The command."""


def main(arguments: list[str]) -> int:
    """Run it."""
    return 1
