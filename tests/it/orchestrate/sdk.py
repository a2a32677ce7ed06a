"""Asks a server with OpenAI's own SDK, which must understand all of it; tells what it understood, as JSON."""

import json
import sys

import openai
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0, timeout=30)
EVENT = TypeAdapter(ResponseStreamEvent)
ASKED = {
    "model": "gpt-5",
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "tools": [{
        "type": "function", "name": "weather_api", "description": "Weather", "strict": True,
        "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}},
            "required": ["city"], "additionalProperties": False,
        },
    }],
}
WEATHER = [{"role": "user", "content": "What's the weather in SF?"}]


def read(response):
    """What the SDK makes of an answer. It builds answers without checking them, so they are checked here."""
    Response.model_validate_json(response.to_json())
    return {
        "status": response.status,
        "types": [item.type for item in response.output],
        "text": response.output_text,
        "calls": [[item.name, json.loads(item.arguments)] for item in response.output if item.type == "function_call"],
        "sealed": all(item.encrypted_content for item in response.output if item.type == "reasoning"),
        "tokens": response.usage.total_tokens,
    }


def plain(asked):
    return client.responses.create(**ASKED, input=asked)


def streamed(asked):
    """Event by event: each is of a class of the SDK's, and holds what that class must hold."""
    text, arguments, last = "", "", None
    for event in client.responses.create(**ASKED, input=asked, stream=True):
        EVENT.validate_json(event.to_json())
        if event.type == "error":
            return ["error event", event.code, event.message]
        if event.type == "response.output_text.delta":
            text += event.delta
        if event.type == "response.function_call_arguments.delta":
            arguments += event.delta
        last = event
    return {"deltas": text, "arguments": arguments, "last": last.type, **read(last.response)}


def assembled(asked):
    """The SDK's own helper, which puts the events together and stumbles over any that does not fit."""
    with client.responses.stream(**ASKED, input=asked) as stream:
        for _ in stream:
            pass
        return read(stream.get_final_response())


def failure(ask):
    try:
        return ask(WEATHER)
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code, error.response.headers.get("retry-after")]
    except openai.APIError as error:
        return [type(error).__name__, error.code]


def turns():
    first = plain(WEATHER)
    asked = WEATHER + first.output
    for item in first.output:
        if item.type == "function_call":
            asked = asked + [{"type": "function_call_output", "call_id": item.call_id, "output": "18"}]
    return [read(first), read(plain(asked))]


print(json.dumps({
    "turns": turns(),
    "streamed": streamed(WEATHER),
    "assembled": assembled(WEATHER),
    "refused": read(plain(WEATHER)),
    "cut_short": streamed(WEATHER),
    "failures": [failure(plain) for _ in range(4)] + [failure(streamed) for _ in range(4)],
    "demonstration": streamed(WEATHER),
}))
