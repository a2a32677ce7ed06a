"""What schemathesis cannot know of this API by its description."""

import os

import schemathesis

# Ids and slugs of the workspaces that the run works in.
WORKSPACES = os.environ["CONTRACT_WORKSPACE"].split() + ["development", "peers"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps the run's workspaces, and leaves cursors to the lists that make them."""
    operation = case.operation.definition.raw.get("operationId")
    path = case.path_parameters or {}
    if operation == "delete_workspace" and path.get("workspace_id") in WORKSPACES:
        path["workspace_id"] = "another"
    if operation == "rename_workspace" and isinstance(case.body, dict):
        case.body.pop("slug", None)
    # A cursor is right only as it was answered; tests/it walks every list. One that is wrong on purpose stays.
    if is_positive(case):
        if isinstance(case.query, dict):
            case.query.pop("cursor", None)
        # The generator takes a text for this pattern that does not fit it.
        tags = case.headers.get("If-None-Match") if case.headers else None
        if tags and not tags.startswith(('"', "W/", "*")):
            del case.headers["If-None-Match"]


def is_positive(case):
    meta = case.meta
    return meta is not None and meta.generation.mode.is_positive


@schemathesis.check
def defects_are_ours(ctx, response, case):
    """Of server errors, only a tool's or a model server's failure is an answer; anything else is a defect."""
    if response.status_code < 500:
        return
    try:
        body = response.json()
    except ValueError:
        body = {}
    if response.status_code == 500 and body.get("success") is False and body.get("execution_id"):
        return
    if response.status_code == 503 and str(body.get("code", "")).startswith("model_"):
        return
    raise AssertionError(f"a defect, or a dependency that is down: {response.text[:500]}")
