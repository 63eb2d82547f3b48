"""What a GraphQL document would do, read by the parser that the webserver itself executes with."""

import json
from typing import Final

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

_KEYWORDS: Final = (OperationType.MUTATION.value, OperationType.SUBSCRIPTION.value)


def changes_something(text: str) -> bool:
    """Whether any operation of the document is not a query.

    So is one that has the word and cannot be read: how deep the parser follows a document depends on how much of the
    stack is left, and the webserver, which begins a thread for each, has more of it left than we.
    """
    if not any(keyword in text for keyword in _KEYWORDS):  # the language has no other way to write them
        return False
    try:
        definitions = parse(text, no_location=True).definitions
    except (GraphQLError, RecursionError):
        return True
    operations = [node.operation for node in definitions if isinstance(node, OperationDefinitionNode)]
    return any(operation is not OperationType.QUERY for operation in operations)


def body_changes_something(body: bytes) -> bool:
    """The same of a JSON body with the document in `query`; so does a body that is anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return True
    text = document.get("query") if isinstance(document, dict) else None
    return not isinstance(text, str) or changes_something(text)
