"""The protocol's official Python SDK with nothing but a URL and a key: lists, calls, gets a prompt; prints what it saw."""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, key: str, mode: str) -> dict:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            tools = await client.list_tools()
            heard = []

            async def progress(done, total, message):
                heard.append([done, total])

            called = await client.call_tool("get_weather", {"city": "Oslo"}, progress_callback=progress)
            failed = await client.call_tool("get_weather", {"city": 7})
            prompts = await client.list_prompts()
            prompt = await client.get_prompt("forecast", {"city": "Oslo"})
            return {
                "version": client.protocol_version,
                "tools": [tool.name for tool in tools.tools],
                "output": called.structured_content,
                "progress": heard,
                "failed": failed.is_error,
                "prompts": [prompt.name for prompt in prompts.prompts],
                "said": [message.content.text for message in prompt.messages],
            }


print(json.dumps(asyncio.run(main(*sys.argv[1:4]))))
