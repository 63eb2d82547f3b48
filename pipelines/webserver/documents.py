"""What a GraphQL document would do, read by the parser that the webserver itself executes with."""

import json

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse


def changes_something(text: str) -> bool:
    """Whether any operation of the document is not a query; so is one that is nested too deep to be read.

    A document that the parser refuses changes nothing: the webserver refuses it for the same reason.
    """
    try:
        definitions = parse(text, no_location=True).definitions
    except GraphQLError:
        return False
    except RecursionError:
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
