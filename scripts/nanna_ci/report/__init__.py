"""One document of blocks, rendered as text, markdown, HTML or JSON; GitHub's files."""
