"""Commands of README.md that tests run as they stand there."""
import re
from pathlib import Path


def chicago_ingest(source):
    """Words of `precinct ingest` for the panel of Chicago but its --out, which is returned as well."""
    command = re.search(r"(?m)^\$precinct (ingest --profile chicago_points .*?) +--out (\S+) (\S+)$",
                        (Path(source) / "README.md").read_text())
    words = [str(source / word) if word.startswith("data/") else word for word in command.group(1).split()]
    return [*words, str(source / command.group(3))], command.group(2)
