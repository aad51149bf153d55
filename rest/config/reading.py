"""The bytes of a declared configuration to a document: JSON, or YAML 1.2. For a fork: YAML takes a second for 3 000
rules."""

from __future__ import annotations

from typing import Any

from ruamel import yaml
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from rest.decode import DEPTH_MAX, decode
from rest.problems import Failure

JSON, YAML = "application/json", "application/yaml"
MEDIA = (JSON, YAML)
BYTES_MAX = 16 << 20
VALUES_MAX = 2_000_000


class _Plain(yaml.SafeConstructor):
    """Without merge keys: each level of them can make ten of one, long before anybody can count."""

    def flatten_mapping(self, node: Any) -> Any:
        for name, _ in node.value:
            if name.tag == "tag:yaml.org,2002:merge":
                raise MarkedYAMLError(problem="merge keys (<<) are not understood", problem_mark=name.start_mark)
        return super().flatten_mapping(node)


def document_of(body: bytes, media: str) -> Any:
    """`Failure` 400 ``invalid_json`` or ``invalid_yaml`` with line and column."""
    document = decode(body, VALUES_MAX) if media == JSON else _yaml(body)
    _bounded(document)
    return document


def _yaml(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid("the body is not UTF-8", body.count(b"\n", 0, error.start) + 1, 1) from None
    reader = yaml.YAML(typ="safe", pure=True)
    reader.Constructor = _Plain
    try:
        return reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _invalid(" ".join(str(error.problem or "this is no YAML").split())[:200], *where) from None
    except (YAMLError, RecursionError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise _invalid(" ".join(str(error).split())[:200] or "this is no YAML", 1, 1) from None


def _bounded(document: Any) -> None:
    """YAML's aliases can make a little text very large, or endless."""
    seen, waiting = 0, [(document, 0)]
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        if seen > VALUES_MAX:
            raise Failure(413, "too_large", f"a configuration has at most {VALUES_MAX} values", limit_values=VALUES_MAX)
        if depth > DEPTH_MAX:
            raise _invalid("nested too deeply", 1, 1)
        waiting.extend((child, depth + 1) for child in _children(node))


def _children(node: Any) -> Any:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _invalid(detail: str, line: int, column: int) -> Failure:
    return Failure(400, "invalid_yaml", f"{detail}: line {line}, column {column}", line=line, column=column)
